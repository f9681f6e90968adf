import type { ContextKey, PeerId } from '../base/ids.ts'
import {
  byPromise,
  type Client,
  isDoubtful,
  isReachable,
  type Moment,
  newId,
  type Process,
  send,
  silentAtMs,
  suspect,
  wakeAt,
} from './context.ts'
import type { Message, Outcome, WriteOperation } from './messages.ts'

/** A write on its way to an owner that coordinates it. The same operation id through every attempt (rule 5). */
type RequestJob = {
  readonly client: Client
  readonly operation: WriteOperation
  readonly deadlineMs: number
  /** Owners that have not been tried in this turn, best first. */
  left: PeerId[]
  attempt: number
  id: number
  target: PeerId | null
  /** An attempt whose outcome was never told: the operation may be carried out. */
  mayBeWritten: boolean
  /** When the target is given up, whatever else it says. */
  giveUpMs: number
  dueMs: number
}

export type Requester = {
  readonly process: Process
  readonly jobs: Map<number, RequestJob>
  /** Coordinates at this replica, without a message. */
  readonly coordinateHere: (client: Client, operation: WriteOperation, timeoutMs: number, now: Moment) => void
}

export function newRequester(process: Process, coordinateHere: Requester['coordinateHere']): Requester {
  return { process, jobs: new Map(), coordinateHere }
}

/** Sends a write to the first live owner of its key, and on silence to the next one. */
export function requestWrite(
  requester: Requester,
  client: Client,
  operation: WriteOperation,
  timeoutMs: number,
  now: Moment,
): void {
  const job: RequestJob = {
    client,
    operation,
    deadlineMs: now.monotonicMs + timeoutMs,
    left: [],
    attempt: operation.attempt - 1,
    id: 0,
    target: null,
    mayBeWritten: operation.attempt > 1,
    giveUpMs: 0,
    dueMs: 0,
  }
  tryNext(requester, job, now)
}

export function onReply(
  requester: Requester,
  from: PeerId,
  message: Extract<Message, { kind: 'reply' }>,
  now: Moment,
): void {
  const job = requester.jobs.get(message.id)
  // An answer of an earlier attempt is not waited for any more: only the newest one counts (rule 5).
  if (!job || job.target !== from) return
  settle(requester, job, message.outcome, now)
}

/** The answer of this replica's own coordinator. */
export function onOwnOutcome(requester: Requester, id: number, outcome: Outcome, now: Moment): void {
  const job = requester.jobs.get(id)
  if (job) settle(requester, job, outcome, now)
}

export function onTargetLost(requester: Requester, peer: PeerId, now: Moment): void {
  for (const job of [...requester.jobs.values()]) {
    if (job.target !== peer) continue
    job.mayBeWritten = true
    tryNext(requester, job, now)
  }
}

/** Attempts that took too long. Returns when to look again, Infinity for never. */
export function sweepRequests(requester: Requester, now: Moment): number {
  let wakeMs = Number.POSITIVE_INFINITY
  for (const job of [...requester.jobs.values()]) {
    if (job.dueMs <= now.monotonicMs) lookAt(requester, job, now)
    if (requester.jobs.get(job.id) === job) wakeMs = Math.min(wakeMs, job.dueMs)
  }
  return wakeMs
}

function lookAt(requester: Requester, job: RequestJob, now: Moment): void {
  const { target } = job
  if (target !== null) {
    if (isWorthWaiting(requester, job, target, now.monotonicMs)) return setDue(requester, job, target, now)
    suspect(requester.process, target, now.monotonicMs)
    job.mayBeWritten = true
  }
  tryNext(requester, job, now)
}

/** A target that still says something is only slow, and two coordinators of one key hinder each other. */
function isWorthWaiting({ process }: Requester, job: RequestJob, target: PeerId, nowMs: number): boolean {
  if (nowMs >= job.giveUpMs) return false
  const isBetter = (peer: PeerId) => isReachable(process, peer) && !isDoubtful(process, peer, nowMs)
  return silentAtMs(process, target, nowMs) > nowMs || !job.left.some(isBetter)
}

/** Looks again when the target will have been silent for too long, or has to be given up. */
function setDue({ process }: Requester, job: RequestJob, target: PeerId, { monotonicMs }: Moment): void {
  const silentMs = silentAtMs(process, target, monotonicMs)
  job.dueMs = Math.min(job.giveUpMs, silentMs > monotonicMs ? silentMs : monotonicMs + process.limits.beatMs)
  wakeAt(process, job.dueMs)
}

function settle(requester: Requester, job: RequestJob, outcome: Outcome, now: Moment): void {
  if (outcome.kind === 'elsewhere' || outcome.kind === 'unreached') return tryLater(requester, job, now)
  if (outcome.kind === 'unknown' && now.monotonicMs < job.deadlineMs) {
    job.mayBeWritten = true
    // Below the floor of the window it stays unknown for ever; a retry that finds the id is the only way to know.
    return job.attempt - job.operation.attempt < 2
      ? tryLater(requester, job, now)
      : finish(requester, job, outcome)
  }
  finish(requester, job, outcome)
}

/** Another owner now, or after a pause when all were asked. */
function tryLater(requester: Requester, job: RequestJob, now: Moment): void {
  if (job.left.some(peer => isReachable(requester.process, peer))) return tryNext(requester, job, now)
  requester.jobs.delete(job.id)
  job.target = null
  job.left = []
  job.id = newId(requester.process)
  job.dueMs = Math.min(job.deadlineMs, now.monotonicMs + requester.process.limits.retryRoundMs * 16)
  wakeAt(requester.process, job.dueMs)
  requester.jobs.set(job.id, job)
}

function tryNext(requester: Requester, job: RequestJob, now: Moment): void {
  const { process } = requester
  requester.jobs.delete(job.id)
  const leftMs = job.deadlineMs - now.monotonicMs
  if (leftMs <= 0) return finish(requester, job, { kind: 'unreached' })
  const { key } = job.operation
  if (job.left.length === 0) job.left = byOwnerOrder(process, key, now.monotonicMs)
  job.target = job.left.find(peer => isReachable(process, peer)) ?? null
  job.id = newId(process)
  requester.jobs.set(job.id, job)
  if (job.target === null) {
    job.left = []
    job.dueMs = Math.min(job.deadlineMs, now.monotonicMs + process.limits.retryRoundMs * 16)
    wakeAt(process, job.dueMs)
    return
  }
  const target = job.target
  job.left = job.left.filter(peer => peer !== target)
  job.attempt += 1
  const timeoutMs = Math.min(leftMs, process.limits.attemptMaxMs)
  job.giveUpMs = now.monotonicMs + timeoutMs
  setDue(requester, job, target, now)
  const operation: WriteOperation = { ...job.operation, attempt: job.attempt }
  if (target === process.self)
    requester.coordinateHere({ kind: 'requester', id: job.id }, operation, timeoutMs, now)
  else send(process, target, { kind: 'request', id: job.id, timeoutMs, operation })
}

/**
 * The owners in the view's order, so that every process sends the writes of a key to the same one;
 * those that missed an answer come last.
 */
function byOwnerOrder(process: Process, key: ContextKey, nowMs: number): PeerId[] {
  const owners = [...new Set(process.placeOf(key).quorum.groups.flat())]
  const isSuspect = (peer: PeerId) => isDoubtful(process, peer, nowMs)
  return [...owners.filter(peer => !isSuspect(peer)), ...byPromise(process, owners.filter(isSuspect), nowMs)]
}

function finish(requester: Requester, job: RequestJob, outcome: Outcome): void {
  requester.jobs.delete(job.id)
  const told: Outcome = outcome.kind === 'unreached' && job.mayBeWritten ? { kind: 'unknown' } : outcome
  requester.process.wishes.push({ kind: 'finish', client: job.client, key: job.operation.key, outcome: told })
}
