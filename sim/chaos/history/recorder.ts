import { createWriteStream, type WriteStream } from 'node:fs'
import type { Ask, Call, Outcome } from './call.ts'
import type { HistoryLine } from './file.ts'

/** Calls of one run, at most: about a kilobyte of memory each. */
export const callsMax = 4_000_000

/** Writes down every call with its place in the one order of all calls and returns. */
export class Recorder {
  readonly calls: Call[] = []
  private readonly nowMs: () => number
  private readonly file: WriteStream
  private order = 0

  /** @param nowMs - milliseconds since the start of the load. */
  constructor(path: string, nowMs: () => number) {
    this.nowMs = nowMs
    this.file = createWriteStream(path, { mode: 0o600 })
  }

  get isFull(): boolean {
    return this.calls.length >= callsMax
  }

  /** Carries a request out and records it. `request` never rejects. */
  async record(
    about: { readonly worker: string; readonly door: string; readonly address: string; readonly ask: Ask },
    request: () => Promise<Outcome>,
  ): Promise<Call> {
    const calledAt = this.next()
    const calledMs = this.nowMs()
    const outcome = await request()
    const call: Call = {
      ...about,
      calledAt,
      returnedAt: this.next(),
      calledMs: rounded(calledMs),
      returnedMs: rounded(this.nowMs()),
      outcome,
    }
    this.calls.push(call)
    this.write({ type: 'call', ...call })
    return call
  }

  write(line: HistoryLine): void {
    this.file.write(`${JSON.stringify(line)}\n`)
  }

  async close(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.file.once('error', reject)
    this.file.end(resolve)
    await promise
  }

  private next(): number {
    this.order += 1
    return this.order
  }
}

const rounded = (ms: number): number => Math.round(ms * 1_000) / 1_000
