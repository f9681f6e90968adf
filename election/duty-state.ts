import { noBytes } from '../base/bytes.ts'
import type { PeerId, Version } from '../base/ids.ts'
import { type DutyRecord, failuresMax, type RunOutcome } from './duty-record.ts'
import type { DutyMoment, WishKind } from './duty-step.ts'

/** A duty of the leader, known under its name by every process of the fleet. */
export type DutySpec = {
  readonly name: string
  /** `leader`: one run, where the leader is. `staggered`: a run at each peer, one peer after the other. */
  readonly where: 'leader' | 'staggered'
  /** From the end of a run, or of a round, to the next. */
  readonly intervalMs: number
  /** Of one run. */
  readonly timeoutMs: number
}

/** The duties of one process, which it sees to while it leads. A value: `step` makes the next one. */
export type Duties = {
  readonly specs: readonly DutySpec[]
  /** Ascending. */
  readonly peers: readonly PeerId[]
  /** Of the last election won; later ones are above. */
  readonly lastToken: number
  /** Of loads and saves; never used again in this boot. */
  readonly lastCall: number
  readonly tenure: Tenure | null
}

export type Tenure = { readonly token: number; readonly slots: ReadonlyMap<string, Slot> }

/** One duty under one leader. All that has to outlive the leader is in the record. */
export type Slot = {
  readonly spec: DutySpec
  /** As last read or written. Null: to be read, as nobody knows what a save did. */
  readonly known: Known | null
  /** Nothing can be done: a higher token wrote the record, or it is of a format to come. */
  readonly obstacle: 'outranked' | 'unreadable' | null
  readonly call: Call | null
  /** No load or save before. */
  readonly callDueMs: number
  readonly misses: number
  readonly run: Run | null
  /** A run that ended, not known to be recorded: no other begins before it is. */
  readonly ended: Ended | null
  /** What an operator wants; null when the record says it. */
  readonly pausing: boolean | null
  readonly asks: readonly Ask[]
  /** When the last run ended, by the monotonic clock; null until the record is known. */
  readonly endedMs: number | null
  /** Drawn when that was. */
  readonly jitter: number
}

export type Known = { readonly version: Version | null; readonly record: DutyRecord }

/** A question to the register. There is one at a time for each duty. */
export type Call = {
  readonly number: number
  readonly dueMs: number
  /** What a save writes. Null: a load. */
  readonly record: DutyRecord | null
  readonly pausing: boolean | null
}

export type Run = {
  readonly number: number
  /** Null: here. */
  readonly peer: PeerId | null
  readonly dueMs: number
  /** `stuck`: did not heed its stop. */
  readonly stage: 'running' | 'stopping' | 'stuck'
  readonly isLate: boolean
}

export type Ended = {
  readonly run: number
  readonly peer: PeerId | null
  readonly outcome: RunOutcome
  readonly state: Uint8Array | null
  readonly wallMs: number
  readonly atMs: number
  readonly jitter: number
}

export type Ask = { readonly request: number; readonly kind: WishKind }

/** Duties of a process, wishes that wait for one duty, and peers of a round. */
export const registeredMax = 64
export const asksMax = 16
export const peersMax = 10_000
/** A load or save without an answer is taken for unknown. */
export const callTimeoutMs = 2_000
/** Between two runs that belong together: of a round, or of a duty that wants to go on. */
export const goOnAfterMs = 50
/** A run here is to end so long after its stop. */
export const stopGraceMs = 10_000
/** The answer of a peer is waited for by so much longer than it may take: its clock and the way. */
export const peerAnswerWithin = 1.25
/** A record of a format to come is read again: its leader may be gone. */
export const unreadableAgainMs = 60_000

const firstBackoffMs = 1_000
const shortestBackoffMaxMs = 30_000
const backoffMaxMs = 600_000
const callBackoffMs = 100
const callBackoffMaxMs = 5_000

/** Doubled with every failure, up to `mostMs`, and spread over the upper half of that. */
const doubled = (leastMs: number, mostMs: number, failures: number, jitter: number): number =>
  Math.min(mostMs, leastMs * 2 ** Math.min(30, failures - 1)) * (0.5 + jitter / 2)

export const callBackoff = (misses: number, jitter: number): number =>
  doubled(callBackoffMs, callBackoffMaxMs, misses, jitter)

/** A duty that fails is tried again sooner than it is due, or later when it is due often. */
function backoff(spec: DutySpec, failures: number, jitter: number): number {
  const mostMs = Math.min(backoffMaxMs, Math.max(shortestBackoffMaxMs, spec.intervalMs))
  return doubled(firstBackoffMs, mostMs, failures, jitter)
}

/** The next run of a duty: where, from which state, and whether it begins anew. `peer` is null for one here. */
export type Turn = { readonly peer: PeerId | null; readonly state: Uint8Array; readonly isNewRound: boolean }

/** In a round the peers have their turns in ascending order. Null: there are no peers. */
export function nextTurn(spec: DutySpec, record: DutyRecord, peers: readonly PeerId[]): Turn | null {
  const { cursor, isMidTurn, state } = record
  if (spec.where === 'leader') return { peer: null, state, isNewRound: !goesOn(record.lastOutcome) }
  if (cursor !== null && isMidTurn && peers.includes(cursor))
    return { peer: cursor, state, isNewRound: false }
  const following = cursor === null ? undefined : peers.find(peer => peer > cursor)
  const peer = following ?? peers[0]
  return peer === undefined ? null : { peer, state: noBytes, isNewRound: following === undefined }
}

/** From the last recorded end to the next run. A peer that fails does not make those after it wait for long. */
export function delayMs(
  spec: DutySpec,
  record: DutyRecord,
  peers: readonly PeerId[],
  jitter: number,
): number {
  if (record.runs === 0) return 0
  const isNewRound = nextTurn(spec, record, peers)?.isNewRound ?? true
  if (spec.where === 'staggered' && isNewRound) return spec.intervalMs
  if (record.failures > 0) return backoff(spec, spec.where === 'staggered' ? 1 : record.failures, jitter)
  return isNewRound ? spec.intervalMs : Math.min(goOnAfterMs, spec.intervalMs)
}

/**
 * When the last recorded run ended, by this process's clock. The wall clock that wrote it may have been wrong: it is
 * never taken to be later than now, and not believed at all when it is further ahead than a whole interval.
 */
export function endedBefore(spec: DutySpec, record: DutyRecord, now: DutyMoment): number {
  const agoMs = now.wallMs - record.lastRunMs
  return now.monotonicMs - (agoMs < -spec.intervalMs ? spec.intervalMs : Math.max(0, agoMs))
}

const goesOn = (outcome: RunOutcome | null): boolean => outcome === 'more' || outcome === 'stopped'

/** The record after a run of its duty. */
export function recordEnded(record: DutyRecord, ended: Ended, peers: readonly PeerId[]): DutyRecord {
  const { outcome, peer } = ended
  const next = {
    ...record,
    runs: ended.run,
    lastRunMs: Math.max(0, Math.floor(ended.wallMs)),
    lastOutcome: outcome,
    failures: failuresAfter(record.failures, outcome),
  }
  if (peer === null) return { ...next, state: ended.state ?? record.state }
  if (goesOn(outcome)) {
    const stateBefore = record.isMidTurn && record.cursor === peer ? record.state : noBytes
    return { ...next, cursor: peer, isMidTurn: true, state: ended.state ?? stateBefore }
  }
  const isRoundOver = !peers.some(each => each > peer)
  return { ...next, cursor: isRoundOver ? null : peer, isMidTurn: false, state: noBytes }
}

function failuresAfter(failures: number, outcome: RunOutcome): number {
  switch (outcome) {
    case 'done':
    case 'more':
      return 0
    case 'stopped':
      return failures
    case 'failed':
    case 'timedOut':
    case 'unreached':
      return Math.min(failuresMax, failures + 1)
  }
}
