import { type ContextKey, noBallot, type PartitionId, type PeerId } from '../base/ids.ts'
import { byPromise, isReachable, type KeyPlace, type Moment, newId, send, wakeAt } from './context.ts'
import { Fetcher, type FetcherOptions, type Fetches, fetchesMax } from './fetcher.ts'
import type { Outcome, ReplicaMessage } from './messages.ts'
import {
  type Acceptor,
  enter,
  type Floors,
  floorsOf,
  highestFloors,
  isDamaged,
  isReady,
  noFloors,
  noteCopied,
  type Place,
  partitionState,
  raiseFloors,
  toPlace,
} from './partition-state.ts'
import { isVoter } from './quorum.ts'

/** How far this replica is with a partition that moves to it, or stays with it through a joint stage. */
export type PullState = 'entering' | 'copying' | 'copied' | 'synced'

/** One partition that this replica takes over (rule 10, learn), or makes sure of before it votes alone (joint). */
type PullJob = Fetches & {
  phase: 'dropping' | 'floors' | 'listing' | 'saving' | 'done'
  readonly floors: Map<PeerId, Floors>
  readonly asked: Map<PeerId, { id: number; dueMs: number }>
  readonly listed: Set<PeerId>
  asking: { peer: PeerId; after: ContextKey | null; id: number; dueMs: number } | null
}

export type PullerOptions = FetcherOptions & {
  /** Drops all records of a partition, then calls `dropped`. */
  readonly drop: (partition: PartitionId) => void
  /** Calls `saved` when everything saved so far is durable. */
  readonly tellWhenSaved: (partition: PartitionId) => void
  /** Something that the leader waits for has changed. */
  readonly changed: (place: KeyPlace, now: Moment) => void
}

/** Partitions that are looked at in one sweep; the next sweep goes on with those behind them. */
const jobsASweepMax = 16

const majority = (size: number): number => Math.floor(size / 2) + 1

/**
 * Takes partitions over from their owners: drops older copies, takes over the floors, lists what a majority has and
 * fetches what is missing; in a joint stage the same again, from owners that are in that epoch, and then their
 * ceilings bind here too. Each member of the next owners does this for itself; two of them need not meet the same
 * majority, as each sees everything that was chosen before its own fence.
 */
export class Puller {
  readonly #options: PullerOptions
  readonly #fetcher: Fetcher
  readonly #jobs = new Map<PartitionId, PullJob>()
  readonly #synced = new Map<PartitionId, number>()

  constructor(options: PullerOptions) {
    this.#options = options
    this.#fetcher = new Fetcher(options)
  }

  /** Bytes of versions that were copied since the start. */
  get copiedBytes(): number {
    return this.#fetcher.copiedBytes
  }

  /** What this replica has to do in a partition, in the view that was just adopted. */
  retarget(place: KeyPlace, isNextOwner: boolean, now: Moment): void {
    const { acceptor } = this.#options
    const { partition, quorum } = place
    const running = this.#jobs.get(partition)
    if (running?.place.quorum.epoch === quorum.epoch) return
    this.#jobs.delete(partition)
    if (!place.accepts) return
    const state = partitionState(acceptor, toPlace(place), now.wallMs)
    const isSync = quorum.groups.length > 1
    const entering = !isReady(state, toPlace(place))
    const needed = entering || !state.record.copied || (isSync && isNextOwner && !this.#isSynced(place))
    if (!needed) return
    const job: PullJob = {
      place,
      isSync,
      isMove: !isVoter(quorum, this.#options.process.self),
      phase: entering ? 'dropping' : 'floors',
      floors: new Map(),
      asked: new Map(),
      listed: new Set(),
      asking: null,
      open: new Map(),
    }
    this.#jobs.set(partition, job)
    if (entering) this.#options.drop(partition)
    wakeAt(this.#options.process, now.monotonicMs)
  }

  /** How far this replica is with a partition; `copied` where there is nothing to do. */
  stateOf(place: KeyPlace, now: Moment): PullState {
    const state = partitionState(this.#options.acceptor, toPlace(place), now.wallMs)
    if (!isReady(state, toPlace(place))) return 'entering'
    if (this.#isSynced(place)) return 'synced'
    return state.record.copied ? 'copied' : 'copying'
  }

  /** Partitions that are being taken over. */
  get running(): number {
    return this.#jobs.size
  }

  /** The older copy of a partition is gone. */
  dropped(partition: PartitionId, now: Moment): void {
    const job = this.#jobs.get(partition)
    if (job?.phase !== 'dropping') return
    job.phase = 'floors'
    this.#work(job, now)
  }

  /** What was saved last for this partition is durable. */
  saved(partition: PartitionId, now: Moment): void {
    const job = this.#jobs.get(partition)
    if (job?.phase !== 'saving') return
    const { acceptor, save, changed } = this.#options
    job.phase = 'done'
    this.#jobs.delete(partition)
    if (job.isSync) this.#synced.set(partition, job.place.quorum.epoch)
    const state = partitionState(acceptor, toPlace(job.place), now.wallMs)
    if (!state.record.copied) save([noteCopied(acceptor, toPlace(job.place), now.wallMs)])
    changed(job.place, now)
  }

  /** A round for a key that could not simply be installed is over. */
  settled(key: ContextKey, outcome: Outcome, now: Moment): void {
    const job = this.#jobs.get(this.#options.process.placeOf(key).partition)
    if (job && this.#fetcher.settled(job, key, outcome, now)) this.#work(job, now)
  }

  /** False: the message answers nothing of this puller. */
  answered(from: PeerId, message: ReplicaMessage & { id: number }, now: Moment): boolean {
    for (const job of this.#jobs.values()) {
      if (job.asked.get(from)?.id === message.id) {
        if (message.kind === 'floors') job.floors.set(from, message)
        if (message.kind === 'floors' || message.kind === 'refused') this.#later(job, from, message.kind, now)
        this.#work(job, now)
        return true
      }
      if (job.asking?.id === message.id && job.asking.peer === from) {
        this.#listed(job, from, message, now)
        return true
      }
      if (message.kind === 'chain' && this.#fetcher.answered(job, from, message, now)) {
        this.#list(job, now)
        return true
      }
    }
    return false
  }

  /** Returns when to look again, Infinity for never. */
  sweep(now: Moment): number {
    for (const [partition, job] of [...this.#jobs].slice(0, jobsASweepMax)) {
      this.#jobs.delete(partition)
      this.#jobs.set(partition, job)
      this.#work(job, now)
    }
    if (this.#jobs.size === 0) return Number.POSITIVE_INFINITY
    return now.monotonicMs + this.#options.process.limits.resendMs / 2
  }

  #isSynced(place: KeyPlace): boolean {
    return this.#synced.get(place.partition) === place.quorum.epoch
  }

  /** Who has to be heard: a majority of the owners before, this replica itself among them if it is a good one. */
  #group(job: PullJob, now: Moment): { others: PeerId[]; needed: number } {
    const { process, acceptor } = this.#options
    const owners = job.place.quorum.groups[0]!
    const others = byPromise(
      process,
      owners.filter(peer => peer !== process.self),
      now.monotonicMs,
    )
    const place = toPlace(job.place)
    const state = partitionState(acceptor, place, now.wallMs)
    const isOwner = owners.includes(process.self)
    // Once stable nothing is collected while this replica is not ready, so any owner knows the floors.
    if (job.place.quorum.groups.length === 1 && isOwner) return { others, needed: Math.min(1, others.length) }
    const countsItself = isOwner && isReady(state, place) && !isDamaged(acceptor, place, now.wallMs)
    return { others, needed: majority(owners.length) - (countsItself ? 1 : 0) }
  }

  #work(job: PullJob, now: Moment): void {
    switch (job.phase) {
      case 'dropping':
      case 'saving':
      case 'done':
        return
      case 'floors':
        return this.#gatherFloors(job, now)
      case 'listing':
        return this.#list(job, now)
    }
  }

  #gatherFloors(job: PullJob, now: Moment): void {
    const { acceptor, save, changed } = this.#options
    const { others, needed } = this.#group(job, now)
    const place = toPlace(job.place)
    if (isReady(partitionState(acceptor, place, now.wallMs), place) && isDamaged(acceptor, place, now.wallMs))
      return
    if (job.floors.size >= needed) {
      if (!isReady(partitionState(acceptor, place, now.wallMs), place)) {
        save([enter(acceptor, place, this.#floors(job), now.wallMs)])
        changed(job.place, now)
      }
      job.phase = 'listing'
      return this.#list(job, now)
    }
    this.#askForFloors(job, others, now)
  }

  #floors(job: PullJob): Floors {
    return [...job.floors.values()].reduce(highestFloors, noFloors)
  }

  #later(job: PullJob, peer: PeerId, kind: 'floors' | 'refused', now: Moment): void {
    const waitMs = kind === 'floors' ? Number.POSITIVE_INFINITY : this.#options.process.limits.resendMs / 2
    job.asked.set(peer, { id: 0, dueMs: now.monotonicMs + waitMs })
  }

  #list(job: PullJob, now: Moment): void {
    const { process } = this.#options
    this.#fetcher.work(job, now)
    const { others, needed } = this.#group(job, now)
    if (job.listed.size >= needed) {
      if (job.open.size === 0) this.#finish(job, now)
      return
    }
    if (job.isMove && this.#options.arePaused()) return
    if (job.open.size >= fetchesMax * 2) return
    if (job.asking && job.asking.id !== 0 && job.asking.dueMs > now.monotonicMs) return
    const isSilent = job.asking !== null && job.asking.id !== 0
    const candidates = others.filter(
      peer => job.floors.has(peer) && !job.listed.has(peer) && isReachable(process, peer),
    )
    const peer =
      job.asking && !isSilent && candidates.includes(job.asking.peer)
        ? job.asking.peer
        : (candidates.find(each => each !== job.asking?.peer) ?? candidates[0])
    // Those whose floors are known are gone: others must be heard in their place.
    if (peer === undefined) return this.#askForFloors(job, others, now)
    const after = job.asking?.peer === peer ? job.asking.after : null
    const id = newId(process)
    job.asking = { peer, after, id, dueMs: now.monotonicMs + process.limits.resendMs * 4 }
    const { partition, quorum } = job.place
    send(process, peer, {
      kind: 'scanAsked',
      id,
      epoch: quorum.epoch,
      partition,
      after,
      limit: process.limits.pageKeysMax,
    })
  }

  #askForFloors(job: PullJob, others: readonly PeerId[], now: Moment): void {
    const { process } = this.#options
    for (const peer of others) {
      if (job.floors.has(peer) || !isReachable(process, peer)) continue
      const asked = job.asked.get(peer)
      if (asked && asked.dueMs > now.monotonicMs) continue
      const id = newId(process)
      job.asked.set(peer, { id, dueMs: now.monotonicMs + process.limits.resendMs })
      const { partition, quorum } = job.place
      send(process, peer, { kind: 'floorsAsked', id, epoch: quorum.epoch, partition })
    }
  }

  #listed(job: PullJob, from: PeerId, message: ReplicaMessage & { id: number }, now: Moment): void {
    const asking = job.asking!
    if (message.kind !== 'scanPage') {
      job.asking = { ...asking, dueMs: now.monotonicMs + this.#options.process.limits.resendMs / 2 }
      return
    }
    for (const entry of message.entries) {
      if (this.#options.process.placeOf(entry.key).partition === job.place.partition)
        this.#fetcher.take(job, from, entry, now)
    }
    const last = message.entries.at(-1)
    if (message.done || !last) {
      job.listed.add(from)
      job.asking = null
    } else job.asking = { peer: from, after: last.key, id: 0, dueMs: now.monotonicMs }
    this.#list(job, now)
  }

  #finish(job: PullJob, now: Moment): void {
    const { acceptor, save, tellWhenSaved } = this.#options
    job.phase = 'saving'
    const place = toPlace(job.place)
    if (job.isSync) save([raiseFloors(acceptor, place, this.#floors(job), now.wallMs)])
    tellWhenSaved(job.place.partition)
  }
}

/** The answer of an owner to who comes in; null while it is not one itself. */
export function floorsFor(
  acceptor: Acceptor,
  ask: Extract<ReplicaMessage, { kind: 'floorsAsked' }>,
  place: Place,
  wallMs: number,
): ReplicaMessage | null {
  const state = partitionState(acceptor, place, wallMs)
  if (!place.accepts || !isReady(state, place) || state.record.damagedBelow !== noBallot) return null
  return { kind: 'floors', id: ask.id, ...floorsOf(acceptor, place, wallMs) }
}
