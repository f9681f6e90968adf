import type { ContextKey, PeerId } from '../base/ids.ts'
import { beyondQuorum, type Client, isReachable, type Moment, type Process, send, wakeAt } from './context.ts'
import type { WriteOperation } from './messages.ts'
import { canBeQuorum } from './quorum.ts'
import { type Goal, questionFor, type Round } from './round.ts'

/** One operation that needs rounds: a write, or the writing back of whatever stands. */
export type RoundJob = {
  readonly key: ContextKey
  readonly client: Client
  readonly deadlineMs: number
  readonly operation: WriteOperation | null
  /** What it is for, where it is no write. */
  readonly goal: Exclude<Goal, { kind: 'write' }>
  round: Round | null
  tries: number
  /** A round of this job may have been accepted somewhere: its outcome cannot be called a failure. */
  mayBeWritten: boolean
  withData: boolean
  /** Targets that were not asked to prepare: a quorum is enough as long as nobody is slow or refuses. */
  spared: readonly PeerId[]
  /** Monotonic time of the next look at this job. */
  dueMs: number
}

export function newJob(
  client: Client,
  key: ContextKey,
  operation: WriteOperation | null,
  goal: RoundJob['goal'],
  timeoutMs: number,
  now: Moment,
): RoundJob {
  return {
    key,
    client,
    deadlineMs: now.monotonicMs + timeoutMs,
    operation,
    goal,
    round: null,
    tries: 0,
    mayBeWritten: false,
    withData: operation === null,
    spared: [],
    dueMs: 0,
  }
}

/** Asks those that a round needs, and those that it can do without only when they turn out to be needed. */
export function ask(process: Process, job: RoundJob, now: Moment): void {
  if (!job.round) return
  const first = job.round.phase === 'prepare' && job.tries === 1
  job.spared = first ? beyondQuorum(process, job.round.quorum, now.monotonicMs) : []
  askThese(process, job, job.round.quorum.targets)
  const { hedgeMs, resendMs } = process.limits
  setDue(process, job, now.monotonicMs + (job.spared.length > 0 ? hedgeMs : resendMs))
}

/** Somebody is slow or refuses: now the others matter. */
export function askSpared(process: Process, job: RoundJob, now: Moment): void {
  if (job.spared.length === 0) return
  const spared = job.spared
  job.spared = []
  askThese(process, job, spared)
  setDue(process, job, now.monotonicMs + process.limits.resendMs)
}

function askThese(process: Process, job: RoundJob, peers: readonly PeerId[]): void {
  for (const peer of peers) {
    if (job.spared.includes(peer) || !isReachable(process, peer)) continue
    const question = job.round && questionFor(job.round, peer)
    if (question) send(process, peer, question)
  }
}

/**
 * Whether this ballot cannot win any more: some refuse it, and without those that are away nothing is left. Another
 * ballot can, as who refused may grant that. Where nobody refused, to wait for those who are away is all there is.
 */
export function isHopeless({ round }: RoundJob, isAway: (peer: PeerId) => boolean): boolean {
  if (!round || round.lost.size === 0) return false
  const without = round.quorum.targets.filter(peer => questionFor(round, peer) !== null && isAway(peer))
  return !canBeQuorum(round.quorum, new Set([...round.lost, ...without]))
}

/** Somebody promised more, and without those that are slow nothing is left: the next ballot, above that, need not wait for them. */
export function isOutbid(job: RoundJob, isSlow: (peer: PeerId) => boolean): boolean {
  const { round } = job
  return round !== null && round.obstacle > round.ballot && isHopeless(job, isSlow)
}

export function setDue(process: Process, job: RoundJob, dueMs: number): void {
  job.dueMs = Math.min(job.deadlineMs, dueMs)
  wakeAt(process, job.dueMs)
}
