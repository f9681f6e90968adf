import type { Readable } from 'node:stream'
import type { Target } from './target.ts'
import type { Wiring } from './wiring.ts'

/** Where one run of the command line reads from and writes to. */
export type Session = {
  readonly wiring: Wiring
  readonly environment: NodeJS.ProcessEnv
  /** Null where there is nothing to read: the demo's prompt. */
  readonly input: (Readable & { readonly isTTY?: boolean }) | null
  /** Results; with --json also errors. */
  readonly out: (text: string) => void
  /** For people: errors, progress, remarks. */
  readonly err: (text: string) => void
  /** Whether `err` is a terminal that a progress bar may be drawn on. */
  readonly errIsTerminal: boolean
  /** The fleet to talk to, where it is not for the options to say. */
  readonly target: Target | null
  /** Exit code of a run that did not throw. */
  exitCode: number
}

/** Prints a result: one JSON object on one line with --json, else text for people. */
export function answer(
  session: Session,
  json: boolean | undefined,
  result: object,
  text: () => string,
): void {
  session.out(json ? `${JSON.stringify(result)}\n` : `${text()}\n`)
}

/** Columns padded to the widest cell. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths: number[] = []
  for (const row of rows) {
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length)
  }
  const line = (row: readonly string[]) => row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('  ')
  return rows.map(row => line(row).trimEnd()).join('\n')
}
