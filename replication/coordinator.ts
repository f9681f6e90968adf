import { hlcMs } from '../base/hlc.ts'
import { type ContextKey, noBallot, type PeerId } from '../base/ids.ts'
import {
  type Client,
  finish,
  isDoubtful,
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
import { applyWrite, keptFromOf, outcomeOf } from './register.ts'
import {
  type CachedBallot,
  type Goal,
  giveUp,
  newRound,
  onAnswer,
  questionFor,
  type Round,
  type RoundEnd,
  startRound,
} from './round.ts'
import { ask, askSpared, isHopeless, isOutbid, newJob, type RoundJob, setDue } from './round-job.ts'
import { keepTail, onLateAnswer, sweepTails, type Tails } from './tails.ts'
import { endTurns, keepTurn, mayBegin, type Turns, takeTurn } from './turns.ts'

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
  readonly turns: Turns
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
    turns: new Map(),
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
      askRound(coordinator, job, round, now)
    } else if (isHopeless(job, isCutOff(process)) || isOutbid(job, isSlow(process, now)))
      endRound(coordinator, job, giveUp(round), now)
    else if (round.lost.has(from)) askSpared(process, job, now)
    return true
  }
  return onLateAnswer(coordinator.tails, from, message)
}

const isCutOff = (process: Process) => (peer: PeerId) => !isReachable(process, peer)
const isSlow = (process: Process, now: Moment) => (peer: PeerId) =>
  !isReachable(process, peer) || isDoubtful(process, peer, now.monotonicMs)

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
  for (const [key, queue] of [...coordinator.waiting]) {
    for (const job of [...queue]) {
      if (job.deadlineMs <= now.monotonicMs) {
        queue.splice(queue.indexOf(job), 1)
        coordinator.jobs -= 1
        finish(coordinator.process, job.client, job.key, { kind: 'unreached' })
      } else wakeMs = Math.min(wakeMs, job.deadlineMs)
    }
    if (queue.length === 0) coordinator.waiting.delete(key)
  }
  for (const key of endTurns(coordinator.turns, now.monotonicMs))
    if (!coordinator.active.has(key)) beginNext(coordinator, key, now)
  for (const { untilMs } of coordinator.turns.values()) wakeMs = Math.min(wakeMs, untilMs)
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
  const { active, waiting, turns, process } = coordinator
  coordinator.jobs += 1
  const queue = waiting.get(job.key) ?? []
  if (queue.length === 0) waiting.set(job.key, queue)
  if (takeTurn(turns, job.operation, now.monotonicMs)) queue.unshift(job)
  else queue.push(job)
  if (!active.has(job.key)) beginNext(coordinator, job.key, now)
  else foretell(coordinator, job.key, now)
  if (queue.includes(job)) wakeAt(process, job.deadlineMs)
}

/** Nothing of this key is under way: the first one goes on that may. */
function beginNext(coordinator: Coordinator, key: ContextKey, now: Moment): void {
  const { active, waiting, turns } = coordinator
  const queue = waiting.get(key) ?? []
  const at = queue.findIndex(({ operation }) => mayBegin(turns, key, operation, now.monotonicMs))
  const [next] = at < 0 ? [] : queue.splice(at, 1)
  if (queue.length === 0) waiting.delete(key)
  if (!next) return
  active.set(key, next)
  tryRound(coordinator, next, now)
}

/**
 * What is being accepted most likely stands when the next one begins. Its writer is told so now, and seals over that while
 * it waits. An operation that may be written already must not be told that it never will be.
 */
function foretell(coordinator: Coordinator, key: ContextKey, now: Moment): void {
  const { active, waiting, turns, process } = coordinator
  const job = active.get(key)
  const value = job?.round?.phase === 'accept' ? job.round.value : null
  const queue = waiting.get(key)
  const next = queue?.[0]
  const operation = next?.operation
  if (!value || !queue || !operation || turns.has(key) || value.version !== job?.operation?.id) return
  if (operation.expect !== 'any' || operation.attempt > 1) return
  const applied = applyWrite(value, operation, noBallot, now.wallMs, false)
  if (applied.kind !== 'refuse' || applied.answer !== 'moved') return
  const outcome = outcomeOf('moved', operation, value, now.wallMs, 0, 0)
  if (!keepTurn(turns, operation, outcome, next.deadlineMs, process.limits, now)) return
  queue.shift()
  if (queue.length === 0) waiting.delete(key)
  tell(coordinator, next, outcome, now)
}

/** An operation is over. One that has to be sealed again keeps its place. */
function tell(coordinator: Coordinator, job: RoundJob, outcome: Outcome, now: Moment): void {
  const { process, turns } = coordinator
  coordinator.jobs -= 1
  finish(process, job.client, job.key, outcome)
  const turn = keepTurn(turns, job.operation, outcome, job.deadlineMs, process.limits, now)
  if (turn) wakeAt(process, turn.untilMs)
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
  askRound(coordinator, job, job.round, now)
}

function askRound(coordinator: Coordinator, job: RoundJob, round: Round, now: Moment): void {
  coordinator.byQuestion.set(round.id, job)
  job.mayBeWritten ||= round.accepting
  ask(coordinator.process, job, now)
  foretell(coordinator, job.key, now)
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
  if (isOutbid(job, () => true)) return endRound(coordinator, job, giveUp(job.round), now)
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
  coordinator.active.delete(job.key)
  tell(coordinator, job, outcome, now)
  beginNext(coordinator, job.key, now)
}

function cache(coordinator: Coordinator, key: ContextKey, entry: CachedBallot): void {
  coordinator.cached.delete(key)
  coordinator.cached.set(key, entry)
  if (coordinator.cached.size <= coordinator.process.limits.cachedBallotsMax) return
  const oldest = coordinator.cached.keys().next()
  if (!oldest.done) coordinator.cached.delete(oldest.value)
}
