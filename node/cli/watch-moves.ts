import { setTimeout as delay } from 'node:timers/promises'
import type { RingProgress } from '../fleet-control.ts'
import type { FleetClient } from './client.ts'
import type { Session } from './session.ts'
import { describeShortly, describeWaiting } from './show-progress.ts'

const pollMs = 250
/** On a terminal whatever still waits is named in full so often. */
const tellEveryMs = 10_000
const columnsByDefault = 100

export type Watching = {
  /** Looked at again and again; true ends the wait. */
  readonly done: (progress: RingProgress) => boolean
  /** Give up then; null: never. */
  readonly patienceMs: number | null
  readonly timeoutMs: number | undefined
  /** Called with every answer. */
  readonly onProgress?: (progress: RingProgress) => void
}

/**
 * Asks how moves go on until `done` says so.
 *
 * @returns the last answer, and whether it was over in time.
 * @throws SlurpError UNREACHABLE when no door answers any more.
 */
export async function watchMoves(
  session: Session,
  client: FleetClient,
  watching: Watching,
): Promise<{ progress: RingProgress; isDone: boolean }> {
  const startedMs = performance.now()
  const line = new StatusLine(session)
  let toldMs = startedMs
  try {
    for (;;) {
      const { timeoutMs } = watching
      const answer = await client.call({ method: 'GET', path: '/v1/ring/progress', timeoutMs })
      const progress = answer as RingProgress
      watching.onProgress?.(progress)
      if (watching.done(progress)) return { progress, isDone: true }
      const nowMs = performance.now()
      if (watching.patienceMs !== null && nowMs - startedMs >= watching.patienceMs)
        return { progress, isDone: false }
      if (nowMs - toldMs >= tellEveryMs) {
        toldMs = nowMs
        line.tell(describeWaiting(progress.moving))
      }
      line.draw(describeShortly(progress))
      await delay(pollMs)
    }
  } finally {
    line.clear()
  }
}

/** One line of stderr that is drawn over; only on a terminal. */
class StatusLine {
  readonly #session: Session

  constructor(session: Session) {
    this.#session = session
  }

  draw(text: string): void {
    const columns = Number(this.#session.environment.COLUMNS) || process.stderr.columns || columnsByDefault
    this.#write(`\r${text.slice(0, columns - 1)}\x1b[K`)
  }

  /** Lines that stay. */
  tell(lines: readonly string[]): void {
    if (lines.length > 0) this.#write(`\r\x1b[K${lines.join('\n')}\n`)
  }

  clear(): void {
    this.#write('\r\x1b[K')
  }

  #write(text: string): void {
    if (this.#session.errIsTerminal) this.#session.err(text)
  }
}
