/** The part of node/ports' clock that the store needs. */
export type StoreClock = {
  wallMs(): number
  monotonicMs(): number
  at(atMs: number, wake: () => void): () => void
}

/** The moment until which one operation may take, on the monotonic clock. */
export class Deadline {
  readonly #clock: StoreClock
  readonly beganMs: number
  readonly atMs: number
  /** What was granted from the start. */
  readonly timeoutMs: number

  constructor(clock: StoreClock, timeoutMs: number) {
    this.#clock = clock
    this.timeoutMs = timeoutMs
    this.beganMs = clock.monotonicMs()
    this.atMs = this.beganMs + timeoutMs
  }

  /** Milliseconds left, whole, 0 when it has passed. */
  get leftMs(): number {
    return Math.max(0, Math.ceil(this.atMs - this.#clock.monotonicMs()))
  }

  /** Waits `ms`, or less when the deadline comes first. */
  pause(ms: number): Promise<void> {
    const untilMs = Math.min(this.atMs, this.#clock.monotonicMs() + ms)
    return new Promise(resolve => void this.#clock.at(untilMs, resolve))
  }
}
