import { type ContextKey, noBallot, noHlc, type PeerId } from '../base/ids.ts'
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
import { onWalkAnswer, sweepWalks, type Walks } from './history-walk.ts'
import type { Outcome, ReplicaMessage } from './messages.ts'
import {
  askOneMore,
  hurry,
  newReading,
  onReadingAnswer,
  type Reading,
  type ReadingEnd,
  readingQuestionFor,
} from './reading.ts'

/** A read in progress, for a client or for the walk of a history. */
export type ReadJob = {
  readonly key: ContextKey
  readonly client: Client
  readonly deadlineMs: number
  reading: Reading
  hedged: boolean
  dueMs: number
}

export type Reader = {
  readonly process: Process
  readonly reads: Map<number, ReadJob>
  readonly walks: Walks
  /** Replays to replicas that a read found behind, by question; oldest first and bounded. */
  readonly repairs: Map<number, ContextKey>
  /** Falls back to a full round (rule 7). */
  readonly confirm: (client: Client, key: ContextKey, timeoutMs: number, now: Moment) => void
}

export function newReader(
  process: Process,
  ownChain: Walks['ownChain'],
  confirm: Reader['confirm'],
  oldestKept: Walks['oldestKept'] = () => noHlc,
  isMissing: Walks['isMissing'] = () => false,
): Reader {
  const settle: Walks['settle'] = (reading, key, timeoutMs, now) =>
    startRead(reader, { kind: 'history', reading }, key, timeoutMs, now)
  const walks: Walks = { process, jobs: new Map(), ownChain, oldestKept, isMissing, settle }
  const reader: Reader = { process, reads: new Map(), walks, repairs: new Map(), confirm }
  return reader
}

export function startRead(
  reader: Reader,
  client: Client,
  key: ContextKey,
  timeoutMs: number,
  now: Moment,
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
  const job: ReadJob = { key, client, deadlineMs, reading, hedged: false, dueMs }
  reader.reads.set(reading.id, job)
  wakeAt(process, dueMs)
  ask(reader, job)
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
  return onWalkAnswer(reader.walks, from, message, now)
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
    startRead(reader, job.client, job.key, Math.max(1, job.deadlineMs - now.monotonicMs), now)
  }
}

/** Deadlines, hedges and repeated questions that are due. Returns when to look again, Infinity for never. */
export function sweepReads(reader: Reader, now: Moment): number {
  let wakeMs = Number.POSITIVE_INFINITY
  for (const job of [...reader.reads.values()]) {
    if (job.dueMs <= now.monotonicMs) lookAtRead(reader, job, now)
    if (reader.reads.has(job.reading.id)) wakeMs = Math.min(wakeMs, job.dueMs)
  }
  return Math.min(wakeMs, sweepWalks(reader.walks, now))
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
    return reader.confirm(job.client, job.key, leftMs, now)
  }
  if (end.value !== null) repairBehind(reader, job, end)
  const outcome: Outcome = end.value === null ? { kind: 'absent' } : { kind: 'found', value: end.value }
  process.wishes.push({ kind: 'finish', client: job.client, key: job.key, outcome })
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
