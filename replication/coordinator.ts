import { hlcMs } from '../base/hlc.ts'
import { type ContextKey, noBallot, type PeerId } from '../base/ids.ts'
import {
  type Client,
  finish,
  isReachable,
  type Moment,
  newBallot,
  newId,
  type Process,
  riseAbove,
  suspect,
  wakeAt,
} from './context.ts'
import type { Outcome, ReplicaMessage, TrimOperation, WriteOperation } from './messages.ts'
import { votes } from './quorum.ts'
import { keptFromOf, outcomeOf } from './register.ts'
import {
  type CachedBallot,
  type Goal,
  giveUp,
  newRound,
  onAnswer,
  questionFor,
  type RoundEnd,
  startRound,
} from './round.ts'
import { ask, askSpared, isHopeless, newJob, type RoundJob, setDue } from './round-job.ts'
import { keepTail, onLateAnswer, sweepTails, type Tails } from './tails.ts'

/**
 * Carries out writes at the first live replica of their key: one at a time a key, the others queue here
 * (rule 6; a hint for speed, safety never rests on it).
 */
export type Coordinator = {
  readonly process: Process
  /** Granted next ballots, least recently made first. */
  readonly cached: Map<ContextKey, CachedBallot>
  readonly active: Map<ContextKey, RoundJob>
  readonly waiting: Map<ContextKey, RoundJob[]>
  readonly byQuestion: Map<number, RoundJob>
  readonly tails: Tails
  jobs: number
}

export function newCoordinator(process: Process): Coordinator {
  return {
    process,
    cached: new Map(),
    active: new Map(),
    waiting: new Map(),
    byQuestion: new Map(),
    tails: new Map(),
    jobs: 0,
  }
}

/** Queues a write. A full coordinator says so at once, and nothing is written. */
export function coordinateWrite(
  coordinator: Coordinator,
  client: Client,
  operation: WriteOperation,
  timeoutMs: number,
  now: Moment,
): void {
  const { process } = coordinator
  const queued = coordinator.waiting.get(operation.key)?.length ?? 0
  if (coordinator.jobs >= process.limits.operationsMax || queued >= process.limits.queuePerKeyMax) {
    return finish(process, client, operation.key, { kind: 'elsewhere', reason: 'overloaded' })
  }
  if (hlcMs(operation.id) > now.wallMs + process.limits.ballotDriftMaxMs) {
    process.wishes.push({ kind: 'count', name: 'ballotAhead' })
    return finish(process, client, operation.key, { kind: 'elsewhere', reason: 'invalid' })
  }
  enqueue(
    coordinator,
    newJob(client, operation.key, operation, { kind: 'confirm', force: false }, timeoutMs, now),
    now,
  )
}

/** Writes back whatever stands: the last resort of a read (rule 7), or with `force` the healing of a replica. */
export function coordinateConfirm(
  coordinator: Coordinator,
  client: Client,
  key: ContextKey,
  force: boolean,
  timeoutMs: number,
  now: Moment,
): void {
  enqueue(coordinator, newJob(client, key, null, { kind: 'confirm', force }, timeoutMs, now), now)
}

/** Trims the history of a key; without an answer it may be trimmed all the same, and may be asked for again. */
export function coordinateTrim(
  coordinator: Coordinator,
  client: Client,
  operation: TrimOperation,
  timeoutMs: number,
  now: Moment,
): void {
  if (coordinator.jobs >= coordinator.process.limits.operationsMax)
    return finish(coordinator.process, client, operation.key, { kind: 'elsewhere', reason: 'overloaded' })
  enqueue(coordinator, newJob(client, operation.key, null, operation, timeoutMs, now), now)
}

/** Brings every replica of a key up to what stands, unless a round of it is under way and does that anyway. */
export function bringUp(coordinator: Coordinator, key: ContextKey, now: Moment): void {
  if (coordinator.active.has(key) || coordinator.jobs >= coordinator.process.limits.operationsMax) return
  coordinateConfirm(coordinator, { kind: 'repair' }, key, true, coordinator.process.limits.attemptMaxMs, now)
}

/** An answer to a question of a round. False: it is none of this coordinator's. */
export function onRoundAnswer(
  coordinator: Coordinator,
  from: PeerId,
  message: ReplicaMessage & { id: number },
  now: Moment,
): boolean {
  const { process } = coordinator
  const job = coordinator.byQuestion.get(message.id)
  if (job?.round) {
    const round = job.round
    const questionBefore = round.id
    const end = onAnswer(round, from, message, () => newId(process), now.wallMs)
    if (end) endRound(coordinator, job, end, now)
    else if (round.id !== questionBefore) {
      coordinator.byQuestion.delete(questionBefore)
      coordinator.byQuestion.set(round.id, job)
      job.mayBeWritten ||= round.accepting
      ask(process, job, now)
    } else if (isHopeless(job, isCutOff(process))) endRound(coordinator, job, giveUp(round), now)
    else if (round.lost.has(from)) askSpared(process, job, now)
    return true
  }
  return onLateAnswer(coordinator.tails, from, message)
}

const isCutOff = (process: Process) => (peer: PeerId) => !isReachable(process, peer)

/** Somebody is away now: rounds that were waiting for nobody else go on under other ballots. */
export function onOwnerLost(coordinator: Coordinator, now: Moment): void {
  for (const job of [...coordinator.active.values()])
    if (job.round && isHopeless(job, isCutOff(coordinator.process)))
      endRound(coordinator, job, giveUp(job.round), now)
}

/** Deadlines, repeated questions and hints that are due. Returns when to look again, Infinity for never. */
export function sweepRounds(coordinator: Coordinator, now: Moment): number {
  let wakeMs = Number.POSITIVE_INFINITY
  for (const job of [...coordinator.active.values()]) {
    if (job.dueMs <= now.monotonicMs) lookAt(coordinator, job, now)
    if (coordinator.active.get(job.key) === job) wakeMs = Math.min(wakeMs, job.dueMs)
  }
  for (const queue of [...coordinator.waiting.values()]) {
    for (const job of [...queue]) {
      if (job.deadlineMs <= now.monotonicMs) {
        queue.splice(queue.indexOf(job), 1)
        coordinator.jobs -= 1
        finish(coordinator.process, job.client, job.key, { kind: 'unreached' })
      } else wakeMs = Math.min(wakeMs, job.deadlineMs)
    }
  }
  return Math.min(wakeMs, sweepTails(coordinator.process, coordinator.tails, now))
}

/**
 * The view has changed. A round lies in one epoch (rule 10): those of an older one are burnt and begun again, in the
 * new one. Cached ballots of an older epoch die when they are looked at (rule 6).
 */
export function onEpochs(coordinator: Coordinator, now: Moment): void {
  const { process } = coordinator
  for (const job of [...coordinator.active.values()]) {
    const { round } = job
    if (round === null || round.quorum.epoch === process.placeOf(job.key).quorum.epoch) continue
    job.tries = 1
    endRound(coordinator, job, giveUp(round), now)
  }
}

function enqueue(coordinator: Coordinator, job: RoundJob, now: Moment): void {
  coordinator.jobs += 1
  if (coordinator.active.has(job.key)) {
    const queue = coordinator.waiting.get(job.key)
    if (queue) queue.push(job)
    else coordinator.waiting.set(job.key, [job])
    wakeAt(coordinator.process, job.deadlineMs)
    return
  }
  coordinator.active.set(job.key, job)
  tryRound(coordinator, job, now)
}

function tryRound(coordinator: Coordinator, job: RoundJob, now: Moment): void {
  const { process } = coordinator
  const { quorum } = process.placeOf(job.key)
  const only = job.operation?.epoch ?? null
  if (only !== null && only !== quorum.epoch) {
    // Rule 10: under the quorums of another view it must not be proposed.
    const outcome: Outcome = job.mayBeWritten
      ? { kind: 'unknown' }
      : { kind: 'elsewhere', reason: 'notOwner' }
    return endJob(coordinator, job, outcome, now)
  }
  const cached = job.operation ? takeCached(coordinator, job.key, quorum.epoch) : null
  const goal: Goal = job.operation
    ? { kind: 'write', operation: job.operation, retried: job.mayBeWritten || job.operation.attempt > 1 }
    : job.goal
  const ballot = cached ? cached.ballot : newBallot(process, now.wallMs)
  // A next ballot is asked for where one replica is likely to write again: here, at the head of the queue.
  const next = job.operation ? newBallot(process, now.wallMs) : noBallot
  const round = newRound(job.key, goal, quorum, ballot, next, job.withData)
  job.round = round
  job.tries += 1
  const end = startRound(round, cached, () => newId(process), now.wallMs)
  if (end) {
    if (cached && end.kind === 'answered' && !end.chosen) coordinator.cached.set(job.key, cached)
    return endRound(coordinator, job, end, now)
  }
  if (round.phase === 'prepare' && cached) {
    // The cached ballot could not be used: prepare a higher one, its promise stands against older ones only.
    job.round = newRound(
      job.key,
      goal,
      quorum,
      newBallot(process, now.wallMs),
      newBallot(process, now.wallMs),
      job.withData,
    )
    startRound(job.round, null, () => newId(process), now.wallMs)
  }
  process.wishes.push({ kind: 'count', name: round.phase === 'accept' ? 'fastWrite' : 'slowWrite' })
  job.mayBeWritten ||= job.round.accepting
  coordinator.byQuestion.set(job.round.id, job)
  ask(process, job, now)
}

function takeCached(coordinator: Coordinator, key: ContextKey, epoch: number): CachedBallot | null {
  const cached = coordinator.cached.get(key)
  if (!cached) return null
  coordinator.cached.delete(key)
  return cached.epoch === epoch ? cached : null
}

function lookAt(coordinator: Coordinator, job: RoundJob, now: Moment): void {
  const { process } = coordinator
  if (job.deadlineMs <= now.monotonicMs) {
    return endJob(
      coordinator,
      job,
      job.mayBeWritten && job.operation ? { kind: 'unknown' } : { kind: 'unreached' },
      now,
    )
  }
  if (!job.round) return tryRound(coordinator, job, now)
  if (job.spared.length > 0) return askSpared(process, job, now)
  for (const peer of job.round.quorum.targets) {
    if (questionFor(job.round, peer)) suspect(process, peer, now.monotonicMs)
  }
  // Somebody promised more, and without the silent ones nothing is left: the next ballot is above that.
  if (job.round.obstacle > job.round.ballot && isHopeless(job, () => true))
    return endRound(coordinator, job, giveUp(job.round), now)
  ask(process, job, now)
}

function endRound(coordinator: Coordinator, job: RoundJob, end: RoundEnd, now: Moment): void {
  const { process } = coordinator
  const round = job.round
  if (round) coordinator.byQuestion.delete(round.id)
  switch (end.kind) {
    case 'answered': {
      if (round && end.chosen) {
        keepTail(process, coordinator.tails, round, now)
        if (end.cached && job.operation) cache(coordinator, job.key, end.cached)
      }
      const acks = round && end.chosen ? votes(round.quorum, round.acks) : 0
      return endJob(coordinator, job, answerFor(job, end, acks, round?.quorum.targets.length ?? 0, now), now)
    }
    case 'settled':
      if (round) keepTail(process, coordinator.tails, round, now)
      if (end.cached) cache(coordinator, job.key, end.cached)
      return tryRound(coordinator, job, now)
    case 'unknown':
      return endJob(coordinator, job, { kind: 'unknown' }, now)
    case 'lost': {
      // Rule 5: the ballot is burnt. The same operation id goes on under a new one until the deadline.
      process.wishes.push({ kind: 'count', name: 'retriedRound' })
      riseAbove(process, end.obstacle, now.wallMs)
      job.round = null
      job.withData ||= end.withData
      const pause = process.limits.retryRoundMs * 2 ** Math.min(job.tries - 1, 4)
      const waitMs = end.withData || job.tries === 1 ? 0 : Math.ceil(pause * (0.5 + process.random.next()))
      if (waitMs === 0) return tryRound(coordinator, job, now)
      setDue(process, job, now.monotonicMs + waitMs)
    }
  }
}

function answerFor(
  job: RoundJob,
  end: Extract<RoundEnd, { kind: 'answered' }>,
  acks: number,
  replicas: number,
  now: Moment,
): Outcome {
  if (job.operation) return outcomeOf(end.answer, job.operation, end.current, now.wallMs, acks, replicas)
  if (end.current === null) return { kind: 'absent' }
  if (job.goal.kind === 'trim') return { kind: 'trimmed', keptFrom: keptFromOf(end.current) }
  return { kind: 'found', value: end.current }
}

function endJob(coordinator: Coordinator, job: RoundJob, outcome: Outcome, now: Moment): void {
  if (job.round) coordinator.byQuestion.delete(job.round.id)
  coordinator.jobs -= 1
  finish(coordinator.process, job.client, job.key, outcome)
  const queue = coordinator.waiting.get(job.key)
  const next = queue?.shift()
  if (queue?.length === 0) coordinator.waiting.delete(job.key)
  if (!next) {
    coordinator.active.delete(job.key)
    return
  }
  coordinator.active.set(job.key, next)
  tryRound(coordinator, next, now)
}

function cache(coordinator: Coordinator, key: ContextKey, entry: CachedBallot): void {
  coordinator.cached.delete(key)
  coordinator.cached.set(key, entry)
  if (coordinator.cached.size <= coordinator.process.limits.cachedBallotsMax) return
  const oldest = coordinator.cached.keys().next()
  if (!oldest.done) coordinator.cached.delete(oldest.value)
}
