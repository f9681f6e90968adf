import { asSlurpError } from '../../../base/errors.ts'
import { hlcFrom } from '../../../base/hlc.ts'
import {
  type AddressTemplate,
  defaultAddressTemplate,
  newAddressTemplate,
} from '../../store/address-template.ts'
import { resentLine } from '../../store/batch.ts'
import type { FailedLine, FeedOptions, LineFeed, SourceLine } from './feed.ts'
import { addressOfLine } from './line-address.ts'

/** Addresses whose newest version is remembered; more than a door ever holds without having answered. */
const rememberedMax = 8192
/** Peers whose clocks are further behind ours than this may store a line twice after one of them is lost. */
const clocksApartMs = 60_000

/**
 * Makes second tries of lines that a lost door did not answer: each names the newest version of its address that was
 * acknowledged, and only what was stored after that can be the first try.
 */
export class SecondTries {
  readonly #template: AddressTemplate
  readonly #newest = new Map<string, string>()
  /** Below every line that is not answered yet. */
  #floor: string

  /** @throws SlurpError USAGE for a template that cannot work. */
  constructor(template: string | undefined, startedWallMs: number) {
    this.#template = newAddressTemplate(template ?? defaultAddressTemplate)
    this.#floor = hlcFrom(Math.max(0, startedWallMs - clocksApartMs), 0, '00000000')
  }

  /** Notes what a door answered. */
  acknowledged(address: string, version: string): void {
    this.#newest.delete(address)
    this.#newest.set(address, version)
    if (this.#newest.size <= rememberedMax) return
    const [oldest] = this.#newest
    if (oldest === undefined) return
    // Everything that waits for an answer was begun long after this one was given.
    if (oldest[1] > this.#floor) this.#floor = oldest[1]
    this.#newest.delete(oldest[0])
  }

  /** The line to send again, or why it would have failed the first time too. */
  of(line: SourceLine): { readonly again: SourceLine } | { readonly failed: FailedLine } {
    try {
      const after = this.#newest.get(addressOfLine(line.text, this.#template)) ?? this.#floor
      return { again: { line: line.line, text: resentLine(after, line.text) } }
    } catch (thrown) {
      return { failed: { ...line, error: asSlurpError(thrown).toBody().error } }
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
