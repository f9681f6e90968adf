import { LRUCache } from 'lru-cache'

export type BucketOptions = {
  readonly perSecond: number
  /** So many at once, after a pause. */
  readonly burst: number
  /** Subjects that are remembered; one that is forgotten begins anew. */
  readonly subjectsMax: number
}

/** Holds each subject to so many of something a second. Times are monotonic, in milliseconds. */
export class TokenBuckets {
  readonly #options: BucketOptions
  readonly #buckets: LRUCache<string, { tokens: number; atMs: number }>

  constructor(options: BucketOptions) {
    this.#options = options
    this.#buckets = new LRUCache({ max: options.subjectsMax })
  }

  /** @returns after how many milliseconds there is one to take; 0: there is one. */
  waitMs(subject: string, nowMs: number): number {
    const { tokens } = this.#filled(subject, nowMs)
    return tokens < 1 ? Math.ceil((1_000 * (1 - tokens)) / this.#options.perSecond) : 0
  }

  /** @returns whether there was one. */
  take(subject: string, nowMs: number): boolean {
    const bucket = this.#filled(subject, nowMs)
    if (bucket.tokens < 1) return false
    bucket.tokens -= 1
    return true
  }

  #filled(subject: string, nowMs: number): { tokens: number; atMs: number } {
    const { perSecond, burst } = this.#options
    const bucket = this.#buckets.get(subject) ?? { tokens: burst, atMs: nowMs }
    bucket.tokens = Math.min(burst, bucket.tokens + ((nowMs - bucket.atMs) / 1_000) * perSecond)
    bucket.atMs = nowMs
    this.#buckets.set(subject, bucket)
    return bucket
  }
}
