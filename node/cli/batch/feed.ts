import { asSlurpError, type ErrorBody, type SlurpError } from '../../../base/errors.ts'
import type { NumberedLine } from '../../store/ndjson.ts'
import type { SecondTries } from './second-try.ts'

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

/** Second tries of lines that a lost door did not answer. */
export class SecondFeed implements LineFeed {
  readonly #seconds: SecondTries
  readonly #options: FeedOptions
  /** In the order of the source. */
  readonly #originals: Map<number, SourceLine>
  #waiting: SourceLine[]

  constructor(doubtful: readonly SourceLine[], seconds: SecondTries, options: FeedOptions) {
    this.#seconds = seconds
    this.#options = options
    this.#waiting = [...doubtful]
    this.#originals = new Map(doubtful.map(line => [line.line, line]))
  }

  async next(): Promise<SourceLine | null> {
    if (this.#options.interrupted.aborted) return null
    for (let line = this.#waiting.shift(); line; line = this.#waiting.shift()) {
      const made = this.#seconds.of(line)
      if ('again' in made) return made.again
      await this.#options.onFailed(made.failed)
    }
    return null
  }

  giveBack(lines: readonly SourceLine[]): void {
    this.#waiting = [...lines.map(line => this.original(line)), ...this.#waiting]
  }

  original(line: SourceLine): SourceLine {
    return this.#originals.get(line.line) ?? line
  }

  /** What is left to try, those of unknown outcome first. */
  left(doubtful: readonly SourceLine[]): SourceLine[] {
    return [...doubtful.map(line => this.original(line)), ...this.#waiting]
  }
}
