import { type Ballot, type ContextKey, noBallot, type PeerId, type Version } from '../base/ids.ts'
import type { RecordedAnswer, ReplicaMessage, Value, WriteOperation } from './messages.ts'
import { canBeQuorum, isQuorum, isVoter, type Quorum } from './quorum.ts'
import { applyWrite, trimmedTo } from './register.ts'

/** What a round is for: a write, or writing back whatever stands (rules 4, 7 and the healing of a damaged record). */
export type Goal =
  | { readonly kind: 'write'; readonly operation: WriteOperation; readonly retried: boolean }
  /** `force`: accept it anew even where a whole quorum already agrees, to heal a replica. */
  | { readonly kind: 'confirm'; readonly force: boolean }
  /** What stands, with less history behind it. */
  | { readonly kind: 'trim'; readonly keepFrom: Version }

/** A ballot that a quorum granted as `next` to this proposer, and the value it follows (rule 6). */
export type CachedBallot = { readonly epoch: number; readonly ballot: Ballot; readonly value: Value }

/** One ballot's way through prepare and accept (rules 1, 2, 4, 5). Mutable, owned by one coordinator. */
export type Round = {
  readonly key: ContextKey
  readonly goal: Goal
  readonly quorum: Quorum
  readonly ballot: Ballot
  readonly next: Ballot
  readonly withData: boolean
  phase: 'prepare' | 'accept' | 'ended'
  /** Id of the questions of the current phase. */
  id: number
  readonly promises: Map<PeerId, Extract<ReplicaMessage, { kind: 'promise' }>>
  /** Peers that will not grant this ballot. */
  readonly lost: Set<PeerId>
  readonly acks: Set<PeerId>
  readonly nextGranted: Set<PeerId>
  /** Highest ballot met in a refusal. */
  obstacle: Ballot
  value: Value | null
  answer: RecordedAnswer
  /** Some replica may accept the operation under this ballot. */
  accepting: boolean
  /** What stands is written back before the operation may follow it. */
  settling: boolean
}

export type RoundEnd =
  /** Chosen, or read from a whole quorum. `cached`: the next ballot is granted by a quorum. */
  | {
      readonly kind: 'answered'
      readonly answer: RecordedAnswer
      readonly current: Value | null
      readonly chosen: boolean
      readonly cached: CachedBallot | null
    }
  /** What stands was chosen; the operation itself has not been proposed. */
  | { readonly kind: 'settled'; readonly cached: CachedBallot | null }
  /** The operation's fate can never be told (rule 5). */
  | { readonly kind: 'unknown' }
  /** This ballot is burnt; `accepting`: some replica may have accepted under it. */
  | {
      readonly kind: 'lost'
      readonly obstacle: Ballot
      readonly accepting: boolean
      readonly withData: boolean
    }

type Ids = () => number

export function newRound(
  key: ContextKey,
  goal: Goal,
  quorum: Quorum,
  ballot: Ballot,
  next: Ballot,
  withData: boolean,
): Round {
  return {
    key,
    goal,
    quorum,
    ballot,
    next,
    withData,
    phase: 'prepare',
    id: 0,
    promises: new Map(),
    lost: new Set(),
    acks: new Set(),
    nextGranted: new Set(),
    obstacle: noBallot,
    value: null,
    answer: 'written',
    accepting: false,
    settling: false,
  }
}

/** Starts with a prepare, unless a cached ballot allows to accept at once (rule 6). */
export function startRound(
  round: Round,
  cached: CachedBallot | null,
  ids: Ids,
  wallMs: number,
): RoundEnd | null {
  if (cached && round.goal.kind === 'write') {
    const { operation, retried } = round.goal
    const applied = applyWrite(cached.value, operation, noBallot, wallMs, retried)
    // A refusal that must be recorded needs the bytes of what stands, which the cache does not keep.
    if (applied.kind === 'write' && applied.value.data !== null) {
      accept(round, applied.value, applied.answer, ids)
      return null
    }
    // The cached value was chosen: an id found in it was carried out.
    if (applied.kind === 'known') return answered(round, applied.answer, cached.value, cached)
    // Nothing was sent under this attempt, so "seal again" claims nothing and the ballot stays granted.
    if (applied.kind === 'refuse' && applied.answer === 'moved')
      return answered(round, 'moved', cached.value, cached)
  }
  round.phase = 'prepare'
  round.id = ids()
  return null
}

/** The question that `peer` has not answered yet, null when it needs none. */
export function questionFor(round: Round, peer: PeerId): ReplicaMessage | null {
  const { key, ballot, next, id } = round
  const epoch = round.quorum.epoch
  if (round.phase === 'prepare') {
    if (round.promises.has(peer) || round.lost.has(peer) || !isVoter(round.quorum, peer)) return null
    return { kind: 'prepare', id, epoch, key, ballot, withData: round.withData }
  }
  if (round.phase !== 'accept' || round.acks.has(peer) || round.lost.has(peer) || !round.value) return null
  return { kind: 'accept', id, epoch, key, ballot, value: round.value, next }
}

/** Takes one answer. Null: the round goes on; when the phase changed, its new questions are due. */
export function onAnswer(
  round: Round,
  from: PeerId,
  message: ReplicaMessage,
  ids: Ids,
  wallMs: number,
): RoundEnd | null {
  if (round.phase === 'ended') return null
  switch (message.kind) {
    case 'promise':
      if (round.phase !== 'prepare' || message.key !== round.key) return null
      if (!message.granted) return refusedBy(round, from, message.promised)
      round.promises.set(from, message)
      return isQuorum(round.quorum, round.promises) ? afterPrepare(round, ids, wallMs) : null
    case 'accepted':
      if (round.phase !== 'accept') return null
      if (!message.granted) return refusedBy(round, from, message.promised)
      round.acks.add(from)
      if (message.nextGranted) round.nextGranted.add(from)
      if (!isQuorum(round.quorum, round.acks)) return null
      if (round.settling) return { kind: 'settled', cached: nextOf(round) }
      return answered(round, round.answer, round.value, nextOf(round))
    case 'refused':
      return refusedBy(round, from, noBallot)
    default:
      return null
  }
}

/** The cached ballot that this round has earned so far, null without a quorum of grants. */
export function nextOf(round: Round): CachedBallot | null {
  if (round.next === noBallot || !round.value || !isQuorum(round.quorum, round.nextGranted)) return null
  return { epoch: round.quorum.epoch, ballot: round.next, value: { ...round.value, data: null } }
}

function refusedBy(round: Round, from: PeerId, obstacle: Ballot): RoundEnd | null {
  round.lost.add(from)
  if (obstacle > round.obstacle) round.obstacle = obstacle
  return canBeQuorum(round.quorum, round.lost) ? null : lost(round, false)
}

/** Those whose answers are missing are away: this ballot is burnt. */
export const giveUp = (round: Round): RoundEnd => lost(round, false)

function lost(round: Round, withData: boolean): RoundEnd {
  round.phase = 'ended'
  return { kind: 'lost', obstacle: round.obstacle, accepting: round.accepting, withData }
}

/** Rule 4: the value of the highest accepted ballot stands; apply the change to it. */
function afterPrepare(round: Round, ids: Ids, wallMs: number): RoundEnd | null {
  let accepted: Ballot = noBallot
  let gcFloor: Ballot = noBallot
  for (const promise of round.promises.values()) {
    if (promise.accepted > accepted) accepted = promise.accepted
    if (promise.gcFloor > gcFloor) gcFloor = promise.gcFloor
  }
  let current: Value | null = null
  let unanimous = true
  for (const promise of round.promises.values()) {
    if (promise.accepted !== accepted) unanimous = false
    else if (promise.value !== null && (current === null || current.data === null)) current = promise.value
  }
  if (round.goal.kind === 'confirm') {
    if (current === null || (unanimous && !round.goal.force && current.data !== null))
      return answered(round, 'written', current, null)
    return writeBack(round, current, 'written', ids)
  }
  if (round.goal.kind === 'trim') {
    const trimmed = current === null ? null : trimmedTo(current, round.goal.keepFrom)
    if (trimmed === null && unanimous) return answered(round, 'written', current, null)
    return writeBack(round, trimmed ?? current, 'written', ids)
  }
  const applied = applyWrite(current, round.goal.operation, gcFloor, wallMs, round.goal.retried)
  switch (applied.kind) {
    case 'write':
      if (applied.value.data === null) return lost(round, true)
      // A parent is history for ever, so a majority must hold its bytes first: this replica may be the only one.
      if (!unanimous && current !== null && applied.value.version !== current.version)
        return settle(round, current, ids)
      accept(round, applied.value, applied.answer, ids)
      return null
    case 'known':
      // Rule 5: answered at once only if the whole quorum reported that ballot.
      if (unanimous) return answered(round, applied.answer, current, null)
      return writeBack(round, current, applied.answer, ids)
    case 'refuse':
      // Rule 4; `moved` claims nothing about what stands, it only asks to seal again.
      if (unanimous || applied.answer === 'moved') return answered(round, applied.answer, current, null)
      return writeBack(round, current, applied.answer, ids)
    case 'unknown':
      round.phase = 'ended'
      return { kind: 'unknown' }
  }
}

function writeBack(round: Round, current: Value | null, answer: RecordedAnswer, ids: Ids): RoundEnd | null {
  if (current === null) return answered(round, answer, null, null)
  if (current.data === null) return lost(round, true)
  accept(round, current, answer, ids)
  return null
}

function settle(round: Round, current: Value, ids: Ids): RoundEnd | null {
  if (current.data === null) return lost(round, true)
  accept(round, current, 'written', ids)
  round.accepting = false
  round.settling = true
  return null
}

function accept(round: Round, value: Value, answer: RecordedAnswer, ids: Ids): void {
  round.phase = 'accept'
  round.id = ids()
  round.value = value
  round.answer = answer
  round.accepting = true
  round.lost.clear()
}

function answered(
  round: Round,
  answer: RecordedAnswer,
  current: Value | null,
  cached: CachedBallot | null,
): RoundEnd {
  const chosen = round.phase === 'accept'
  // Answers that arrive from now on still count: for the next ballot, and for who misses the write.
  if (!chosen) round.phase = 'ended'
  return { kind: 'answered', answer, current, chosen, cached }
}
