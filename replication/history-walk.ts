import type { ContextKey, PeerId, Version } from '../base/ids.ts'
import { byPromise, type Client, type Moment, newId, type Process, send, wakeAt } from './context.ts'
import type { Outcome, ReplicaMessage, VersionRecord } from './messages.ts'

/** A walk along the parents: from its own records first, a hole is filled by another owner. */
export type ChainJob = {
  readonly key: ContextKey
  readonly client: Client
  readonly deadlineMs: number
  readonly limit: number
  /** What was settled as current, when the walk begins with it; null for a walk that goes on further down. */
  readonly current: Version | null
  readonly records: VersionRecord[]
  next: Version | null
  /** Owners not asked yet about `next`, best first. */
  left: PeerId[]
  /** Owners that were asked about `next` and have not answered. */
  readonly silent: Set<PeerId>
  id: number
  bytes: number
  dueMs: number
}

/** The walks of one replica, and what they need of it. */
export type Walks = {
  readonly process: Process
  readonly jobs: Map<number, ChainJob>
  /** This replica's own chain, without a message. */
  readonly ownChain: (key: ContextKey, from: Version, limit: number) => readonly VersionRecord[]
  /** Where the history ends that this replica keeps itself. */
  readonly oldestKept: (key: ContextKey) => Version
  /** Finds out again what is current, and begins the walk with that. */
  readonly settle: (job: ChainJob, timeoutMs: number, now: Moment) => void
}

/** Walks from a known version; the current value is not asked for. */
export function startChain(
  walks: Walks,
  client: Client,
  key: ContextKey,
  from: Version | null,
  limit: number,
  deadlineMs: number,
  now: Moment,
): void {
  walk(walks, { key, client, deadlineMs, limit, current: null }, from, now)
}

/** Walks from what was settled as current just now; null: nothing is. */
export function startHistory(
  walks: Walks,
  client: Client,
  key: ContextKey,
  current: Version | null,
  limit: number,
  deadlineMs: number,
  now: Moment,
): void {
  walk(walks, { key, client, deadlineMs, limit, current }, current, now)
}

type Walk = Pick<ChainJob, 'key' | 'client' | 'deadlineMs' | 'limit' | 'current'>

function walk(walks: Walks, walked: Walk, from: Version | null, now: Moment): void {
  const { process } = walks
  const job: ChainJob = {
    ...walked,
    limit: Math.min(walked.limit, process.limits.chainMax),
    records: [],
    next: from,
    left: [],
    silent: new Set(),
    id: newId(process),
    bytes: 0,
    dueMs: walked.deadlineMs,
  }
  walks.jobs.set(job.id, job)
  takeOwn(walks, job)
  job.left = ownersToAsk(walks, job, now)
  walkOn(walks, job, now)
}

/** False: the message answers nothing of these walks. */
export function onWalkAnswer(
  walks: Walks,
  from: PeerId,
  message: ReplicaMessage & { id: number },
  now: Moment,
): boolean {
  const job = walks.jobs.get(message.id)
  if (job && message.kind === 'refused') {
    // Who refuses may have it all the same, and is asked again after all others.
    if (job.left.length > 0) walkOn(walks, job, now)
    return true
  }
  if (!job || message.kind !== 'chain') return false
  if (message.key === job.key) {
    job.silent.delete(from)
    takeFrom(walks, job, message.records, now)
    walkOn(walks, job, now)
  }
  return true
}

/** Deadlines and repeated questions that are due. Returns when to look again, Infinity for never. */
export function sweepWalks(walks: Walks, now: Moment): number {
  let wakeMs = Number.POSITIVE_INFINITY
  for (const job of [...walks.jobs.values()]) {
    if (job.dueMs <= now.monotonicMs) {
      if (job.deadlineMs <= now.monotonicMs) endChain(walks, job, { kind: 'unreached' })
      else walkOn(walks, job, now)
    }
    if (walks.jobs.has(job.id)) wakeMs = Math.min(wakeMs, job.dueMs)
  }
  return wakeMs
}

function takeFrom(walks: Walks, job: ChainJob, records: readonly VersionRecord[], now: Moment): void {
  const before = job.records.length
  takeChain(job, records, walks.process.limits.chainBytesMax)
  const taken = job.records.slice(before)
  if (taken.length === 0) return
  for (const record of taken) walks.process.wishes.push({ kind: 'keep', key: job.key, record })
  // Progress means that the next hole may be filled by anyone again.
  job.silent.clear()
  // Below the hole this replica may have what whoever filled it has not.
  takeOwn(walks, job)
  job.left = ownersToAsk(walks, job, now)
}

function ownersToAsk(walks: Walks, job: ChainJob, now: Moment): PeerId[] {
  const owners = walks.process.placeOf(job.key).quorum.groups.flat()
  return byPromise(walks.process, [...new Set(owners)], now.monotonicMs).filter(
    peer => peer !== walks.process.self,
  )
}

function takeOwn(walks: Walks, job: ChainJob): void {
  const left = job.limit - job.records.length
  if (job.next === null || left <= 0) return
  takeChain(job, walks.ownChain(job.key, job.next, left), walks.process.limits.chainBytesMax)
}

function takeChain(job: ChainJob, found: readonly VersionRecord[], bytesMax: number): void {
  for (const record of found) {
    // Only the chain that was asked for: a peer cannot slip in another version.
    if (record.version !== job.next || job.records.length >= job.limit) return
    job.bytes += record.data?.length ?? 0
    if (job.records.length > 0 && job.bytes > bytesMax) return
    job.records.push(record)
    job.next = record.parent
  }
}

function walkOn(walks: Walks, job: ChainJob, now: Moment): void {
  const { process } = walks
  const full = job.records.length >= job.limit || job.bytes > process.limits.chainBytesMax
  const isTrimmed = job.next !== null && job.next < walks.oldestKept(job.key)
  if (job.next === null || isTrimmed || full) {
    if (isTrimmed && isLost(job)) return settleAgain(walks, job, now)
    return endChain(walks, job, {
      kind: 'versions',
      records: job.records,
      next: isTrimmed ? null : job.next,
    })
  }
  // Who was silent may only be slow: it is asked again, until the deadline.
  const peer = job.left.shift() ?? [...job.silent][0]
  if (peer === undefined) {
    // Every owner answered and none has it: what lay there was collected with its key, or trimmed (rule 9).
    if (isLost(job)) return settleAgain(walks, job, now)
    return endChain(walks, job, { kind: 'versions', records: job.records, next: null })
  }
  job.silent.delete(peer)
  job.silent.add(peer)
  job.dueMs = Math.min(job.deadlineMs, now.monotonicMs + process.limits.resendMs)
  wakeAt(process, job.dueMs)
  const limit = job.limit - job.records.length
  send(process, peer, { kind: 'chainAsked', id: job.id, key: job.key, from: job.next, limit })
}

/** What was current is gone before it could be told: something newer stands, and the history was trimmed to that. */
const isLost = (job: ChainJob): boolean => job.current !== null && job.records.length === 0

function settleAgain(walks: Walks, job: ChainJob, now: Moment): void {
  walks.jobs.delete(job.id)
  walks.settle(job, Math.max(1, job.deadlineMs - now.monotonicMs), now)
}

function endChain(walks: Walks, job: ChainJob, outcome: Outcome): void {
  walks.jobs.delete(job.id)
  walks.process.wishes.push({ kind: 'finish', client: job.client, key: job.key, outcome })
}
