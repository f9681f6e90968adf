import { asSlurpError, type ErrorBody, type SlurpError } from '../../../base/errors.ts'
import type { NumberedLine } from '../../store/ndjson.ts'

/** A line that was not stored, as the failures file keeps it. `text` null: it could not be read. */
export type FailedLine = {
  readonly line: number
  readonly text: string | null
  readonly error: ErrorBody['error']
}

export type SourceLine = { readonly line: number; readonly text: string }

export type FeedOptions = {
  readonly onFailed: (failed: FailedLine) => Promise<void>
  /** When it aborts no more lines are sent; those that were are waited for. */
  readonly interrupted: AbortSignal
}

/** Where an exchange with one door gets its lines from. */
export interface LineFeed {
  next(): Promise<SourceLine | null>
  /** Takes back lines that no peer has begun. */
  giveBack(lines: readonly SourceLine[]): void
  /** The line as it stood in the source. */
  original(line: SourceLine): SourceLine
}

/** The lines still to send, with those that came back first. */
export class Feed implements LineFeed {
  /** What reading the source threw; it ends the feed there. */
  failure: SlurpError | null = null
  readonly #lines: AsyncGenerator<NumberedLine>
  readonly #options: FeedOptions
  #back: SourceLine[] = []

  constructor(lines: AsyncGenerator<NumberedLine>, options: FeedOptions) {
    this.#lines = lines
    this.#options = options
  }

  giveBack(lines: readonly SourceLine[]): void {
    this.#back = [...lines, ...this.#back]
  }

  original(line: SourceLine): SourceLine {
    return line
  }

  async next(): Promise<SourceLine | null> {
    if (this.#options.interrupted.aborted) return null
    return this.#take()
  }

  async nextLine(): Promise<number | null> {
    const line = await this.#take()
    if (line) this.giveBack([line])
    return line?.line ?? null
  }

  async #read(): Promise<IteratorResult<NumberedLine>> {
    if (this.failure) return { done: true, value: undefined }
    try {
      return await this.#lines.next()
    } catch (thrown) {
      this.failure = asSlurpError(thrown)
      return { done: true, value: undefined }
    }
  }

  async #take(): Promise<SourceLine | null> {
    for (;;) {
      const back = this.#back.shift()
      if (back) return back
      const { done, value } = await this.#read()
      if (done) return null
      if ('text' in value) return value
      await this.#options.onFailed({ line: value.line, text: null, error: value.failure.toBody().error })
    }
  }
}
