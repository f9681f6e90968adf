import type { WishOutcome } from '../election/duty-step.ts'
import type { Clock } from './ports/ports.ts'

export type HastenedDutyParts = {
  /** Of the duty. */
  readonly name: string
  readonly control: {
    /** Null where this process does not lead. */
    token(): number | null
    wish(kind: 'runAsked', name: string, done: (outcome: WishOutcome) => void): void
  }
  readonly clock: Clock
}

/** What happens within so long makes one run. */
const gatherMs = 100
/** A run that goes on began before: it is followed by another one. */
const againMs = 1_000

/** Has a duty of the leader run soon after something happened that it is there for, instead of when it is due. */
export class HastenedDuty {
  readonly #parts: HastenedDutyParts
  #isAsked = false
  #cancel: () => void = () => undefined

  constructor(parts: HastenedDutyParts) {
    this.#parts = parts
  }

  hasten(): void {
    if (this.#isAsked) return
    this.#isAsked = true
    this.#askAfter(gatherMs)
  }

  stop(): void {
    this.#cancel()
  }

  #askAfter(ms: number): void {
    const { clock, control, name } = this.#parts
    this.#cancel = clock.at(clock.monotonicMs() + ms, () => {
      // Who leads next begins with what is due.
      if (control.token() === null) return this.#end()
      control.wish('runAsked', name, outcome => {
        if (outcome === 'running' || outcome === 'busy') this.#askAfter(againMs)
        else this.#end()
      })
    })
  }

  #end(): void {
    this.#isAsked = false
  }
}
