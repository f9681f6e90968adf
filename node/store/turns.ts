import { SlurpError } from '../../base/errors.ts'
import type { Deadline, StoreClock } from './deadline.ts'

type Waiting = { readonly go: () => void }

/**
 * One write at a time for an address within this process. Each has to name the version that it replaces; side by
 * side, all but one would be sealed in vain.
 */
export class Turns {
  readonly #clock: StoreClock
  readonly #waitingMax: number
  /** Those that wait for each key in use; the first in, first out. */
  readonly #queues = new Map<string, Waiting[]>()

  constructor(clock: StoreClock, waitingMax: number) {
    this.#clock = clock
    this.#waitingMax = waitingMax
  }

  /**
   * @returns the function that ends the turn, null when the deadline passed first.
   * @throws SlurpError TOO_MANY when too many wait.
   */
  take(key: string, deadline: Deadline): Promise<(() => void) | null> {
    const queue = this.#queues.get(key)
    const end = () => this.#end(key)
    if (queue === undefined) {
      this.#queues.set(key, [])
      return Promise.resolve(end)
    }
    if (queue.length >= this.#waitingMax)
      return Promise.reject(
        new SlurpError('TOO_MANY', 'Too many writes to this address are waiting; nothing was written.'),
      )
    return new Promise(resolve => {
      const cancel = this.#clock.at(deadline.atMs, () => {
        queue.splice(queue.indexOf(waiting), 1)
        resolve(null)
      })
      const waiting = {
        go: () => {
          cancel()
          resolve(end)
        },
      }
      queue.push(waiting)
    })
  }

  #end(key: string): void {
    const next = this.#queues.get(key)?.shift()
    if (next === undefined) this.#queues.delete(key)
    else next.go()
  }
}
