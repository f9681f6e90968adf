import { assert, unreachable } from '../base/assert.ts'
import type { PeerId, Version } from '../base/ids.ts'
import {
  answerWithin,
  type Contending,
  contending,
  type Holding,
  type Lease,
  leaseDefaultMs,
  readEvery,
  renewAfter,
  restAfter,
  retryAfter,
  type Seen,
  type Swap,
  takeOverMs,
  wakeMs,
  withRole,
  withSwap,
} from './lease-state.ts'
import { decodeLease, encodeLease, type LeaseRecord } from './record.ts'
import type { DeposedReason, LeaseEffect, LeaseInput, Moment, ReadOutcome, SwapOutcome } from './step.ts'

/** @param leaseMs - T in milliseconds, above 0. */
export function newLease(self: PeerId, leaseMs: number = leaseDefaultMs): Lease {
  assert(leaseMs > 0 && Number.isFinite(leaseMs), 'a lease lasts a while')
  return { self, leaseMs, lastNumber: 0, role: contending(0, Number.NEGATIVE_INFINITY, 0) }
}

/**
 * The token under which this process may act as the leader right now; null when it may not. To be asked before each
 * effect of a duty, as `deposed` comes with the next step, which may be late.
 */
export function actingToken(lease: Lease, now: Moment): number | null {
  const { role } = lease
  return role.kind === 'holding' && now.monotonicMs < role.untilMs ? role.record.token : null
}

/** Takes one input. `now` never goes back. Every step ends with one `wake`. */
export function step(
  lease: Lease,
  input: LeaseInput,
  now: Moment,
): { lease: Lease; effects: readonly LeaseEffect[] } {
  const effects: LeaseEffect[] = []
  const nowMs = now.monotonicMs
  // First of all: an answer after the deadline revives nothing.
  const expired = expire(lease, nowMs, effects)
  const next = pursue(take(expired, input, nowMs, effects), nowMs, effects)
  effects.push({ kind: 'wake', atMs: wakeMs(next) })
  return { lease: next, effects }
}

/** Ends what has outlived T since it was first sent. */
function expire(lease: Lease, nowMs: number, effects: LeaseEffect[]): Lease {
  const { role, leaseMs } = lease
  switch (role.kind) {
    case 'holding':
      return nowMs < role.untilMs ? lease : depose(lease, role, 'lapsed', nowMs, effects)
    case 'contending':
      if (role.swap === null || nowMs < role.swap.firstSentMs + leaseMs) return lease
      return withRole(lease, { ...role, swap: null, readDueMs: nowMs })
    case 'leaving':
      return nowMs < role.swap.firstSentMs + leaseMs ? lease : contendAnew(lease, nowMs, restAfter)
  }
}

function take(lease: Lease, input: LeaseInput, nowMs: number, effects: LeaseEffect[]): Lease {
  switch (input.kind) {
    case 'timePassed':
      return lease
    case 'readAnswered':
      return takeRead(lease, input.request, input.outcome, nowMs)
    case 'swapAnswered':
      return takeSwap(lease, input.operation, input.attempt, input.outcome, nowMs, effects)
    case 'stepDownAsked':
      return stepDown(lease, nowMs, effects)
    default:
      return unreachable(input)
  }
}

function takeRead(lease: Lease, request: number, outcome: ReadOutcome, nowMs: number): Lease {
  const { role } = lease
  if (role.kind !== 'contending' || request <= role.answeredRead || outcome.kind === 'unreached') return lease
  const version = outcome.kind === 'found' ? outcome.version : null
  const known = role.seen
  // Reads that were under way together may be answered in any order: what is older is no change.
  const isNewer = known === null || (version !== null && (known.version === null || version > known.version))
  const record = outcome.kind === 'found' ? (decodeLease(outcome.data) ?? ('unreadable' as const)) : null
  const seen = isNewer ? { version, record, sinceMs: nowMs } : known
  return withRole(lease, { ...role, seen, answeredRead: request })
}

function takeSwap(
  lease: Lease,
  operation: number,
  attempt: number,
  outcome: SwapOutcome,
  nowMs: number,
  effects: LeaseEffect[],
): Lease {
  const { swap } = lease.role
  if (swap === null || swap.operation !== operation || attempt > swap.attempt) return lease
  if (outcome.kind === 'success') return succeed(lease, swap, outcome.version, effects, nowMs)
  // What wrote no id counts only from the newest attempt (rule 5).
  if (attempt !== swap.attempt) return lease
  switch (outcome.kind) {
    case 'conflict':
      return lease.role.kind === 'holding'
        ? depose(lease, lease.role, 'replaced', nowMs, effects)
        : contendAnew(lease, nowMs, lease.role.kind === 'leaving' ? restAfter : 0)
    case 'unknown':
      return withSwap(lease, { ...swap, doubtful: true, dueMs: nowMs + retryAfter * lease.leaseMs })
    case 'unreached':
      return swap.doubtful
        ? withSwap(lease, { ...swap, dueMs: nowMs + retryAfter * lease.leaseMs })
        : withoutSwap(lease, nowMs, effects)
    default:
      return unreachable(outcome)
  }
}

/** Counted from the first attempt of the operation, whichever of them was answered. */
function succeed(lease: Lease, swap: Swap, version: Version, effects: LeaseEffect[], nowMs: number): Lease {
  const { role, leaseMs } = lease
  const { record, firstSentMs } = swap
  if (role.kind === 'leaving') {
    if (record.holder === null) return contendAnew(lease, nowMs, restAfter)
    return release(lease, version, record, nowMs, effects)
  }
  if (role.kind === 'contending') effects.push({ kind: 'elected', token: record.token })
  return withRole(lease, {
    kind: 'holding',
    version,
    record,
    untilMs: firstSentMs + leaseMs,
    renewDueMs: firstSentMs + renewAfter * leaseMs,
    swap: null,
  })
}

function stepDown(lease: Lease, nowMs: number, effects: LeaseEffect[]): Lease {
  const { role } = lease
  if (role.kind !== 'holding') return lease
  effects.push({ kind: 'deposed', token: role.record.token, reason: 'steppedDown' })
  const { version, record, swap } = role
  if (swap === null) return release(lease, version, record, nowMs, effects)
  return withRole(lease, { kind: 'leaving', version, record, swap })
}

/** Sets the register free, so that nobody has to wait for a holder that is none. */
function release(
  lease: Lease,
  version: Version,
  record: LeaseRecord,
  nowMs: number,
  effects: LeaseEffect[],
): Lease {
  const free = { ...record, holder: null, sequence: record.sequence + 1 }
  const swap = beginSwap(lease, version, free, nowMs, effects)
  return { ...lease, lastNumber: swap.operation, role: { kind: 'leaving', version, record, swap } }
}

/** Does what is due by now. */
function pursue(lease: Lease, nowMs: number, effects: LeaseEffect[]): Lease {
  const { role } = lease
  if (role.swap !== null) return retry(lease, role.swap, nowMs, effects)
  switch (role.kind) {
    case 'holding': {
      if (nowMs < role.renewDueMs) return lease
      const renewed = { ...role.record, sequence: role.record.sequence + 1 }
      return swapTo(lease, role.version, renewed, nowMs, effects)
    }
    case 'contending':
      if (role.seen !== null && nowMs >= takeOverMs(lease, role)) {
        return swapTo(lease, role.seen.version, takenOver(lease.self, role.seen), nowMs, effects)
      }
      return nowMs >= role.readDueMs ? read(lease, role, nowMs, effects) : lease
    case 'leaving':
      return lease
  }
}

function takenOver(self: PeerId, seen: Seen): LeaseRecord {
  assert(seen.record !== 'unreadable', 'what cannot be read is not taken over')
  const { token, sequence } = seen.record ?? { token: 0, sequence: 0 }
  return { holder: self, token: token + 1, sequence: sequence + 1 }
}

function read(lease: Lease, role: Contending, nowMs: number, effects: LeaseEffect[]): Lease {
  const request = lease.lastNumber + 1
  const everyMs = readEvery * lease.leaseMs
  effects.push({ kind: 'read', request, timeoutMs: everyMs })
  return { ...lease, lastNumber: request, role: { ...role, readDueMs: nowMs + everyMs } }
}

function swapTo(
  lease: Lease,
  expected: Version | null,
  record: LeaseRecord,
  nowMs: number,
  effects: LeaseEffect[],
): Lease {
  const swap = beginSwap(lease, expected, record, nowMs, effects)
  return { ...withSwap(lease, swap), lastNumber: swap.operation }
}

function beginSwap(
  lease: Lease,
  expected: Version | null,
  record: LeaseRecord,
  nowMs: number,
  effects: LeaseEffect[],
): Swap {
  const operation = lease.lastNumber + 1
  const dueMs = nowMs + answerWithin * lease.leaseMs
  const swap = { operation, attempt: 1, expected, record, firstSentMs: nowMs, dueMs, doubtful: false }
  effects.push(swapEffect(lease, swap))
  return swap
}

/** A retry is the same operation with the same record: it earns no more time than the first attempt would have. */
function retry(lease: Lease, last: Swap, nowMs: number, effects: LeaseEffect[]): Lease {
  if (nowMs < last.dueMs) return lease
  const dueMs = nowMs + answerWithin * lease.leaseMs
  const swap = { ...last, attempt: last.attempt + 1, dueMs, doubtful: true }
  effects.push(swapEffect(lease, swap))
  return withSwap(lease, swap)
}

const swapEffect = (lease: Lease, { operation, attempt, expected, record }: Swap): LeaseEffect => ({
  kind: 'swap',
  operation,
  attempt,
  expected,
  data: encodeLease(record),
  timeoutMs: answerWithin * lease.leaseMs,
})

function depose(
  lease: Lease,
  { record }: Holding,
  reason: DeposedReason,
  nowMs: number,
  effects: LeaseEffect[],
): Lease {
  effects.push({ kind: 'deposed', token: record.token, reason })
  return contendAnew(lease, nowMs, 0)
}

/** Forgets all that was seen: what it once held is no better than what another holds. */
const contendAnew = (lease: Lease, nowMs: number, restPart: number): Lease =>
  withRole(lease, contending(lease.lastNumber, nowMs, nowMs + restPart * lease.leaseMs))

/** After a swap that was certainly not carried out: another may follow, which counts its time anew. */
function withoutSwap(lease: Lease, nowMs: number, effects: LeaseEffect[]): Lease {
  const { role } = lease
  const againMs = nowMs + retryAfter * lease.leaseMs
  switch (role.kind) {
    case 'holding':
      return withRole(lease, { ...role, swap: null, renewDueMs: againMs })
    case 'contending':
      return withRole(lease, { ...role, swap: null, readDueMs: nowMs, restUntilMs: againMs })
    case 'leaving':
      return role.swap.record.holder === null
        ? contendAnew(lease, nowMs, restAfter)
        : release(lease, role.version, role.record, nowMs, effects)
  }
}
