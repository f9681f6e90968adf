import { SlurpError } from '../../base/errors.ts'
import { TokenBuckets } from '../caps/token-buckets.ts'

const subjectsMax = 10_000

/** Holds each subject to so many requests a second, and as many at once after a pause. */
export class RateLimit {
  readonly #perSecond: number
  readonly #nowMs: () => number
  readonly #buckets: TokenBuckets

  /** @param perSecond - at least 1, so that who is refused may come back after a second. */
  constructor(perSecond: number, nowMs: () => number = () => performance.now()) {
    this.#perSecond = perSecond
    this.#nowMs = nowMs
    this.#buckets = new TokenBuckets({ perSecond, burst: perSecond, subjectsMax })
  }

  /** @throws SlurpError TOO_MANY. */
  enter(subject: string): void {
    if (this.#buckets.take(subject, this.#nowMs())) return
    throw new SlurpError('TOO_MANY', `More than ${this.#perSecond} requests in a second came from you.`, {
      hint: 'Send fewer requests a second; `requestsPerSecondMax` of `slurp help config` is how many.',
    })
  }
}
