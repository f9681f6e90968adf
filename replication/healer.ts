import type { ContextKey, PartitionId, PeerId } from '../base/ids.ts'
import { byPromise, isReachable, type Moment, newId, type Process, send, wakeAt } from './context.ts'
import type { Outcome, ReplicaMessage } from './messages.ts'
import { isQuorum, type Quorum } from './quorum.ts'

/** A partition that may have lost records: its keys are listed by the others and written back one by one. */
type PartitionJob = {
  readonly partition: PartitionId
  readonly quorum: Quorum
  /** Owners whose list was read to its end. */
  readonly listed: Set<PeerId>
  /** Keys of this partition that wait to be written back. */
  readonly open: Set<ContextKey>
  asking: { peer: PeerId; after: ContextKey | null; id: number; dueMs: number } | null
}

/**
 * Heals this replica's own damaged records. A damaged record takes part in no quorum; a full round of the
 * others, above everything this replica can ever have promised, writes the value back (rules 3, 4 and 8).
 */
export type Healer = {
  readonly process: Process
  readonly waiting: Set<ContextKey>
  readonly active: Set<ContextKey>
  readonly partitions: Map<PartitionId, PartitionJob>
  /** Starts the full round for a key. */
  readonly heal: (key: ContextKey, now: Moment) => void
  readonly wholeAgain: (partition: PartitionId, now: Moment) => void
  retryAtMs: number
}

const retryMs = 1_000

export function newHealer(process: Process, heal: Healer['heal'], wholeAgain: Healer['wholeAgain']): Healer {
  return {
    process,
    waiting: new Set(),
    active: new Set(),
    partitions: new Map(),
    heal,
    wholeAgain,
    retryAtMs: 0,
  }
}

export function healKey(healer: Healer, key: ContextKey, now: Moment): void {
  if (healer.active.has(key)) return
  // Bounded: what does not fit is found again by the next read of it.
  if (healer.waiting.size < healer.process.limits.operationsMax) healer.waiting.add(key)
  startHeals(healer, now)
  wakeAt(healer.process, now.monotonicMs + healer.process.limits.resendMs)
}

export function healPartition(healer: Healer, partition: PartitionId, quorum: Quorum, now: Moment): void {
  if (healer.partitions.has(partition)) return
  healer.partitions.set(partition, { partition, quorum, listed: new Set(), open: new Set(), asking: null })
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
  const job = [...healer.partitions.values()].find(each => each.open.has(key))
  if (whole || outcome.kind === 'absent') job?.open.delete(key)
  else healer.waiting.add(key)
  if (!whole && outcome.kind !== 'absent') healer.retryAtMs = now.monotonicMs + retryMs
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
  const job = [...healer.partitions.values()].find(each => each.asking?.id === message.id)
  if (!job?.asking || job.asking.peer !== from) return false
  if (message.kind !== 'scanPage') {
    job.asking = null
    healer.retryAtMs = Math.max(healer.retryAtMs, now.monotonicMs + retryMs)
    return true
  }
  for (const entry of message.entries) {
    if (healer.process.placeOf(entry.key).partition !== job.partition) continue
    job.open.add(entry.key)
    if (!healer.active.has(entry.key)) healer.waiting.add(entry.key)
  }
  const last = message.entries.at(-1)
  if (message.done || !last) {
    job.listed.add(from)
    job.asking = null
  } else job.asking = { ...job.asking, after: last.key, id: 0, dueMs: now.monotonicMs }
  startHeals(healer, now)
  askForLists(healer, now)
  return true
}

/** Returns when to look again, Infinity for never. */
export function sweepHeals(healer: Healer, now: Moment): number {
  startHeals(healer, now)
  askForLists(healer, now)
  if (healer.waiting.size === 0 && healer.partitions.size === 0) return Number.POSITIVE_INFINITY
  return Math.max(healer.retryAtMs, now.monotonicMs + healer.process.limits.resendMs)
}

function startHeals(healer: Healer, now: Moment): void {
  if (healer.retryAtMs > now.monotonicMs) return
  for (const key of [...healer.waiting]) {
    if (healer.active.size >= healer.process.limits.healsAtOnceMax) return
    healer.waiting.delete(key)
    healer.active.add(key)
    healer.heal(key, now)
  }
}

/** Few partitions are listed at once; the next page of one is asked for when its keys are written back. */
function askForLists(healer: Healer, now: Moment): void {
  const { process } = healer
  let running = 0
  for (const job of [...healer.partitions.values()]) {
    if (isQuorum(job.quorum, job.listed) && job.open.size === 0) {
      healer.partitions.delete(job.partition)
      healer.wholeAgain(job.partition, now)
      continue
    }
    if (running >= 8) continue
    running += 1
    if (job.open.size >= process.limits.pageKeysMax * 4 || isQuorum(job.quorum, job.listed)) continue
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

function nextToList(
  healer: Healer,
  job: PartitionJob,
  now: Moment,
  notFirst: PeerId | null,
): PeerId | undefined {
  const owners = [...new Set(job.quorum.groups.flat())].filter(
    peer => peer !== healer.process.self && !job.listed.has(peer) && isReachable(healer.process, peer),
  )
  const order = byPromise(healer.process, owners, now.monotonicMs)
  return order.find(peer => peer !== notFirst) ?? order[0]
}
