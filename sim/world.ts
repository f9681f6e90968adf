import { type Random, seeded } from '../base/random.ts'
import { EventHeap } from './heap.ts'
import { Trace } from './trace.ts'

/** Events in one run, at most, where its maker says nothing else: beyond it something spins. */
export const worldStepsMax = 3_000_000

/** Virtual time, the one event heap, and what happened so far as a fingerprint. */
export class World {
  readonly trace = new Trace()
  private readonly seed: number
  private readonly stepsMax: number
  private readonly heap = new EventHeap()
  private now = 0
  private stepsTaken = 0

  constructor(seed: number, stepsMax = worldStepsMax) {
    this.seed = seed
    this.stepsMax = stepsMax
  }

  /** Milliseconds since the run began. */
  get nowMs(): number {
    return this.now
  }

  /** Events carried out so far. */
  get steps(): number {
    return this.stepsTaken
  }

  /** A generator of its own for each purpose: drawing more for one does not shift the others. */
  random(purpose: string): Random {
    let mixed = this.seed >>> 0
    for (let i = 0; i < purpose.length; i++)
      mixed = Math.imul(mixed ^ purpose.charCodeAt(i), 0x01000193) >>> 0
    return seeded(mixed ^ Math.imul(this.seed, 0x9e3779b1))
  }

  /** Runs `run` once, `delayMs` from now. The returned function cancels. */
  after(delayMs: number, run: () => void): () => void {
    const event = this.heap.push(this.now + Math.max(0, delayMs), run)
    return () => {
      event.run = null
    }
  }

  /** Runs `act` after a pause, and again after another one, until it says false. */
  everySoOften(pauseMs: () => number, act: () => boolean): void {
    this.after(pauseMs(), () => {
      if (act()) this.everySoOften(pauseMs, act)
    })
  }

  /** Carries out events up to and including `untilMs`, or until `stop` says so; then that is the time. */
  run(untilMs: number, stop: () => boolean = () => false): void {
    for (;;) {
      const nextMs = this.heap.peekMs()
      if (nextMs === null || nextMs > untilMs) break
      const event = this.heap.pop()!
      if (event.run === null) continue
      this.now = event.atMs
      this.stepsTaken++
      if (this.stepsTaken > this.stepsMax) return
      event.run()
      if (stop()) return
    }
    if (untilMs > this.now) this.now = untilMs
  }
}
