import {
  type ContextKey,
  isControlKey,
  noBallot,
  type PartitionId,
  type PeerId,
  type Version,
} from '../base/ids.ts'
import { consider } from './acceptor.ts'
import {
  byPromise,
  isReachable,
  type KeyPlace,
  type Moment,
  newId,
  type Process,
  send,
  wakeAt,
} from './context.ts'
import type { Outcome, ReplicaMessage, ScanEntry, Value, VersionRecord } from './messages.ts'
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
} from './partition-state.ts'
import type { Change } from './records.ts'
import { saveVersion } from './versions.ts'

/** How far this replica is with a partition that moves to it, or stays with it through a joint stage. */
export type PullState = 'entering' | 'copying' | 'copied' | 'synced'

/** One key that is brought up to what another owner has. */
type Fetch = {
  readonly entry: ScanEntry
  readonly from: PeerId
  /** The version that is asked for next; null while a round settles the key. */
  hole: Version | null
  id: number
  dueMs: number
}

/** One partition that this replica takes over (rule 10, learn), or makes sure of before it votes alone (joint). */
type PullJob = {
  readonly place: KeyPlace
  readonly isSync: boolean
  phase: 'dropping' | 'floors' | 'listing' | 'saving' | 'done'
  readonly floors: Map<PeerId, Floors>
  readonly asked: Map<PeerId, { id: number; dueMs: number }>
  readonly listed: Set<PeerId>
  asking: { peer: PeerId; after: ContextKey | null; id: number; dueMs: number } | null
  readonly open: Map<ContextKey, Fetch>
}

export type PullerOptions = {
  readonly process: Process
  readonly acceptor: Acceptor
  readonly save: (changes: readonly Change[]) => void
  /** Drops all records of a partition, then calls `dropped`. */
  readonly drop: (partition: PartitionId) => void
  /** Calls `saved` when everything saved so far is durable. */
  readonly tellWhenSaved: (partition: PartitionId) => void
  /** A full round that writes back whatever stands; its outcome comes to `settled`. */
  readonly confirm: (key: ContextKey, now: Moment) => void
  /** Something that the leader waits for has changed. */
  readonly changed: (place: KeyPlace, now: Moment) => void
  /** Bytes a second that may be copied before a joint stage; 0 while moves are paused. */
  readonly bytesPerSecond: () => number
}

/** Keys in one page of a list, and keys that are fetched at once for one partition. */
const pageKeys = 128
const fetchesMax = 64
/** Partitions that are worked on at once. */
const jobsAtOnceMax = 16

const majority = (size: number): number => Math.floor(size / 2) + 1

/**
 * Takes partitions over from their owners: drops older copies, takes over the floors, lists what a majority has and
 * fetches what is missing; in a joint stage the same again, from owners that are in that epoch, and then their
 * ceilings bind here too. Each member of the next owners does this for itself; two of them need not meet the same
 * majority, as each sees everything that was chosen before its own fence.
 */
export class Puller {
  /** Bytes of versions that were copied since the start. */
  copiedBytes = 0
  readonly #options: PullerOptions
  readonly #jobs = new Map<PartitionId, PullJob>()
  readonly #synced = new Map<PartitionId, number>()
  /** Monotonic time at which the bytes that were copied so far are paid for. */
  #paidMs = 0

  constructor(options: PullerOptions) {
    this.#options = options
  }

  /** What this replica has to do in a partition, in the view that was just adopted. */
  retarget(place: KeyPlace, isNextOwner: boolean, now: Moment): void {
    const { acceptor } = this.#options
    const { partition, quorum } = place
    const running = this.#jobs.get(partition)
    if (running?.place.quorum.epoch === quorum.epoch) return
    this.#jobs.delete(partition)
    if (!place.accepts) return
    const state = partitionState(acceptor, placeOf(place), now.wallMs)
    const isSync = quorum.groups.length > 1
    const entering = !isReady(state, placeOf(place))
    const needed = entering || !state.record.copied || (isSync && isNextOwner && !this.#isSynced(place))
    if (!needed) return
    const job: PullJob = {
      place,
      isSync,
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
    const state = partitionState(this.#options.acceptor, placeOf(place), now.wallMs)
    if (!isReady(state, placeOf(place))) return 'entering'
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
    const state = partitionState(acceptor, placeOf(job.place), now.wallMs)
    if (!state.record.copied) save([noteCopied(acceptor, placeOf(job.place), now.wallMs)])
    changed(job.place, now)
  }

  /** A round for a key that could not simply be installed is over. */
  settled(key: ContextKey, outcome: Outcome, now: Moment): void {
    const job = this.#jobs.get(this.#options.process.placeOf(key).partition)
    const fetch = job?.open.get(key)
    if (!job || !fetch || fetch.hole !== null) return
    if (outcome.kind === 'found' || outcome.kind === 'absent') job.open.delete(key)
    else fetch.dueMs = now.monotonicMs + this.#options.process.limits.resendMs
    this.#work(job, now)
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
      if (message.kind !== 'chain' && message.kind !== 'refused') continue
      const fetch =
        message.kind === 'chain'
          ? job.open.get(message.key)
          : [...job.open.values()].find(each => each.id === message.id)
      if (fetch?.id === message.id && fetch.from === from) {
        this.#fetched(job, fetch, message.kind === 'chain' ? message.records : [], now)
        return true
      }
    }
    return false
  }

  /** Returns when to look again, Infinity for never. */
  sweep(now: Moment): number {
    let running = 0
    for (const job of [...this.#jobs.values()]) {
      if (running++ >= jobsAtOnceMax) break
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
    const place = placeOf(job.place)
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
    const { process, acceptor, save, changed } = this.#options
    const { others, needed } = this.#group(job, now)
    const place = placeOf(job.place)
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

  #floors(job: PullJob): Floors {
    return [...job.floors.values()].reduce(highestFloors, noFloors)
  }

  #later(job: PullJob, peer: PeerId, kind: 'floors' | 'refused', now: Moment): void {
    const waitMs = kind === 'floors' ? Number.POSITIVE_INFINITY : this.#options.process.limits.resendMs / 2
    job.asked.set(peer, { id: 0, dueMs: now.monotonicMs + waitMs })
  }

  #list(job: PullJob, now: Moment): void {
    const { process } = this.#options
    this.#fetchDue(job, now)
    const { others, needed } = this.#group(job, now)
    if (job.listed.size >= needed) {
      if (job.open.size === 0) this.#finish(job, now)
      return
    }
    if (!job.isSync && this.#options.bytesPerSecond() === 0) return
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
    if (peer === undefined) return this.#askMoreFloors(job, others, now)
    const after = job.asking?.peer === peer ? job.asking.after : null
    const id = newId(process)
    job.asking = { peer, after, id, dueMs: now.monotonicMs + process.limits.resendMs * 4 }
    const { partition, quorum } = job.place
    send(process, peer, { kind: 'scanAsked', id, epoch: quorum.epoch, partition, after, limit: pageKeys })
  }

  /** Those whose floors are known are gone: others must be heard in their place. */
  #askMoreFloors(job: PullJob, others: readonly PeerId[], now: Moment): void {
    const { process } = this.#options
    for (const peer of others) {
      const asked = job.asked.get(peer)
      if (job.floors.has(peer) || !isReachable(process, peer) || (asked && asked.dueMs > now.monotonicMs))
        continue
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
        this.#take(job, from, entry, now)
    }
    const last = message.entries.at(-1)
    if (message.done || !last) {
      job.listed.add(from)
      job.asking = null
    } else job.asking = { peer: from, after: last.key, id: 0, dueMs: now.monotonicMs }
    this.#list(job, now)
  }

  /** Looks at one key that another owner has; nothing is to be done where this replica is as far. */
  #take(job: PullJob, from: PeerId, entry: ScanEntry, now: Moment): void {
    const open = job.open.get(entry.key)
    if (open && open.entry.accepted >= entry.accepted && open.entry.value !== null) return
    const fetch: Fetch = { entry, from, hole: null, id: 0, dueMs: now.monotonicMs }
    if (entry.value !== null) {
      fetch.hole = this.#holeOf(job, entry)
      if (fetch.hole === null && !this.#isBehind(entry)) return
    }
    job.open.set(entry.key, fetch)
  }

  #isBehind(entry: ScanEntry): boolean {
    const head = this.#options.acceptor.records.head(entry.key)
    return head === null || head === 'damaged' || head.accepted < entry.accepted
  }

  /** The first version on the way back that is not here; who was an owner before has its history by other ways. */
  #holeOf(job: PullJob, { key, value }: ScanEntry): Version | null {
    const { acceptor } = this.#options
    const { records } = acceptor
    let at: Version | null = value?.version ?? null
    const head = records.head(key)
    if (head !== null && head !== 'damaged' && at !== null && head.value.version > at) at = head.value.version
    const isNew =
      !isControlKey(key) && !(partitionState(acceptor, placeOf(job.place), 0).record.copied || job.isSync)
    while (at !== null) {
      const found = records.version(key, at)
      if (found === null || found === 'damaged') return at
      if (!isNew) return null
      at = found.parent
    }
    return null
  }

  #fetchDue(job: PullJob, now: Moment): void {
    const { process } = this.#options
    let running = 0
    for (const fetch of job.open.values()) {
      if (running++ >= fetchesMax) return
      if (fetch.dueMs > now.monotonicMs) continue
      if (fetch.hole === null) {
        fetch.dueMs = Number.POSITIVE_INFINITY
        if (!this.#install(job, fetch, now)) this.#options.confirm(fetch.entry.key, now)
        continue
      }
      if (!job.isSync && !this.#mayCopy(now)) return
      fetch.id = newId(process)
      fetch.dueMs = now.monotonicMs + process.limits.resendMs
      const { key } = fetch.entry
      send(process, fetch.from, { kind: 'chainAsked', id: fetch.id, key, from: fetch.hole, limit: 16 })
    }
  }

  #mayCopy(now: Moment): boolean {
    if (this.#options.bytesPerSecond() === 0) return false
    if (this.#paidMs <= now.monotonicMs) return true
    wakeAt(this.#options.process, this.#paidMs)
    return false
  }

  #pay(bytes: number, now: Moment): void {
    this.copiedBytes += bytes
    const rate = this.#options.bytesPerSecond()
    if (rate > 0) this.#paidMs = Math.max(this.#paidMs, now.monotonicMs) + (bytes * 1_000) / rate
  }

  #fetched(job: PullJob, fetch: Fetch, records: readonly VersionRecord[], now: Moment): void {
    const { acceptor, save } = this.#options
    const { key } = fetch.entry
    const changes: Change[] = []
    let wanted: Version | null = fetch.hole
    for (const record of records) {
      // Only the chain that was asked for: a peer cannot slip in another version.
      if (record.version !== wanted) break
      saveVersion(acceptor.records, key, record, changes)
      this.#pay(record.data?.length ?? 0, now)
      wanted = record.parent
    }
    if (changes.length > 0) save(changes)
    const before = fetch.hole
    fetch.hole = this.#holeOf(job, fetch.entry)
    fetch.id = 0
    fetch.dueMs = now.monotonicMs
    if (fetch.hole === before && before !== null) this.#stuck(job, fetch, now)
    else if (fetch.hole === null && !this.#isBehind(fetch.entry)) job.open.delete(fetch.entry.key)
    this.#list(job, now)
  }

  /** Whoever listed it has not the bytes. Without those of the current version only a round can tell; older ones may be gone for good. */
  #stuck(job: PullJob, fetch: Fetch, now: Moment): void {
    const { key, value } = fetch.entry
    const current = this.#options.acceptor.records.version(key, value!.version)
    fetch.hole = null
    if (current !== null && current !== 'damaged' && !this.#isBehind(fetch.entry)) {
      job.open.delete(key)
      return
    }
    fetch.dueMs = now.monotonicMs
  }

  /** Rule 8: an accept at its original ballot. False: a promise or missing bytes stand in the way. */
  #install(job: PullJob, fetch: Fetch, now: Moment): boolean {
    const { acceptor, save } = this.#options
    const { key, accepted, value } = fetch.entry
    if (!this.#isBehind(fetch.entry) && value !== null) {
      job.open.delete(key)
      return true
    }
    const stored = value === null ? null : acceptor.records.version(key, value.version)
    if (value === null || stored === null || stored === 'damaged') return false
    const whole: Value = { ...value, data: stored.data }
    const ask = {
      kind: 'replay',
      id: 0,
      epoch: job.place.quorum.epoch,
      key,
      ballot: accepted,
      value: whole,
    } as const
    const considered = consider(acceptor, ask, placeOf(job.place), now.wallMs)
    const granted = considered.reply.kind === 'accepted' && considered.reply.granted
    if (considered.changes.length > 0) save(considered.changes)
    // Before the joint stage this replica has no vote: what it cannot take over now, the sync brings.
    if (granted || !job.isSync) job.open.delete(key)
    return granted || !job.isSync
  }

  #finish(job: PullJob, now: Moment): void {
    const { acceptor, save, tellWhenSaved } = this.#options
    job.phase = 'saving'
    const place = placeOf(job.place)
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

const placeOf = ({ partition, accepts, since, quorum }: KeyPlace): Place => ({
  partition,
  accepts,
  since,
  epoch: quorum.epoch,
})
