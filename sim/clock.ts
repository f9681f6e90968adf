import type { Clock } from '../node/ports/ports.ts'
import type { World } from './world.ts'

/** Milliseconds since the epoch at which every run begins. */
export const epochMs = 1_750_000_000_000

/**
 * What time looks like on one machine: a wall clock that is kept in step with the world's but for `skewMs` and
 * jumps, and an oscillator that runs `rate` times as fast as it should. It survives the processes of its machine.
 */
export class MachineTime {
  readonly rate: number
  private readonly world: World
  private readonly skewMs: number
  private jumpMs = 0

  constructor(world: World, rate: number, skewMs: number) {
    this.world = world
    this.rate = rate
    this.skewMs = skewMs
  }

  wallMs(): number {
    return Math.floor(epochMs + this.world.nowMs + this.skewMs + this.jumpMs)
  }

  jump(byMs: number): void {
    this.jumpMs += byMs
  }

  /** Undoes every jump. */
  heal(): void {
    this.jumpMs = 0
  }
}

/**
 * The clock of one process. `whenRunning` delivers to the process now, after its pause, or never once it died.
 */
export class SimClock implements Clock {
  private readonly world: World
  private readonly machine: MachineTime
  private readonly bootMs: number
  private readonly whenRunning: (run: () => void) => void
  private readonly tickMs: number

  /** @param tickMs - how long one tick of the process collects inputs. */
  constructor(world: World, machine: MachineTime, tickMs: number, whenRunning: (run: () => void) => void) {
    this.world = world
    this.machine = machine
    this.bootMs = world.nowMs
    this.tickMs = tickMs
    this.whenRunning = whenRunning
  }

  wallMs(): number {
    return this.machine.wallMs()
  }

  monotonicMs(): number {
    return (this.world.nowMs - this.bootMs) * this.machine.rate
  }

  at(atMs: number, wake: () => void): () => void {
    let cancelled = false
    // A hair late, so that rounding never wakes a process before its own clock shows `atMs`.
    const delayMs = (atMs - this.monotonicMs()) / this.machine.rate + 0.001
    const cancel = this.world.after(delayMs, () =>
      this.whenRunning(() => {
        if (!cancelled) wake()
      }),
    )
    return () => {
      cancelled = true
      cancel()
    }
  }

  soon(run: () => void): void {
    this.world.after(this.tickMs, () => this.whenRunning(run))
  }
}
