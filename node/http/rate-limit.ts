import { LRUCache } from 'lru-cache'
import { SlurpError } from '../../base/errors.ts'

/** Subjects that are remembered; one that is forgotten begins anew. */
const subjectsMax = 10_000

type Bucket = { readonly requests: number; readonly atMs: number }

/** Holds each subject to so many requests a second, and as many at once after a pause: a token bucket. */
export class RateLimit {
  readonly #perSecond: number
  readonly #nowMs: () => number
  readonly #buckets = new LRUCache<string, Bucket>({ max: subjectsMax })

  /** @param perSecond - at least 1, so that who is refused may come back after a second. */
  constructor(perSecond: number, nowMs: () => number = () => performance.now()) {
    this.#perSecond = perSecond
    this.#nowMs = nowMs
  }

  /** @throws SlurpError TOO_MANY. */
  enter(subject: string): void {
    const atMs = this.#nowMs()
    const before = this.#buckets.get(subject) ?? { requests: this.#perSecond, atMs }
    const refilled = before.requests + ((atMs - before.atMs) / 1000) * this.#perSecond
    const requests = Math.min(this.#perSecond, refilled)
    if (requests < 1)
      throw new SlurpError('TOO_MANY', `More than ${this.#perSecond} requests in a second came from you.`, {
        hint: 'Send fewer requests a second; `requestsPerSecondMax` of `slurp help config` is how many.',
      })
    this.#buckets.set(subject, { requests: requests - 1, atMs })
  }
}
