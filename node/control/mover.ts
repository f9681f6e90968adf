import type { PartitionId } from '../../base/ids.ts'
import { type MoveReports, type Waiting, waitedFor } from '../../dht/stages.ts'
import { assignmentsOf, type View } from '../../dht/view.ts'
import { advanced } from '../../dht/view-change.ts'
import type { Clock } from '../ports/ports.ts'
import type { ViewRegister } from './view-register.ts'

export type MoverOptions = {
  readonly clock: Clock
  readonly register: ViewRegister
  readonly view: () => View
  readonly reports: MoveReports
  /** The token to act under right now, null when this process does not lead. */
  readonly token: () => number | null
}

/** How often the leader looks whether a stage is over. */
const lookEveryMs = 100
const changeMs = 4_000
/** Without anything to move for so long, a run of the duty is over. */
const idleMs = 3_000
/** A learner that has not copied by then is not waited for, if a majority has. */
const patienceMs = 60_000

/** What is being moved, and what it waits for. */
export type WaitingSince = Waiting & { readonly sinceMs: number }

/** The leader's duty of view changes: carries planned moves through their stages (rule 10), under its token (rule 11). */
export class Mover {
  readonly #options: MoverOptions
  /** Since when, on this process's monotonic clock, a partition has been in its stage. */
  readonly #stages = new Map<PartitionId, { epoch: number; sinceMs: number }>()
  #running = false
  #cancel: () => void = () => undefined
  #changing = false
  #idleSinceMs = 0
  #idle: () => void = () => undefined

  constructor(options: MoverOptions) {
    this.#options = options
  }

  /** @param idle - called once when there was nothing to do for a while; then it has stopped. */
  start(idle: () => void): void {
    this.#idle = idle
    this.#idleSinceMs = this.#options.clock.monotonicMs()
    if (this.#running) return
    this.#running = true
    this.#look()
  }

  stop(): void {
    this.#running = false
    this.#cancel()
  }

  /** The partitions in a stage that is not over, whom they wait for, and for how long as far as this process saw. */
  waiting(): WaitingSince[] {
    this.noteStages()
    const nowMs = this.#options.clock.monotonicMs()
    return waitedFor(this.#options.view(), this.#options.reports).map(each => ({
      ...each,
      sinceMs: nowMs - (this.#stages.get(each.partition)?.sinceMs ?? nowMs),
    }))
  }

  #look(): void {
    if (!this.#running) return
    const { clock } = this.#options
    this.noteStages()
    this.#cancel = clock.at(clock.monotonicMs() + lookEveryMs, () => this.#look())
    const token = this.#options.token()
    const view = this.#options.view()
    if (this.#changing || isMoving(view)) this.#idleSinceMs = clock.monotonicMs()
    else if (clock.monotonicMs() - this.#idleSinceMs > idleMs) {
      this.stop()
      return this.#idle()
    }
    if (token === null || this.#changing || this.#next(view, token) === null) return
    this.#changing = true
    // The token is looked at again with the view that is really changed: a view that a later leader changed is not ours any more.
    this.#options.register.change(
      view => {
        const current = this.#options.token()
        return current === null || current < view.token ? null : this.#next(view, current)
      },
      changeMs,
      () => {
        this.#changing = false
      },
    )
  }

  #next(view: View, token: number): View | null {
    return advanced(view, this.#options.reports, partition => this.#isPatient(partition), token)
  }

  /** Notes since when a partition has been in its stage. */
  noteStages(): void {
    const nowMs = this.#options.clock.monotonicMs()
    for (const { partition, assignment } of assignmentsOf(this.#options.view())) {
      if (assignment.stage === 'stable') this.#stages.delete(partition)
      else if (this.#stages.get(partition)?.epoch !== assignment.epoch)
        this.#stages.set(partition, { epoch: assignment.epoch, sinceMs: nowMs })
    }
  }

  #isPatient(partition: PartitionId): boolean {
    const since = this.#stages.get(partition)?.sinceMs
    return since === undefined || this.#options.clock.monotonicMs() - since < patienceMs
  }
}

function isMoving(view: View): boolean {
  if (view.leaving.length > 0 || (view.pending.length > 0 && !view.moves.paused)) return true
  for (const { assignment } of assignmentsOf(view)) if (assignment.stage !== 'stable') return true
  return false
}
