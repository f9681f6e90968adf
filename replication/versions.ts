import { type ContextKey, isControlKey, noBallot, noHlc, type Version } from '../base/ids.ts'
import type { Limits } from './limits.ts'
import type { ReplicaMessage, Value, VersionRecord } from './messages.ts'
import { type Acceptor, isReady, type Place, partitionState } from './partition-state.ts'
import type { Change, Records } from './records.ts'
import { keptFromOf } from './register.ts'

/** A version of the history that this replica missed. The current value stays as it is. */
export function considerBackfill(
  records: Records,
  ask: Extract<ReplicaMessage, { kind: 'backfill' }>,
): { changes: readonly Change[]; reply: ReplicaMessage } {
  const changes: Change[] = []
  if (!isControlKey(ask.key)) saveVersion(records, ask.key, ask.record, changes)
  const reply: ReplicaMessage = {
    kind: 'accepted',
    id: ask.id,
    granted: true,
    nextGranted: false,
    promised: noBallot,
  }
  return { changes, reply }
}

/** The versions from `from` along the parents that are here, newest first, cut at the limits. */
export function chainFrom(
  records: Records,
  limits: Limits,
  key: ContextKey,
  from: VersionRecord['version'],
  limit: number,
): VersionRecord[] {
  const chain: VersionRecord[] = []
  const end = oldestKept(records, key)
  let bytes = 0
  let at: VersionRecord['parent'] = from
  while (at !== null && at >= end && chain.length < Math.min(limit, limits.chainMax)) {
    const found = records.version(key, at)
    if (found === null || found === 'damaged') break
    bytes += found.data?.length ?? 0
    if (chain.length > 0 && bytes > limits.chainBytesMax) break
    chain.push(found)
    at = found.parent
  }
  return chain
}

/** Where the history of a key ends that is kept here. */
export function oldestKept(records: Records, key: ContextKey): Version {
  const head = records.head(key)
  return head === null || head === 'damaged' ? noHlc : keptFromOf(head.value)
}

/**
 * Whether it can be told that a version is not kept here: it was trimmed, or the copy is complete and no record stands
 * damaged in its place.
 */
export function isMissing(
  acceptor: Acceptor,
  key: ContextKey,
  version: VersionRecord['version'],
  place: Place,
  wallMs: number,
): boolean {
  if (!place.accepts) return false
  // What was trimmed does not come back, whatever else is missing here.
  if (version < oldestKept(acceptor.records, key)) return true
  if (acceptor.records.version(key, version) !== null) return false
  const state = partitionState(acceptor, place, wallMs)
  return isReady(state, place) && state.record.copied && state.record.damagedBelow === noBallot
}

/** Keeps the bytes of a version once: a repeated accept writes them only where they are missing or damaged. */
export function saveVersion(
  records: Records,
  key: ContextKey,
  value: VersionRecord,
  changes: Change[],
): void {
  if (value.data === null) return
  const stored = records.version(key, value.version)
  if (stored !== null && stored !== 'damaged') return
  const { version, parent, kind, hash, expiresAtMs, data } = value
  changes.push({ kind: 'version', key, record: { version, parent, kind, hash, expiresAtMs, data } })
}

/** The value with the bytes of its version, without where they are missing or damaged. */
export function withData(records: Records, key: ContextKey, value: Value): Value {
  const stored = records.version(key, value.version)
  return stored === null || stored === 'damaged' ? value : { ...value, data: stored.data }
}
