import type { World } from '../world.ts'

/**
 * The one processor of a peer: a queue with a single server, in the shape of Node's event loop. A turn takes the
 * inputs that wait, one after the other, then what was put off to the end of the turn; what comes in meanwhile waits
 * for the next one. So a busy peer sends more in one frame, as the real one does.
 *
 * A task runs at the virtual time at which it starts and says with `use` how long it takes. What it does to the
 * outside happens at `localMs`, which is later by as much as it has used so far.
 */
export class EventLoop {
  /** Processor time used so far, in milliseconds. */
  busyMs = 0
  /** Number of the running turn, from 1. */
  turn = 0
  private readonly world: World
  private readonly idleMs: number
  private waiting: (() => void)[] = []
  private putOff: (() => void)[] = []
  private tasks: (() => void)[] = []
  private isRunning = false
  private atEnd = false
  private usedMs = 0

  /** @param idleMs - taking up work after there was none. */
  constructor(world: World, idleMs: number) {
    this.world = world
    this.idleMs = idleMs
  }

  /** Virtual time as the running task sees it. */
  get localMs(): number {
    return this.world.nowMs + this.usedMs
  }

  /** Inputs that wait for their turn. */
  get queued(): number {
    return this.waiting.length + this.tasks.length
  }

  /** One input; it runs when those before it have. */
  post(run: () => void): void {
    this.waiting.push(run)
    this.wake()
  }

  /** Runs once, when the inputs of this turn have run. */
  soon(run: () => void): void {
    this.putOff.push(run)
    this.wake()
  }

  /** The running task takes so much longer. */
  use(forMs: number): void {
    this.usedMs += forMs
    this.busyMs += forMs
  }

  private wake(): void {
    if (this.isRunning) return
    this.isRunning = true
    this.begin()
    this.use(this.idleMs)
    this.go()
  }

  private begin(): void {
    this.turn += 1
    this.tasks = this.waiting
    this.waiting = []
    this.atEnd = false
  }

  /** Tasks without cost follow one another at once, the others in events of their own. */
  private go(): void {
    for (;;) {
      if (this.usedMs > 0) {
        this.world.after(this.usedMs, () => {
          this.usedMs = 0
          this.go()
        })
        return
      }
      const task = this.tasks.shift()
      if (task !== undefined) {
        task()
        continue
      }
      if (!this.atEnd) {
        this.atEnd = true
        this.tasks = this.putOff
        this.putOff = []
        continue
      }
      if (this.waiting.length + this.putOff.length === 0) {
        this.isRunning = false
        return
      }
      this.begin()
    }
  }
}
