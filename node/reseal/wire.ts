import { decode, encode } from 'cborg'
import { isRoleName } from '../../base/ids.ts'
import { isKeyVersion } from '../../crypto/roles.ts'
import type { Reencryption } from '../key-control.ts'
import type { KeyCount } from './tally.ts'

/** `count`: looks and writes nothing. `work`: seals anew and trims as well. */
export type Mode = 'count' | 'work'

/** From the leader. */
export type Order = {
  /** Of its lead: a lower one than was heard before is refused (rule 11). */
  readonly token: number
  /** Names one walk over every disk; an order that names another one begins a new walk. */
  readonly round: number
  readonly mode: Mode
  /** Of work rounds; who is next in turn tries what failed in the one before. */
  readonly turn: number
  readonly budgetMs: number
  /** What there is to tell people. */
  readonly progress: Reencryption | null
}

/** How far one peer is with a walk. */
export type Report = {
  readonly round: number
  readonly isDone: boolean
  /** Digest of the registry of keys that was in force when the walk began. */
  readonly registry: string
  readonly counts: readonly KeyCount[]
  readonly damaged: number
  /** Contexts to be sealed anew, and to be trimmed, that no other peer counts. */
  readonly toSeal: number
  readonly toTrim: number
  readonly sealed: number
  readonly trimmed: number
  readonly failed: number
}

const countsMax = 1024

export const encodeOrder = (order: Order): Uint8Array => encode(order)
export const encodeReport = (report: Report | null): Uint8Array => encode(report)

/** @returns null for what is none. */
export function decodeOrder(bytes: Uint8Array): Order | null {
  const order = decoded(bytes) as Order | null
  const isOne =
    areCounts(order?.token, order?.round, order?.turn, order?.budgetMs) &&
    (order!.mode === 'count' || order!.mode === 'work') &&
    order!.budgetMs <= budgetMsMax
  return isOne ? { ...order!, progress: progressFrom(order!.progress) } : null
}

/** @returns null for what is none, and for the answer of who refused. */
export function decodeReport(bytes: Uint8Array | null): Report | null {
  const report = bytes === null ? null : (decoded(bytes) as Report | null)
  const isOne =
    report !== null &&
    typeof report === 'object' &&
    areCounts(report.round, report.damaged, report.toSeal, report.toTrim) &&
    areCounts(report.sealed, report.trimmed, report.failed) &&
    typeof report.isDone === 'boolean' &&
    typeof report.registry === 'string' &&
    Array.isArray(report.counts) &&
    report.counts.length <= countsMax &&
    report.counts.every(isCount)
  return isOne ? report : null
}

/** Of one order, at most. */
export const budgetMsMax = 10_000

const areCounts = (...values: readonly unknown[]): boolean =>
  values.every(value => Number.isSafeInteger(value) && (value as number) >= 0)

const isCount = (count: unknown): boolean => {
  const { name, keyVersion, current, history } = (count ?? {}) as Partial<KeyCount>
  return (
    typeof name === 'string' && isRoleName(name) && isKeyVersion(keyVersion) && areCounts(current, history)
  )
}

const phases: readonly string[] = ['counting', 'sealing', 'trimming', 'waiting', 'done']
const absentMax = 1024

/** Comes from the leader and is shown to people: shapes are checked, texts are cut. */
function progressFrom(value: unknown): Reencryption | null {
  const { phase, total, done, perSecond, etaSeconds, startedAt, absent, why } = (value ??
    {}) as Partial<Reencryption>
  if (typeof phase !== 'string' || !phases.includes(phase) || !areCounts(total ?? 0, done)) return null
  if (typeof perSecond !== 'number' || (etaSeconds !== null && typeof etaSeconds !== 'number')) return null
  if (typeof startedAt !== 'string' || !Array.isArray(absent) || absent.length > absentMax) return null
  return {
    phase,
    total: total ?? null,
    done: done!,
    perSecond,
    etaSeconds,
    startedAt: startedAt.slice(0, 40),
    absent: absent.map(name => String(name).slice(0, 128)),
    why: typeof why === 'string' ? why.slice(0, 200) : null,
  }
}

function decoded(bytes: Uint8Array): unknown {
  try {
    return decode(bytes, { strict: true, rejectDuplicateMapKeys: true })
  } catch {
    return null
  }
}
