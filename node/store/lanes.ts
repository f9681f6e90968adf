/** Bounds of {@link Lanes}. */
export type LaneBounds = {
  /** Jobs that run at once. */
  readonly running: number
  /** Jobs that were added and have not begun. */
  readonly waiting: number
  /** Sum of the sizes of all jobs that have not ended; a single larger one is let in alone. */
  readonly size: number
}

type Job = { readonly lane: string; readonly size: number; readonly run: () => Promise<void> }

/**
 * Runs jobs side by side, those of one lane one after the other in the order they were added. Holds its caller back
 * when enough wait, so that a stream of any length needs bounded memory.
 */
export class Lanes {
  readonly #bounds: LaneBounds
  /** Jobs behind the running one of each lane that is busy. */
  readonly #busy = new Map<string, Job[]>()
  /** Jobs whose lane is free, waiting for a place. */
  readonly #ready: Job[] = []
  #running = 0
  #waiting = 0
  #size = 0
  #failure: { readonly thrown: unknown } | null = null
  #wake: (() => void) | null = null

  constructor(bounds: LaneBounds) {
    this.#bounds = bounds
  }

  /**
   * Resolves when there is room for the next one. One caller at a time.
   *
   * @param size - what the job holds in memory, in any unit that `bounds.size` is in.
   * @throws what an earlier job threw; nothing is begun after that.
   */
  async add(lane: string, size: number, run: () => Promise<void>): Promise<void> {
    await this.#until(() => this.#failure !== null || this.#hasRoom(size))
    if (this.#failure !== null) throw this.#failure.thrown
    this.#size += size
    this.#waiting += 1
    const job = { lane, size, run }
    const queue = this.#busy.get(lane)
    if (queue === undefined) {
      this.#busy.set(lane, [])
      this.#ready.push(job)
    } else queue.push(job)
    this.#startReady()
  }

  /** Resolves when every job has ended. @throws what the first failed one threw; those waiting are dropped then. */
  async drain(): Promise<void> {
    await this.#until(() => this.#running === 0 && (this.#waiting === 0 || this.#failure !== null))
    if (this.#failure !== null) throw this.#failure.thrown
  }

  #hasRoom(size: number): boolean {
    const ended = this.#running === 0 && this.#waiting === 0
    return ended || (this.#waiting < this.#bounds.waiting && this.#size + size <= this.#bounds.size)
  }

  #startReady(): void {
    while (this.#failure === null && this.#running < this.#bounds.running) {
      const job = this.#ready.shift()
      if (job === undefined) return
      this.#running += 1
      this.#waiting -= 1
      job.run().then(
        () => this.#end(job),
        (thrown: unknown) => {
          this.#failure ??= { thrown }
          this.#end(job)
        },
      )
    }
  }

  #end(job: Job): void {
    this.#running -= 1
    this.#size -= job.size
    const queue = this.#busy.get(job.lane)
    const next = queue?.shift()
    if (next === undefined) this.#busy.delete(job.lane)
    else this.#ready.push(next)
    this.#startReady()
    this.#wake?.()
  }

  async #until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      await new Promise<void>(resolve => {
        this.#wake = resolve
      })
      this.#wake = null
    }
  }
}
