import { SlurpError } from '../../base/errors.ts'

/** Counts what is being carried out and refuses what would be too much at once. */
export class Admission {
  readonly #requestsMax: number
  readonly #bodyBytesMax: number
  #requests = 0
  #requestsLeft = 0
  #bodyBytes = 0
  readonly #closing = new AbortController()
  readonly #whenIdle: (() => void)[] = []

  constructor(caps: { requestsMax: number; bodyBytesMax: number }) {
    this.#requestsMax = caps.requestsMax
    this.#bodyBytesMax = caps.bodyBytesMax
  }

  get requestsInFlight(): number {
    return this.#requests
  }

  /** Requests that were carried out. */
  get requestsLeft(): number {
    return this.#requestsLeft
  }

  /** Aborted once `close` was called. */
  get closing(): AbortSignal {
    return this.#closing.signal
  }

  /**
   * @param bodyBytes - what the body may take in memory.
   * @returns gives the place back; to be called once.
   * @throws SlurpError TOO_MANY or SHUTTING_DOWN.
   */
  enter(bodyBytes: number): () => void {
    if (this.closing.aborted) throw new SlurpError('SHUTTING_DOWN', 'This peer is stopping.')
    if (this.#requests >= this.#requestsMax) {
      throw new SlurpError('TOO_MANY', `${this.#requests} requests are in flight, which is the most.`)
    }
    if (this.#requests > 0 && this.#bodyBytes + bodyBytes > this.#bodyBytesMax) {
      throw new SlurpError('TOO_MANY', 'The bodies of the requests in flight take all the memory for them.')
    }
    this.#requests += 1
    this.#bodyBytes += bodyBytes
    return () => {
      this.#requests -= 1
      this.#requestsLeft += 1
      this.#bodyBytes -= bodyBytes
      if (this.#requests === 0) for (const wake of this.#whenIdle.splice(0)) wake()
    }
  }

  /** From now on every request is refused. Resolves when the last one that runs is done. */
  close(): Promise<void> {
    this.#closing.abort()
    if (this.#requests === 0) return Promise.resolve()
    return new Promise(resolve => this.#whenIdle.push(resolve))
  }
}
