import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { ChaosFailure } from '../failure.ts'
import type { Call, ChainEntry } from './call.ts'

/** The format of the lines below. */
export const historyFormat = 1

/** One line of a recorded history. */
export type HistoryLine =
  | { readonly type: 'run'; readonly format: number; readonly seed: number; readonly peers: number }
  | ({ readonly type: 'call' } & Call)
  /** Something that was done to the fleet, or undone; only for whoever reads the story. */
  | { readonly type: 'fault'; readonly atMs: number; readonly what: string }
  /** All versions of an address when everything was over, newest first. */
  | { readonly type: 'chain'; readonly address: string; readonly entries: readonly ChainEntry[] }

/** A run as it can be checked again. */
export type RecordedRun = {
  readonly seed: number
  readonly calls: readonly Call[]
  readonly chains: ReadonlyMap<string, readonly ChainEntry[]>
  readonly faults: readonly { readonly atMs: number; readonly what: string }[]
}

/** @throws ChaosFailure when the file is no history of this format. */
export async function readHistory(path: string): Promise<RecordedRun> {
  const calls: Call[] = []
  const chains = new Map<string, readonly ChainEntry[]>()
  const faults: { atMs: number; what: string }[] = []
  let seed: number | null = null
  for await (const text of createInterface({ input: createReadStream(path, 'utf8') })) {
    const line = parse(text, path)
    switch (line.type) {
      case 'run':
        if (line.format !== historyFormat) throw new ChaosFailure(`${path} has format ${line.format}`)
        seed = line.seed
        break
      case 'call': {
        const { type: _, ...call } = line
        calls.push(call)
        break
      }
      case 'chain':
        chains.set(line.address, line.entries)
        break
      case 'fault':
        faults.push({ atMs: line.atMs, what: line.what })
    }
  }
  if (seed === null) throw new ChaosFailure(`${path} is no history of a chaos run`)
  return { seed, calls, chains, faults }
}

const lineTypes = new Set(['run', 'call', 'fault', 'chain'])

function parse(text: string, path: string): HistoryLine {
  const line = objectFrom(text)
  if (line !== null && 'type' in line && lineTypes.has(String(line.type))) return line as HistoryLine
  // The last line of a run that was killed may be half a line: it must not pass for a short history.
  throw new ChaosFailure(`${path} has a line that is none of a history: ${text.slice(0, 100)}`)
}

function objectFrom(text: string): object | null {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' ? value : null
  } catch {
    return null
  }
}
