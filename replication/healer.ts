import type { ContextKey, PartitionId, PeerId } from '../base/ids.ts'
import { byPromise, isReachable, type Moment, newId, type Process, send, wakeAt } from './context.ts'
import type { Outcome, ReplicaMessage } from './messages.ts'
import { type Floors, highestFloors, noFloors } from './partition-state.ts'
import { isQuorum, type Quorum } from './quorum.ts'

/** A partition that may have lost records: its keys are listed by the others and written back one by one. */
type PartitionJob = {
  readonly partition: PartitionId
  readonly quorum: Quorum
  /** What other owners have met at most, asked before anything is written back. */
  readonly ceilings: Map<PeerId, Floors>
  /** Other owners whose list was read to its end. */
  readonly listed: Set<PeerId>
  /** The same of this replica: what the others have collected is in its list alone (rule 9). */
  isOwnListed: boolean
  readonly floors: Map<PeerId, Floors>
  asked: { id: number; peer: PeerId; dueMs: number } | null
  /** Keys of this partition that wait to be written back. */
  readonly open: Set<ContextKey>
  asking: { peer: PeerId; after: ContextKey | null; id: number; dueMs: number } | null
}

/**
 * Heals this replica's own damaged records. A damaged record takes part in no quorum; a full round of the
 * others, above everything this replica can ever have promised, writes the value back (rules 3, 4 and 8).
 */
export type Healer = HealerOptions & {
  readonly waiting: Set<ContextKey>
  readonly active: Set<ContextKey>
  /** Keys whose round did not heal them, and when they are tried again. */
  readonly resting: Map<ContextKey, number>
  readonly partitions: Map<PartitionId, PartitionJob>
}

export type HealerOptions = {
  readonly process: Process
  /** Starts the full round for a key. */
  readonly heal: (key: ContextKey, now: Moment) => void
  /** Whether this replica has a good record of the key, that counts in a quorum. */
  readonly isWhole: (key: ContextKey, now: Moment) => boolean
  /** Whether the others have told what they met: until then nothing is accepted here. */
  readonly isBounded: (partition: PartitionId, now: Moment) => boolean
  readonly bounded: (partition: PartitionId, floors: Floors, now: Moment) => void
  readonly wholeAgain: (partition: PartitionId, floors: Floors, now: Moment) => void
}

const retryMs = 1_000

export const newHealer = (options: HealerOptions): Healer => ({
  ...options,
  waiting: new Set(),
  active: new Set(),
  resting: new Map(),
  partitions: new Map(),
})

/** Whether a key is being healed, or will be. */
export const isHealing = (
  { waiting, active, resting, partitions, process }: Healer,
  key: ContextKey,
): boolean =>
  waiting.has(key) || active.has(key) || resting.has(key) || partitions.has(process.placeOf(key).partition)

export function healKey(healer: Healer, key: ContextKey, now: Moment): void {
  if (healer.active.has(key) || healer.resting.has(key)) return
  // Bounded: what does not fit is found again by the next read of it.
  if (healer.waiting.size < healer.process.limits.operationsMax) healer.waiting.add(key)
  startHeals(healer, now)
  wakeAt(healer.process, now.monotonicMs + healer.process.limits.resendMs)
}

export function healPartition(healer: Healer, partition: PartitionId, quorum: Quorum, now: Moment): void {
  if (healer.partitions.has(partition)) return
  healer.partitions.set(partition, {
    partition,
    quorum,
    ceilings: new Map(),
    listed: new Set(),
    isOwnListed: false,
    floors: new Map(),
    asked: null,
    open: new Set(),
    asking: null,
  })
  askForLists(healer, now)
  wakeAt(healer.process, now.monotonicMs + healer.process.limits.resendMs)
}

/** The outcome of a healing round; `whole` says whether the record is good now. */
export function onHealed(
  healer: Healer,
  key: ContextKey,
  outcome: Outcome,
  whole: boolean,
  now: Moment,
): void {
  healer.active.delete(key)
  const job = jobOf(healer, key)
  if (whole || outcome.kind === 'absent') job?.open.delete(key)
  else healer.resting.set(key, now.monotonicMs + retryMs)
  startHeals(healer, now)
  if (job) askForLists(healer, now)
}

/** A page of keys. False: it answers nothing of this healer. */
export function onScanPage(
  healer: Healer,
  from: PeerId,
  message: ReplicaMessage & { id: number },
  now: Moment,
): boolean {
  if (onFloors(healer, from, message, now)) return true
  const job = [...healer.partitions.values()].find(each => each.asking?.id === message.id)
  if (!job?.asking || job.asking.peer !== from) return false
  if (message.kind !== 'scanPage') {
    job.asking = null
    return true
  }
  for (const entry of message.entries) {
    if (healer.process.placeOf(entry.key).partition !== job.partition || healer.isWhole(entry.key, now))
      continue
    job.open.add(entry.key)
    if (!healer.active.has(entry.key) && !healer.resting.has(entry.key)) healer.waiting.add(entry.key)
  }
  const last = message.entries.at(-1)
  if (message.done || !last) {
    if (from === healer.process.self) job.isOwnListed = true
    else job.listed.add(from)
    job.asking = null
  } else job.asking = { ...job.asking, after: last.key, id: 0, dueMs: now.monotonicMs }
  startHeals(healer, now)
  askForLists(healer, now)
  return true
}

/** Returns when to look again, Infinity for never. */
export function sweepHeals(healer: Healer, now: Moment): number {
  for (const [key, atMs] of healer.resting) {
    if (atMs > now.monotonicMs) continue
    healer.resting.delete(key)
    healer.waiting.add(key)
  }
  startHeals(healer, now)
  askForLists(healer, now)
  const isIdle = healer.waiting.size + healer.resting.size + healer.partitions.size === 0
  return isIdle ? Number.POSITIVE_INFINITY : now.monotonicMs + healer.process.limits.resendMs
}

function startHeals(healer: Healer, now: Moment): void {
  for (const key of healer.waiting) {
    if (healer.active.size >= healer.process.limits.healsAtOnceMax) return
    // Its round would end with what this replica may not accept yet.
    if (!healer.isBounded(healer.process.placeOf(key).partition, now)) continue
    healer.waiting.delete(key)
    // A write or a hint came first.
    if (healer.isWhole(key, now)) {
      jobOf(healer, key)?.open.delete(key)
      continue
    }
    healer.active.add(key)
    healer.heal(key, now)
  }
}

const jobOf = ({ partitions, process }: Healer, key: ContextKey): PartitionJob | undefined =>
  partitions.get(process.placeOf(key).partition)

/** Few partitions are listed at once; the next page of one is asked for when its keys are written back. */
function askForLists(healer: Healer, now: Moment): void {
  const { process } = healer
  let running = 0
  for (const job of [...healer.partitions.values()]) {
    const isListed = job.isOwnListed && isQuorum(job.quorum, job.listed)
    if (isListed && isQuorum(job.quorum, job.floors) && job.open.size === 0) {
      healer.partitions.delete(job.partition)
      healer.wholeAgain(job.partition, highestOf(job.floors), now)
      continue
    }
    if (running >= 8) continue
    running += 1
    if (!healer.isBounded(job.partition, now)) {
      askForFloors(healer, job, votersOf(job.quorum), job.ceilings, now)
      continue
    }
    if (isListed) askAgainForFloors(healer, job, now)
    if (isListed || job.open.size >= process.limits.pageKeysMax * 4) continue
    if (job.asking && job.asking.id !== 0 && job.asking.dueMs > now.monotonicMs) continue
    const expired = job.asking !== null && job.asking.id !== 0
    const peer =
      expired || !job.asking ? nextToList(healer, job, now, job.asking?.peer ?? null) : job.asking.peer
    if (peer === undefined) continue
    const after = job.asking?.peer === peer ? job.asking.after : null
    const id = newId(process)
    job.asking = { peer, after, id, dueMs: now.monotonicMs + process.limits.resendMs * 4 }
    send(process, peer, {
      kind: 'scanAsked',
      id,
      epoch: job.quorum.epoch,
      partition: job.partition,
      after,
      limit: process.limits.pageKeysMax,
    })
  }
}

/** What was collected meanwhile is asked of those whose lists were read. */
function askAgainForFloors(healer: Healer, job: PartitionJob, now: Moment): void {
  const isAsked = askForFloors(healer, job, job.listed, job.floors, now)
  // Who was listed is away: another one may do.
  if (!isAsked && !isQuorum(job.quorum, job.floors)) job.listed.clear()
}

/** One after the other. @returns whether one of `peers` is asked and has not answered yet. */
function askForFloors(
  healer: Healer,
  job: PartitionJob,
  peers: ReadonlySet<PeerId>,
  heard: ReadonlyMap<PeerId, Floors>,
  now: Moment,
): boolean {
  const { process } = healer
  if (job.asked && job.asked.dueMs > now.monotonicMs) return true
  const left = [...peers].filter(
    peer => peer !== process.self && !heard.has(peer) && isReachable(process, peer),
  )
  const peer = left.find(each => each !== job.asked?.peer) ?? left[0]
  if (peer === undefined) return false
  job.asked = { id: newId(process), peer, dueMs: now.monotonicMs + process.limits.resendMs }
  const { partition, quorum } = job
  send(process, peer, { kind: 'floorsAsked', id: job.asked.id, epoch: quorum.epoch, partition })
  return true
}

function onFloors(
  healer: Healer,
  from: PeerId,
  message: ReplicaMessage & { id: number },
  now: Moment,
): boolean {
  const job = [...healer.partitions.values()].find(each => each.asked?.id === message.id)
  if (!job?.asked || job.asked.peer !== from) return false
  if (message.kind === 'floors') {
    job.asked = null
    noteFloors(healer, job, from, message, now)
    askForLists(healer, now)
  }
  return true
}

function noteFloors(healer: Healer, job: PartitionJob, from: PeerId, floors: Floors, now: Moment): void {
  if (healer.isBounded(job.partition, now)) {
    job.floors.set(from, floors)
    return
  }
  job.ceilings.set(from, floors)
  if (!isQuorum(job.quorum, job.ceilings)) return
  healer.bounded(job.partition, highestOf(job.ceilings), now)
  job.ceilings.clear()
  startHeals(healer, now)
}

const highestOf = (floors: ReadonlyMap<PeerId, Floors>): Floors =>
  [...floors.values()].reduce(highestFloors, noFloors)

const votersOf = (quorum: Quorum): ReadonlySet<PeerId> => new Set(quorum.groups.flat())

function nextToList(
  healer: Healer,
  job: PartitionJob,
  now: Moment,
  notFirst: PeerId | null,
): PeerId | undefined {
  const { self } = healer.process
  const owners = [...new Set([...job.quorum.groups.flat(), self])].filter(
    peer => (peer === self ? !job.isOwnListed : !job.listed.has(peer)) && isReachable(healer.process, peer),
  )
  const order = byPromise(healer.process, owners, now.monotonicMs)
  return order.find(peer => peer !== notFirst) ?? order[0]
}
