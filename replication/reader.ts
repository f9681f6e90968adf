import { type ContextKey, noBallot, noHlc, type PeerId, type Version } from '../base/ids.ts'
import {
  byPromise,
  type Client,
  isReachable,
  type Moment,
  newId,
  type Process,
  send,
  suspect,
  wakeAt,
} from './context.ts'
import type { Outcome, ReplicaMessage, VersionRecord } from './messages.ts'
import {
  askOneMore,
  hurry,
  newReading,
  onReadingAnswer,
  type Reading,
  type ReadingEnd,
  readingQuestionFor,
} from './reading.ts'

/** A read in progress, for a client or as the first half of a history. */
export type ReadJob = {
  readonly key: ContextKey
  readonly client: Client
  readonly deadlineMs: number
  /** Versions wanted after the current one; null for a plain read. */
  readonly historyLimit: number | null
  /** What stood when the history was begun before, and was trimmed away before it could be told. */
  readonly trimmed: Version | null
  reading: Reading
  hedged: boolean
  dueMs: number
}

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

export type Reader = {
  readonly process: Process
  readonly reads: Map<number, ReadJob>
  readonly chains: Map<number, ChainJob>
  /** Replays to replicas that a read found behind, by question; oldest first and bounded. */
  readonly repairs: Map<number, ContextKey>
  /** This replica's own chain, without a message. */
  readonly ownChain: (key: ContextKey, from: Version, limit: number) => readonly VersionRecord[]
  /** Where the history ends that this replica keeps itself. */
  readonly oldestKept: (key: ContextKey) => Version
  /** Falls back to a full round (rule 7). */
  readonly confirm: (client: Client, key: ContextKey, timeoutMs: number, now: Moment) => void
}

export function newReader(
  process: Process,
  ownChain: Reader['ownChain'],
  confirm: Reader['confirm'],
  oldestKept: Reader['oldestKept'] = () => noHlc,
): Reader {
  return { process, reads: new Map(), chains: new Map(), repairs: new Map(), ownChain, oldestKept, confirm }
}

export function startRead(
  reader: Reader,
  client: Client,
  key: ContextKey,
  historyLimit: number | null,
  timeoutMs: number,
  now: Moment,
  trimmed: Version | null = null,
): void {
  const { process } = reader
  if (reader.reads.size >= process.limits.operationsMax) {
    process.wishes.push({ kind: 'finish', client, key, outcome: { kind: 'elsewhere', reason: 'overloaded' } })
    return
  }
  const { quorum } = process.placeOf(key)
  const voters = [...new Set(quorum.groups.flat())]
  const reading = newReading(key, quorum, byPromise(process, voters, now.monotonicMs), newId(process))
  const deadlineMs = now.monotonicMs + timeoutMs
  const dueMs = Math.min(deadlineMs, now.monotonicMs + process.limits.hedgeMs)
  const job: ReadJob = { key, client, deadlineMs, historyLimit, trimmed, reading, hedged: false, dueMs }
  reader.reads.set(reading.id, job)
  wakeAt(process, dueMs)
  ask(reader, job)
}

/** Walks from a known version; the current value is not asked for. */
export function startChain(
  reader: Reader,
  client: Client,
  key: ContextKey,
  from: Version | null,
  limit: number,
  deadlineMs: number,
  now: Moment,
): void {
  walk(reader, { key, client, deadlineMs, limit, current: null }, from, now)
}

/** Walks from what was settled as current just now; null: nothing is. */
export function startHistory(
  reader: Reader,
  client: Client,
  key: ContextKey,
  current: Version | null,
  limit: number,
  deadlineMs: number,
  now: Moment,
): void {
  walk(reader, { key, client, deadlineMs, limit, current }, current, now)
}

type Walk = Pick<ChainJob, 'key' | 'client' | 'deadlineMs' | 'limit' | 'current'>

function walk(reader: Reader, walked: Walk, from: Version | null, now: Moment): void {
  const { process } = reader
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
  reader.chains.set(job.id, job)
  takeOwn(reader, job)
  job.left = ownersToAsk(reader, job, now)
  walkOn(reader, job, now)
}

/** False: the message answers nothing of this reader. */
export function onReaderAnswer(
  reader: Reader,
  from: PeerId,
  message: ReplicaMessage & { id: number },
  now: Moment,
): boolean {
  const job = reader.reads.get(message.id)
  if (job) {
    const idBefore = job.reading.id
    const end = onReadingAnswer(job.reading, from, message, () => newId(reader.process))
    goOn(reader, job, idBefore, end, now)
    return true
  }
  const repaired = reader.repairs.get(message.id)
  if (repaired !== undefined) {
    reader.repairs.delete(message.id)
    if (message.kind === 'accepted' && !message.granted) {
      reader.process.wishes.push({ kind: 'bringUp', key: repaired })
    }
    return true
  }
  const chain = reader.chains.get(message.id)
  // Who refuses may have it all the same: it is asked again.
  if (chain && message.kind === 'refused') return true
  if (!chain || message.kind !== 'chain') return false
  if (message.key === chain.key) {
    const before = chain.records.length
    chain.silent.delete(from)
    takeChain(chain, message.records, reader.process.limits.chainBytesMax)
    for (const record of chain.records.slice(before)) {
      reader.process.wishes.push({ kind: 'keep', key: chain.key, record })
    }
    // Progress means that the next hole may be filled by anyone again.
    if (chain.records.length > before) {
      chain.silent.clear()
      // Below the hole this replica may have what whoever filled it has not.
      takeOwn(reader, chain)
      chain.left = ownersToAsk(reader, chain, now)
    }
    walkOn(reader, chain, now)
  }
  return true
}

function goOn(reader: Reader, job: ReadJob, idBefore: number, end: ReadingEnd | null, now: Moment): void {
  if (end) return endReading(reader, job, end, now)
  if (job.reading.id !== idBefore) {
    reader.reads.delete(idBefore)
    reader.reads.set(job.reading.id, job)
    reader.process.wishes.push({ kind: 'count', name: 'readRepair' })
  }
  ask(reader, job)
}

/** The view has changed: a read lies in one epoch (rule 10), so those of an older one begin again. */
export function onReadEpochs(reader: Reader, now: Moment): void {
  const { process } = reader
  for (const job of [...reader.reads.values()]) {
    if (job.reading.quorum.epoch === process.placeOf(job.key).quorum.epoch) continue
    reader.reads.delete(job.reading.id)
    startRead(
      reader,
      job.client,
      job.key,
      job.historyLimit,
      Math.max(1, job.deadlineMs - now.monotonicMs),
      now,
      job.trimmed,
    )
  }
}

/** Deadlines, hedges and repeated questions that are due. Returns when to look again, Infinity for never. */
export function sweepReads(reader: Reader, now: Moment): number {
  let wakeMs = Number.POSITIVE_INFINITY
  for (const job of [...reader.reads.values()]) {
    if (job.dueMs <= now.monotonicMs) lookAtRead(reader, job, now)
    if (reader.reads.has(job.reading.id)) wakeMs = Math.min(wakeMs, job.dueMs)
  }
  for (const chain of [...reader.chains.values()]) {
    if (chain.dueMs <= now.monotonicMs) {
      if (chain.deadlineMs <= now.monotonicMs) endChain(reader, chain, { kind: 'unreached' })
      else walkOn(reader, chain, now)
    }
    if (reader.chains.has(chain.id)) wakeMs = Math.min(wakeMs, chain.dueMs)
  }
  return wakeMs
}

function ask(reader: Reader, job: ReadJob): void {
  for (const peer of job.reading.order) {
    const question = readingQuestionFor(job.reading, peer)
    if (question && isReachable(reader.process, peer)) send(reader.process, peer, question)
  }
}

function lookAtRead(reader: Reader, job: ReadJob, now: Moment): void {
  const { process } = reader
  if (job.deadlineMs <= now.monotonicMs) {
    reader.reads.delete(job.reading.id)
    process.wishes.push({ kind: 'finish', client: job.client, key: job.key, outcome: { kind: 'unreached' } })
    return
  }
  for (const peer of job.reading.order) {
    if (readingQuestionFor(job.reading, peer)) suspect(process, peer, now.monotonicMs)
  }
  let mayHelp = false
  if (job.reading.phase === 'asking' && askOneMore(job.reading)) {
    if (!job.hedged) process.wishes.push({ kind: 'count', name: 'hedgedRead' })
    job.hedged = true
    // Whoever was asked for the bytes may be the one that is silent.
    const last = [...job.reading.asked].at(-1)
    if (last !== undefined) {
      job.reading.wantData.add(last)
      mayHelp = isReachable(process, last)
    }
  }
  job.dueMs = Math.min(
    job.deadlineMs,
    now.monotonicMs + (job.hedged ? process.limits.resendMs : process.limits.hedgeMs),
  )
  const idBefore = job.reading.id
  const end = mayHelp ? null : hurry(job.reading, () => newId(process))
  goOn(reader, job, idBefore, end, now)
}

function endReading(reader: Reader, job: ReadJob, end: ReadingEnd, now: Moment): void {
  const { process } = reader
  reader.reads.delete(job.reading.id)
  const leftMs = Math.max(1, job.deadlineMs - now.monotonicMs)
  if (end.kind === 'roundNeeded') {
    process.wishes.push({ kind: 'count', name: 'readRepair' })
    return reader.confirm(clientOfRound(job), job.key, leftMs, now)
  }
  if (end.value !== null) repairBehind(reader, job, end)
  if (job.historyLimit === null) {
    const outcome: Outcome = end.value === null ? { kind: 'absent' } : { kind: 'found', value: end.value }
    process.wishes.push({ kind: 'finish', client: job.client, key: job.key, outcome })
    return
  }
  const current = end.value?.version ?? null
  // Nobody has what stands: it is damaged, not trimmed, and to call that an empty history would be a lie.
  if (current !== null && current === job.trimmed) {
    process.wishes.push({ kind: 'finish', client: job.client, key: job.key, outcome: { kind: 'unreached' } })
    return
  }
  startHistory(reader, job.client, job.key, current, job.historyLimit, job.deadlineMs, now)
}

/** A history goes on from what the round settles: reading again would meet the same promise, at once and without end. */
function clientOfRound({ client, historyLimit, deadlineMs }: ReadJob): Client {
  return historyLimit === null ? client : { kind: 'history', asker: client, limit: historyLimit, deadlineMs }
}

/** Rule 8: replays what was read to a replica that is behind; it counts for nothing. */
function repairBehind(reader: Reader, job: ReadJob, end: Extract<ReadingEnd, { kind: 'read' }>): void {
  const { process } = reader
  if (end.value === null || end.value.data === null || end.ballot === noBallot) return
  for (const peer of end.behind) {
    process.wishes.push({ kind: 'count', name: 'readRepair' })
    const { epoch } = job.reading.quorum
    const id = newId(process)
    noteRepair(reader, id, job.key)
    send(process, peer, {
      kind: 'replay',
      id,
      epoch,
      key: job.key,
      ballot: end.ballot,
      value: end.value,
    })
  }
}

function noteRepair(reader: Reader, id: number, key: ContextKey): void {
  reader.repairs.set(id, key)
  if (reader.repairs.size <= reader.process.limits.operationsMax) return
  const oldest = reader.repairs.keys().next()
  if (!oldest.done) reader.repairs.delete(oldest.value)
}

function ownersToAsk(reader: Reader, job: ChainJob, now: Moment): PeerId[] {
  const owners = reader.process.placeOf(job.key).quorum.groups.flat()
  return byPromise(reader.process, [...new Set(owners)], now.monotonicMs).filter(
    peer => peer !== reader.process.self,
  )
}

function takeOwn(reader: Reader, job: ChainJob): void {
  const left = job.limit - job.records.length
  if (job.next === null || left <= 0) return
  takeChain(job, reader.ownChain(job.key, job.next, left), reader.process.limits.chainBytesMax)
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

function walkOn(reader: Reader, job: ChainJob, now: Moment): void {
  const { process } = reader
  const full = job.records.length >= job.limit || job.bytes > process.limits.chainBytesMax
  const isTrimmed = job.next !== null && job.next < reader.oldestKept(job.key)
  if (job.next === null || isTrimmed || full) {
    if (isTrimmed && isLost(job)) return settleAgain(reader, job, now)
    return endChain(reader, job, {
      kind: 'versions',
      records: job.records,
      next: isTrimmed ? null : job.next,
    })
  }
  // Who was silent may only be slow: it is asked again, until the deadline.
  const peer = job.left.shift() ?? [...job.silent][0]
  if (peer === undefined) {
    // Every owner answered and none has it: what lay there was collected with its key, or trimmed (rule 9).
    if (isLost(job)) return settleAgain(reader, job, now)
    return endChain(reader, job, { kind: 'versions', records: job.records, next: null })
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

function settleAgain(reader: Reader, job: ChainJob, now: Moment): void {
  reader.chains.delete(job.id)
  const leftMs = Math.max(1, job.deadlineMs - now.monotonicMs)
  startRead(reader, job.client, job.key, job.limit, leftMs, now, job.current)
}

function endChain(reader: Reader, job: ChainJob, outcome: Outcome): void {
  reader.chains.delete(job.id)
  reader.process.wishes.push({ kind: 'finish', client: job.client, key: job.key, outcome })
}
