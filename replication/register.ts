import { ballotHlc } from '../base/hlc.ts'
import { type Ballot, type Hlc, noHlc, type OperationId, type Version } from '../base/ids.ts'
import {
  type Outcome,
  type RecentOperation,
  type RecordedAnswer,
  recentOpsMax,
  type Value,
  type WriteOperation,
} from './messages.ts'

/** What one write does to what stands (rules 4, 5, 9 and 13). */
export type Applied =
  /** Accept this value, then answer. */
  | { readonly kind: 'write'; readonly value: Value; readonly answer: RecordedAnswer }
  /** The id is in the window: it was carried out before and was answered so. */
  | { readonly kind: 'known'; readonly answer: RecordedAnswer }
  | { readonly kind: 'refuse'; readonly answer: 'conflict' | 'moved' }
  /** The id left the window, or a refusal cannot be made final: unknown for ever. */
  | { readonly kind: 'unknown' }

/** Nothing lives here for a reader: absent, deleted or expired. */
export const isDead = (value: Value | null, wallMs: number): boolean =>
  value === null || value.kind === 'tombstone' || (value.expiresAtMs !== 0 && value.expiresAtMs <= wallMs)

/**
 * @param current - what stands, null over an absent key.
 * @param gcFloor - highest gcFloor among the replicas that answered.
 * @param retried - the same operation may have been tried before, here or elsewhere.
 */
export function applyWrite(
  current: Value | null,
  operation: WriteOperation,
  gcFloor: Ballot,
  wallMs: number,
  retried: boolean,
): Applied {
  const known = current?.recentOps.find(recent => recent.id === operation.id)
  if (known) return { kind: 'known', answer: known.answer }
  const floor = floorOf(current, gcFloor)
  if (operation.id <= floor) return { kind: 'unknown' }
  const answer = answerOf(current, operation, wallMs)
  if (answer === 'written') return { kind: 'write', value: nextValue(current, operation, floor), answer }
  if (!retried) return { kind: 'refuse', answer }
  // Rule 5: a retry writes its id even when refused. Over an absent key there is nothing signed to carry it.
  if (current === null) return { kind: 'unknown' }
  return { kind: 'write', value: withOperation(current, operation.id, answer, floor), answer }
}

/** The same value with less history behind it; null where as much was trimmed before. */
export function trimmedTo(current: Value, keepFrom: Version): Value | null {
  const keptFrom = keepFrom < current.version ? keepFrom : current.version
  return keptFrom <= keptFromOf(current) ? null : { ...current, keptFrom }
}

/** The oldest version that is kept, noHlc where all are. */
export const keptFromOf = (value: Value): Version => value.keptFrom ?? noHlc

/** What the recorded answer of an operation says now. */
export function outcomeOf(
  answer: RecordedAnswer,
  operation: WriteOperation,
  current: Value | null,
  wallMs: number,
  acks: number,
  replicas: number,
): Outcome {
  switch (answer) {
    case 'written':
      return { kind: 'written', version: operation.id, parent: operation.parent, acks, replicas }
    case 'conflict':
      return { kind: 'conflict', current: isDead(current, wallMs) ? null : (current?.version ?? null) }
    case 'moved':
      return {
        kind: 'moved',
        current: current?.version ?? null,
        live: !isDead(current, wallMs),
        floor: current === null ? noHlc : highestOf(current.version, current.opsFloor),
      }
  }
}

function answerOf(current: Value | null, operation: WriteOperation, wallMs: number): RecordedAnswer {
  const dead = isDead(current, wallMs)
  if (operation.expect === 'none' && !dead) return 'conflict'
  // A dead key matches only `none`: a tombstone's version matches nothing (rule 9).
  if (
    operation.expect !== 'none' &&
    operation.expect !== 'any' &&
    (dead || current?.version !== operation.expect)
  ) {
    return 'conflict'
  }
  const version: Version | null = current?.version ?? null
  if (operation.parent !== version) return 'moved'
  // Rule 13: a new version is greater than its parent.
  return version !== null && operation.id <= version ? 'moved' : 'written'
}

function nextValue(current: Value | null, operation: WriteOperation, floor: Hlc): Value {
  const window = pushOperation(current?.recentOps ?? [], { id: operation.id, answer: 'written' }, floor)
  return {
    version: operation.id,
    parent: current?.version ?? null,
    kind: operation.value.kind,
    hash: operation.value.hash,
    expiresAtMs: operation.value.expiresAtMs,
    data: operation.value.data,
    ...window,
    ...(current?.keptFrom === undefined ? {} : { keptFrom: current.keptFrom }),
  }
}

function withOperation(current: Value, id: OperationId, answer: RecordedAnswer, floor: Hlc): Value {
  return { ...current, ...pushOperation(current.recentOps, { id, answer }, floor) }
}

/** Rule 5: what leaves the window raises the floor under it. */
function pushOperation(recent: readonly RecentOperation[], operation: RecentOperation, floor: Hlc) {
  const all = [...recent, operation]
  const gone = all.slice(0, Math.max(0, all.length - recentOpsMax))
  const opsFloor = gone.reduce((highest, each) => highestOf(highest, each.id), floor)
  return { recentOps: all.slice(gone.length), opsFloor }
}

const floorOf = (current: Value | null, gcFloor: Ballot): Hlc => current?.opsFloor ?? ballotHlc(gcFloor)

const highestOf = (a: Hlc, b: Hlc): Hlc => (a > b ? a : b)
