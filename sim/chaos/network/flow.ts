import type { Socket } from 'node:net'
import type { Line } from './line.ts'

/** Bytes of one connection that may wait on their way; above it the sender feels it, as behind a full TCP window. */
const heldBytesMax = 1024 * 1024

/** What waits: bytes, or the end of them. */
type Parcel = { readonly bytes: Buffer | null; readonly dueMs: number }

/** Carries the bytes of one connection in one direction, in order, as its line allows. */
export class Flow {
  private readonly from: Socket
  private readonly to: Socket
  private readonly line: Line
  private readonly parcels: Parcel[] = []
  private readonly unwatch: () => void
  private heldBytes = 0
  private isBlocked = false
  private isOver = false
  private timer: NodeJS.Timeout | null = null

  /** @param over - called once, when nothing more will pass. */
  constructor(from: Socket, to: Socket, line: Line, over: () => void) {
    this.from = from
    this.to = to
    this.line = line
    this.unwatch = line.watch(() => this.carry())
    from.on('data', (bytes: Buffer) => this.take(bytes))
    from.once('end', () => this.take(null))
    // A peer that was killed, or a reset: the other side hears of it when the line lets it.
    from.once('close', () => this.take(null))
    to.on('drain', () => {
      this.isBlocked = false
      this.carry()
    })
    to.once('close', () => {
      this.end()
      over()
    })
    from.resume()
  }

  end(): void {
    if (this.isOver) return
    this.isOver = true
    this.unwatch()
    if (this.timer !== null) clearTimeout(this.timer)
    this.parcels.length = 0
  }

  private take(bytes: Buffer | null): void {
    if (this.isOver) return
    const nowMs = performance.now()
    this.parcels.push({ bytes, dueMs: this.line.dueMs(bytes?.length ?? 0, nowMs) })
    this.heldBytes += bytes?.length ?? 0
    if (this.heldBytes > heldBytesMax) this.from.pause()
    this.carry()
  }

  private carry(): void {
    if (this.timer !== null) clearTimeout(this.timer)
    this.timer = null
    while (!this.isOver && !this.isBlocked && !this.line.weather.isCut) {
      const next = this.parcels[0]
      if (next === undefined) return
      const waitMs = next.dueMs - performance.now()
      if (waitMs > 0.5) {
        this.timer = setTimeout(() => this.carry(), waitMs)
        return
      }
      this.parcels.shift()
      this.pass(next.bytes)
    }
  }

  private pass(bytes: Buffer | null): void {
    if (bytes === null) {
      // Whoever is gone for good does not read any more either.
      if (this.from.destroyed) this.to.destroySoon()
      else this.to.end()
      return
    }
    this.heldBytes -= bytes.length
    this.line.carriedBytes += bytes.length
    if (this.heldBytes <= heldBytesMax && this.from.isPaused()) this.from.resume()
    this.isBlocked = !this.to.write(bytes)
  }
}
