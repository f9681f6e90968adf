import { type ContextKey, noHlc, type PeerId, type Version } from '../base/ids.ts'
import { byPromise, type Client, type Moment, newId, type Process, send, wakeAt } from './context.ts'
import type { Outcome, ReplicaMessage, VersionRecord } from './messages.ts'
import { isQuorum } from './quorum.ts'
import { keptFromOf } from './register.ts'

/** A walk along the parents: from its own records first, a hole is filled by another owner. */
export type ChainJob = {
  readonly key: ContextKey
  readonly client: Client
  readonly deadlineMs: number
  readonly limit: number
  /** The version that was asked for; null for what stands. */
  readonly from: Version | null
  /** What was settled as standing, when the walk begins with it. */
  current: Version | null
  /** Where the history ends, as a quorum said; its beginning as long as none did. */
  keptFrom: Version
  /** The number of the read that asks a quorum what stands; 0 for none. */
  reading: number
  /** It cannot begin, or begin anew, before that is known. */
  isSettling: boolean
  /** A quorum was asked once more, as an owner had not what was looked for. */
  isDoubted: boolean
  readonly records: VersionRecord[]
  next: Version | null
  /** Owners not asked yet about `next`, best first. */
  left: PeerId[]
  /** Owners that were asked about `next` and have not answered. */
  readonly silent: Set<PeerId>
  /** Of those the ones that could not read it, or tell whether they keep it: they have not answered, and are there. */
  readonly unsure: Set<PeerId>
  /** Owners that keep `next` no more. */
  readonly without: Set<PeerId>
  /** Of the questions about `next`: an answer about another version counts for nothing. */
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
  /** Whether this replica is an owner that keeps a version no more. */
  readonly isMissing: (key: ContextKey, version: Version, now: Moment) => boolean
  /** Reads what stands; the outcome comes to `onSettled` with this number. */
  readonly settle: (reading: number, key: ContextKey, timeoutMs: number, now: Moment) => void
}

/** Walks from a version on, or from what stands: a quorum says what that is, and where the history ends. */
export function startWalk(
  walks: Walks,
  client: Client,
  key: ContextKey,
  from: Version | null,
  limit: number,
  deadlineMs: number,
  now: Moment,
): void {
  const { process } = walks
  const job: ChainJob = {
    key,
    client,
    deadlineMs,
    limit: Math.min(limit, process.limits.chainMax),
    from,
    current: null,
    keptFrom: noHlc,
    reading: 0,
    isSettling: false,
    isDoubted: false,
    records: [],
    next: from,
    left: [],
    silent: new Set(),
    unsure: new Set(),
    without: new Set(),
    id: newId(process),
    bytes: 0,
    dueMs: deadlineMs,
  }
  walks.jobs.set(job.id, job)
  if (from === null) settle(walks, job, now)
  else walkFrom(walks, job, now)
}

/** What a quorum said that stands, or why none did. */
export function onSettled(walks: Walks, reading: number, outcome: Outcome, now: Moment): void {
  const job = [...walks.jobs.values()].find(each => each.reading === reading)
  if (!job) return
  const isAwaited = job.isSettling
  job.reading = 0
  job.isSettling = false
  if (outcome.kind === 'absent') return endChain(walks, job, end(job, null))
  if (outcome.kind !== 'found') {
    // Where it ends stays unknown: owners that are asked meanwhile may have more.
    if (isAwaited) endChain(walks, job, outcome)
    return
  }
  const { value } = outcome
  job.keptFrom = keptFromOf(value)
  if (!isAwaited && !isLost(job)) {
    if (isBelowEnd(job)) walkOn(walks, job, now)
  } else if (value.version !== job.current) {
    job.current = value.version
    job.next = value.version
    walkFrom(walks, job, now)
  } else if (isAwaited) {
    // Nobody has what stands: it is damaged, not trimmed, and to call that an empty history would be a lie.
    endChain(walks, job, { kind: 'unreached' })
  }
}

function walkFrom(walks: Walks, job: ChainJob, now: Moment): void {
  takeOwn(walks, job)
  askAnew(walks, job, now)
  walkOn(walks, job, now)
}

/** Another version is looked for: anyone may have that. */
function askAnew(walks: Walks, job: ChainJob, now: Moment): void {
  walks.jobs.delete(job.id)
  job.id = newId(walks.process)
  walks.jobs.set(job.id, job)
  for (const heard of [job.silent, job.unsure, job.without]) heard.clear()
  job.left = ownersToAsk(walks, job, now)
}

/** False: the message answers nothing of these walks. */
export function onWalkAnswer(
  walks: Walks,
  from: PeerId,
  message: ReplicaMessage & { id: number },
  now: Moment,
): boolean {
  const job = walks.jobs.get(message.id)
  if (!job || (message.kind !== 'chain' && message.kind !== 'refused')) return false
  // Late: every owner has answered before.
  if (job.isSettling) return true
  if (message.kind === 'refused') {
    doubt(walks, job, now)
    job.unsure.add(from)
    // Who refuses may have it all the same, and is asked again after all others.
    if (job.left.length > 0 || isKeptByNobody(walks, job, now)) walkOn(walks, job, now)
  } else if (message.key === job.key) {
    job.silent.delete(from)
    if (!takeFrom(walks, job, message.records, now)) {
      job.without.add(from)
      doubt(walks, job, now)
    }
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
      else {
        doubt(walks, job, now)
        walkOn(walks, job, now)
      }
    }
    if (walks.jobs.has(job.id)) wakeMs = Math.min(wakeMs, job.dueMs)
  }
  return wakeMs
}

/** False: it was not what was asked for, or nothing. */
function takeFrom(walks: Walks, job: ChainJob, records: readonly VersionRecord[], now: Moment): boolean {
  const before = job.records.length
  takeChain(job, records, walks.process.limits.chainBytesMax)
  const taken = job.records.slice(before)
  if (taken.length === 0) return false
  for (const record of taken) walks.process.wishes.push({ kind: 'keep', key: job.key, record })
  // Below the hole this replica may have what whoever filled it has not.
  takeOwn(walks, job)
  askAnew(walks, job, now)
  return true
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
    if (record.version !== job.next || job.records.length >= job.limit || isBelowEnd(job)) return
    job.bytes += record.data?.length ?? 0
    if (job.records.length > 0 && job.bytes > bytesMax) return
    job.records.push(record)
    job.next = record.parent
  }
}

function walkOn(walks: Walks, job: ChainJob, now: Moment): void {
  const { process } = walks
  const full = job.records.length >= job.limit || job.bytes > process.limits.chainBytesMax
  const isTrimmed = isBelowEnd(job) || (job.next !== null && job.next < walks.oldestKept(job.key))
  if (job.next === null || isTrimmed || full) {
    if (isTrimmed && isLost(job)) return settle(walks, job, now)
    return endChain(walks, job, end(job, isTrimmed ? null : job.next))
  }
  if (isKeptByNobody(walks, job, now)) {
    // What lay there was collected with its key, or trimmed (rule 9).
    if (isLost(job)) return settle(walks, job, now)
    return endChain(walks, job, end(job, null))
  }
  // Who was silent may only be slow: it is asked again, until the deadline.
  const peer = job.left.shift() ?? [...job.silent][0]!
  job.silent.delete(peer)
  job.silent.add(peer)
  job.dueMs = Math.min(job.deadlineMs, now.monotonicMs + process.limits.resendMs)
  wakeAt(process, job.dueMs)
  const limit = job.limit - job.records.length
  send(process, peer, { kind: 'chainAsked', id: job.id, key: job.key, from: job.next, limit })
}

/**
 * Every owner was asked: none has it, or a quorum keeps it no more and the others cannot read theirs. What was ever chosen was on
 * a quorum, so one of these at least has let it go; whose record is damaged would wait for the others for ever
 * (seed 8255290).
 */
function isKeptByNobody(
  walks: Walks,
  { key, next, left, silent, unsure, without }: ChainJob,
  now: Moment,
): boolean {
  if (next === null || left.length > 0) return false
  if ([...silent].some(peer => !unsure.has(peer))) return false
  const { process } = walks
  const has = (peer: PeerId) => (peer === process.self ? walks.isMissing(key, next, now) : without.has(peer))
  return silent.size === 0 || isQuorum(process.placeOf(key).quorum, { has })
}

/** What was current is gone before it could be told: something newer stands, and the history was trimmed to that. */
const isLost = (job: ChainJob): boolean => job.current !== null && job.records.length === 0

/** Below where a quorum says that the history ends. */
const isBelowEnd = ({ next, keptFrom }: ChainJob): boolean => next !== null && next < keptFrom

const end = ({ records }: ChainJob, next: Version | null): Outcome => ({ kind: 'versions', records, next })

function settle(walks: Walks, job: ChainJob, now: Moment): void {
  job.isSettling = true
  job.dueMs = job.deadlineMs
  wakeAt(walks.process, job.dueMs)
  readStanding(walks, job, now)
}

/**
 * An owner had it not, or said nothing: what is looked for may lie below the end of the history, and then the walk waits
 * for nobody. A quorum knows; the owners are asked meanwhile, as one of them may have it where there is no quorum.
 */
function doubt(walks: Walks, job: ChainJob, now: Moment): void {
  if (job.isDoubted) return
  job.isDoubted = true
  readStanding(walks, job, now)
}

function readStanding(walks: Walks, job: ChainJob, now: Moment): void {
  job.reading = newId(walks.process)
  walks.settle(job.reading, job.key, Math.max(1, job.deadlineMs - now.monotonicMs), now)
}

function endChain(walks: Walks, job: ChainJob, outcome: Outcome): void {
  walks.jobs.delete(job.id)
  walks.process.wishes.push({ kind: 'finish', client: job.client, key: job.key, outcome })
}
