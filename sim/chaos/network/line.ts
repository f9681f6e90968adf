/** How one direction between two peers behaves now. */
export type Weather = {
  /** Nothing passes; what was sent waits, as TCP keeps it. */
  readonly isCut: boolean
  readonly delayMs: number
  /** Infinity: as fast as the machine. */
  readonly bytesPerSecond: number
}

export const fair: Weather = { isCut: false, delayMs: 0, bytesPerSecond: Number.POSITIVE_INFINITY }

/** One direction between two peers, shared by all of their connections. */
export class Line {
  weather: Weather = fair
  /** Bytes that came out at the other end. */
  carriedBytes = 0
  private freeAtMs = 0
  private readonly waiting = new Set<() => void>()

  change(weather: Weather): void {
    this.weather = weather
    for (const wake of [...this.waiting]) wake()
  }

  /** When bytes that were handed over now come out: after those before them, at the line's own speed. */
  dueMs(bytes: number, nowMs: number): number {
    const { delayMs, bytesPerSecond } = this.weather
    this.freeAtMs = Math.max(nowMs, this.freeAtMs) + (bytes * 1_000) / bytesPerSecond
    if (bytesPerSecond === Number.POSITIVE_INFINITY) this.freeAtMs = nowMs
    return this.freeAtMs + delayMs
  }

  /** Calls `wake` whenever the weather changes, until the returned function is called. */
  watch(wake: () => void): () => void {
    this.waiting.add(wake)
    return () => this.waiting.delete(wake)
  }
}
