import { SlurpError } from '../../base/errors.ts'
import type { PeerId } from '../../base/ids.ts'
import type { View } from '../../dht/view.ts'
import {
  type MedianBounds,
  majorityAgrees,
  medianBounds,
  medianWith,
  within,
} from '../../election/fleet-clock.ts'
import { membersMax } from '../../election/health-state.ts'
import type { ClockMessage } from '../peer/fleet-messages.ts'
import type { Clock } from '../ports/ports.ts'

export type FleetClockOptions = {
  readonly own: Clock
  readonly self: PeerId
  /** The view in force. */
  readonly view: () => View
  /** How far a ballot may be ahead of a clock; clocks that are closer together than this can work together. */
  readonly ballotDriftMaxMs: number
}

/** Whoever finds no majority that agrees on the time in so long makes do with the clocks that it knows. */
const patienceMs = 30_000
type ClockTold = Extract<ClockMessage, { kind: 'clockTold' }>

/** The others' clocks are sorted anew at most so often. */
const sortEveryMs = 250

/**
 * The clock of this process as its peer sees it: the monotonic clock is its own, the wall clock is kept near that of
 * the fleet (election/fleet-clock.ts). What a member told last stands for its clock in this boot, moved on by the
 * own monotonic clock.
 */
export class FleetClock implements Clock {
  readonly #options: FleetClockOptions
  readonly #startedMs: number
  /** What each other member's wall clock is ahead of this process's monotonic clock. */
  readonly #told = new Map<PeerId, number>()
  /** The newest view that anybody told of. */
  #newest = { epoch: 0, members: 0 }
  #bounds: MedianBounds = medianBounds([])
  #sortDueMs = 0
  #isKnown = false
  #hasAgreed = false

  constructor(options: FleetClockOptions) {
    this.#options = options
    this.#startedMs = options.own.monotonicMs()
  }

  /**
   * Whether the time of the fleet is known, once for all of this boot. Before, nothing may be made that carries a time:
   * with a wrong clock it would bind this peer until all others have come so far.
   */
  get isKnown(): boolean {
    if (this.#isKnown) return true
    const { own, view } = this.#options
    // Whoever needs no other to write needs no other to know the time.
    const isEnough = this.#told.size > 0 || view().replicas === 1
    const isLate = own.monotonicMs() >= this.#startedMs + patienceMs
    this.#isKnown = this.#agrees() || (isLate && isEnough)
    // What was sorted before is of fewer clocks than those that have just agreed.
    if (this.#isKnown) this.#sortDueMs = 0
    return this.#isKnown
  }

  /** @throws SlurpError QUORUM_UNREACHED as long as the time is not known. */
  wallMs(): number {
    if (!this.isKnown) {
      throw new SlurpError('QUORUM_UNREACHED', 'This peer does not know the time of its fleet yet.', {
        hint: 'It takes part once it hears other members: `slurp status` shows which are connected.',
      })
    }
    const { own, ballotDriftMaxMs } = this.#options
    const wallMs = own.wallMs()
    const nowMs = own.monotonicMs()
    const ownMs = wallMs - nowMs
    const keptMs = within(this.#boundsAt(nowMs), ownMs, ballotDriftMaxMs / 2)
    return keptMs === ownMs ? wallMs : Math.floor(keptMs + nowMs)
  }

  monotonicMs(): number {
    return this.#options.own.monotonicMs()
  }

  at(atMs: number, wake: () => void): () => void {
    return this.#options.own.at(atMs, wake)
  }

  soon(run: () => void): void {
    this.#options.own.soon(run)
  }

  /** The wall clock of this machine as it is: what others are told. */
  ownWallMs(): number {
    return Math.max(0, Math.floor(this.#options.own.wallMs()))
  }

  /** What a member's own wall clock showed a moment ago, and how many members it knows of. */
  told(by: PeerId, { wallMs, epoch, members }: ClockTold): void {
    if (by === this.#options.self) return
    this.#told.set(by, wallMs - this.#options.own.monotonicMs())
    if (epoch > this.#newest.epoch) this.#newest = { epoch, members }
    if (this.#told.size > membersMax) this.viewAdopted()
  }

  /** Who is no member has no say any more; who is one in a view that is newer than the own one has. */
  viewAdopted(): void {
    const members = this.#members()
    for (const peer of this.#told.keys()) if (!members.has(peer)) this.#told.delete(peer)
  }

  /** How far each known clock is ahead of the fleet's, this process's own too, in milliseconds. */
  offsets(): ReadonlyMap<PeerId, number> {
    const ownMs = this.#ownMs()
    const medianMs = medianWith(this.#boundsAt(this.#options.own.monotonicMs()), ownMs)
    const known = [...this.#told, [this.#options.self, ownMs] as const]
    return new Map(known.map(([peer, ms]) => [peer, Math.round(ms - medianMs)]))
  }

  /**
   * What a majority agreed on goes on with the monotonic clock as long as none agrees any more: of the bare majority that
   * a peer knows after its start, the wrong ones alone would take it along (decision 094).
   */
  #boundsAt(nowMs: number): MedianBounds {
    if (nowMs < this.#sortDueMs) return this.#bounds
    this.#sortDueMs = nowMs + sortEveryMs
    const agrees = this.#agrees()
    if (agrees || !this.#hasAgreed) this.#bounds = medianBounds([...this.#told.values()])
    this.#hasAgreed ||= agrees
    return this.#bounds
  }

  /** Whether the clocks of a majority of all members, known or not, show the same. */
  #agrees(): boolean {
    const { ballotDriftMaxMs, view } = this.#options
    const { epoch, members } = view()
    // The own view may be of long ago: it is brought up to date once this peer takes part.
    const size = this.#newest.epoch > epoch ? this.#newest.members : members.length
    return majorityAgrees([...this.#told.values(), this.#ownMs()], size, ballotDriftMaxMs)
  }

  #ownMs(): number {
    return this.#options.own.wallMs() - this.#options.own.monotonicMs()
  }

  #members(): ReadonlySet<PeerId> {
    return new Set(this.#options.view().members.map(({ id }) => id))
  }
}
