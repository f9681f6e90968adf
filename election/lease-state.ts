import type { PeerId, Version } from '../base/ids.ts'
import type { LeaseRecord } from './record.ts'

/**
 * One process's part in the election of a leader (rule 11): it contends for the lease register or holds it. There is
 * at most one holder that acts at any instant, as long as clock rates stay within ±11 %: a contender waits 1.25 T, by
 * a clock whose rate is at most 1.11, from when it was told of a change; the holder sent that change before, and
 * stops T after it did, by a clock whose rate is at least 0.89; and 1.25 / 1.11 is more than 1 / 0.89.
 *
 * A value: `step` makes the next one. Nothing of it is durable, as a restarted holder contends anew.
 */
export type Lease = {
  readonly self: PeerId
  /** T: the same on every peer of the fleet, or nothing of the above holds. */
  readonly leaseMs: number
  /** Of reads and operations alike; never used again in this boot. */
  readonly lastNumber: number
  readonly role: Contending | Holding | Leaving
}

export type Contending = {
  readonly kind: 'contending'
  readonly seen: Seen | null
  /** Only an answer to a later read counts: an older one may show what is long gone. */
  readonly answeredRead: number
  readonly readDueMs: number
  /** No takeover before: after stepping down, or after a swap that nobody took. */
  readonly restUntilMs: number
  readonly swap: Swap | null
}

export type Holding = {
  readonly kind: 'holding'
  readonly version: Version
  readonly record: LeaseRecord
  /** The holder acts before this time, and not at it. */
  readonly untilMs: number
  readonly renewDueMs: number
  readonly swap: Swap | null
}

/** Stepped down, acts no more: it settles its last renewal, if one is under way, and then sets the register free. */
export type Leaving = {
  readonly kind: 'leaving'
  readonly version: Version
  readonly record: LeaseRecord
  readonly swap: Swap
}

/** The version that the register was last seen to have, and when the answer that first showed it was received. */
export type Seen = {
  readonly version: Version | null
  /** Null: never written. A record of a format that this process does not know is left to its holder. */
  readonly record: LeaseRecord | 'unreadable' | null
  readonly sinceMs: number
}

/** A compare-and-set under way. There is never a second one, so what it did is settled before the next. */
export type Swap = {
  readonly operation: number
  readonly attempt: number
  readonly expected: Version | null
  readonly record: LeaseRecord
  /** When the first attempt left: a lease is counted from here. */
  readonly firstSentMs: number
  /** When the next attempt leaves, unless an answer comes first. */
  readonly dueMs: number
  /** An attempt that may be carried out: all that follow are retries of the same operation. */
  readonly doubtful: boolean
}

export const leaseDefaultMs = 2_000

/** Times as parts of T. The first two are rule 11's. */
export const renewAfter = 0.3
const takeOverAfter = 1.25
/** A contender reads so often: a dead holder is replaced within 1.25 T + 0.3 T and the way of the messages. */
export const readEvery = 0.3
/** A swap without an answer is tried again. */
export const answerWithin = 0.25
/** A pause before what failed at once is tried again. */
export const retryAfter = 0.05
/** Who stepped down leaves the others so long to take over. */
export const restAfter = 2

export function contending(answeredRead: number, readDueMs: number, restUntilMs: number): Contending {
  return { kind: 'contending', seen: null, answeredRead, readDueMs, restUntilMs, swap: null }
}

/** When a contender may take over what it saw: at once where nobody holds it, else after 1.25 T without a change. */
export function takeOverMs(lease: Lease, { seen, restUntilMs }: Contending): number {
  if (seen === null || seen.record === 'unreadable') return Number.POSITIVE_INFINITY
  if (seen.record === null || seen.record.holder === null) return Math.max(restUntilMs, seen.sinceMs)
  // Its own id in the record is no exception: it may be a former boot, or a swap that it gave up.
  return Math.max(restUntilMs, seen.sinceMs + takeOverAfter * lease.leaseMs)
}

export const withRole = (lease: Lease, role: Lease['role']): Lease => ({ ...lease, role })

export const withSwap = (lease: Lease, swap: Swap): Lease => withRole(lease, { ...lease.role, swap })

/** When time alone makes the next difference. */
export function wakeMs(lease: Lease): number {
  const { role, leaseMs } = lease
  const swapMs = role.swap === null ? Number.POSITIVE_INFINITY : role.swap.dueMs
  switch (role.kind) {
    case 'holding':
      return Math.min(role.untilMs, role.swap === null ? role.renewDueMs : swapMs)
    case 'contending':
      return role.swap === null
        ? Math.min(role.readDueMs, takeOverMs(lease, role))
        : Math.min(swapMs, role.swap.firstSentMs + leaseMs)
    case 'leaving':
      return Math.min(swapMs, role.swap.firstSentMs + leaseMs)
  }
}
