import { ballotFrom, hlcMs } from '../base/hlc.ts'
import { type Ballot, type ContextKey, type Hlc, noBallot, noHlc, type Version } from '../base/ids.ts'
import { isKept, promisedOf } from './acceptor.ts'
import type { Limits } from './limits.ts'
import type { DeadKey, ReplicaMessage } from './messages.ts'
import {
  type Acceptor,
  highest,
  isReady,
  type PartitionState,
  type Place,
  partitionState,
} from './partition-state.ts'
import type { Change, Head, Records } from './records.ts'
import { keptFromOf } from './register.ts'

/**
 * What an acceptor does for collection (rule 9): it says whether a key is dead and over here, and drops it when told that
 * it is so everywhere. Every replica judges by its own clock and its own records, so no collector can make it drop what
 * still lives here.
 */

/** Every version that is on the disk under a key. */
export type ListedVersions = ReadonlyMap<ContextKey, readonly Version[]>

/** Why this replica takes no part in a collection now; null when it does. */
export function collectionRefusal(
  acceptor: Acceptor,
  place: Place,
  wallMs: number,
): 'notOwner' | 'damaged' | null {
  const partition = partitionState(acceptor, place, wallMs)
  // Rule 10 counts on it: whoever comes in may take the floors from any owner, as nothing is collected meanwhile.
  if (!place.accepts || !isReady(partition, place) || !partition.record.copied) return 'notOwner'
  return partition.record.damagedBelow === noBallot ? null : 'damaged'
}

/**
 * A tombstone, or a value that has expired, for longer than the grace. For an expired one the clocks of all replicas must
 * agree on it with the largest drift to spare (docs/decisions/063-what-expired-is-collected.md).
 */
export function isOver({ accepted, value }: Head, limits: Limits, wallMs: number): boolean {
  const { collectAfterMs, ballotDriftMaxMs } = limits
  if (hlcMs(accepted) + collectAfterMs > wallMs) return false
  if (value.kind === 'tombstone') return true
  return value.expiresAtMs !== 0 && value.expiresAtMs + collectAfterMs + ballotDriftMaxMs <= wallMs
}

/**
 * Whether nobody needs the key for a cut at `tsFloor`: it was dead then already (rule 14). noHlc: there never was a cut.
 * The floor stays when a cut is closed, so until it can be told that it was, tombstones above it stay too.
 */
export function isBelowCut({ value }: Head, tsFloor: Hlc): boolean {
  if (tsFloor === noHlc) return true
  if (value.version > tsFloor) return false
  return value.kind === 'tombstone' || value.expiresAtMs <= hlcMs(tsFloor)
}

/**
 * A floor must lie so far back that no operation of the present is at or below it: over an absent key it would be told
 * that its outcome is unknown (rule 5).
 */
export const isPastFloor = (floor: Ballot, { collectAfterMs, ballotDriftMaxMs }: Limits, wallMs: number) =>
  hlcMs(floor) + Math.min(collectAfterMs, ballotDriftMaxMs) <= wallMs

/** Whether each key is dead here, and what was promised for it. The answer leaves when all that it rests on is durable. */
export function considerGather(
  acceptor: Acceptor,
  ask: Extract<ReplicaMessage, { kind: 'gather' }>,
  place: Place,
  wallMs: number,
): ReplicaMessage {
  const partition = partitionState(acceptor, place, wallMs)
  const keys = ask.keys.map(({ key, accepted }) => {
    const head = acceptor.records.head(key)
    if (head === 'damaged') return { key, isDead: false, promised: noBallot }
    const promised = promisedOf(acceptor, partition, key, head)
    // Gone already, in a collection that did not get everywhere: what was accepted up to that ballot never comes back here.
    const isDead =
      head === null
        ? accepted <= partition.record.gcFloor
        : head.accepted === accepted && mayGo(acceptor, partition, head, wallMs)
    return { key, isDead, promised }
  })
  return { kind: 'gathered', id: ask.id, keys }
}

/**
 * Drops what is still as it was gathered. One batch: the floor that stands in for every promise that is forgotten here, and
 * the records.
 *
 * @returns nothing to save when no key could be dropped.
 */
export function considerCollect(
  acceptor: Acceptor,
  ask: Extract<ReplicaMessage, { kind: 'collect' }>,
  listed: ListedVersions,
  place: Place,
  wallMs: number,
): { changes: readonly Change[]; dropped: readonly DeadKey[] } {
  const partition = partitionState(acceptor, place, wallMs)
  if (!isPastFloor(ask.floor, acceptor.limits, wallMs)) return { changes: [], dropped: [] }
  let gcFloor = highest(partition.record.gcFloor, ask.floor)
  const changes: Change[] = []
  const dropped: DeadKey[] = []
  for (const { key, accepted } of ask.keys) {
    const head = acceptor.records.head(key)
    if (head === null || head === 'damaged' || head.accepted !== accepted) continue
    if (!mayGo(acceptor, partition, head, wallMs)) continue
    if (promisedOf(acceptor, partition, key, head) > ask.floor) continue
    gcFloor = highest(gcFloor, aboveAllIds(head))
    dropped.push({ key, accepted })
    changes.push(...dropOf(acceptor.records, key, head, listed.get(key) ?? []))
  }
  if (dropped.length === 0) return { changes: [], dropped: [] }
  const ceiling = highest(partition.record.ceiling, gcFloor)
  partition.record = { ...partition.record, epoch: place.epoch, gcFloor, ceiling }
  for (const { key } of dropped) partition.promises.delete(key)
  const saved: Change = { kind: 'partition', partition: place.partition, record: partition.record }
  return { changes: [saved, ...changes], dropped }
}

/** Whether a version went with its key in a collection, or was trimmed: as history it is not kept any more. */
export const isGone = (
  acceptor: Acceptor,
  key: ContextKey,
  version: Version,
  place: Place,
  wallMs: number,
): boolean => !isKept(acceptor.records.head(key), partitionState(acceptor, place, wallMs), version)

/**
 * What is on the disk of a history that was trimmed. An open cut still needs the latest version that it may show (rule 14).
 *
 * @param listed - all versions of the key.
 */
export function trimmedVersions(head: Head, tsFloor: Hlc, listed: readonly Version[]): Version[] {
  const keptFrom = keptFromOf(head.value)
  const ofCut = listed.reduce<Version>(
    (latest, each) => (each <= tsFloor && each > latest ? each : latest),
    noHlc,
  )
  return listed.filter(version => version < keptFrom && version !== ofCut)
}

/** The head, all versions that were listed, and those that the parents lead to. */
export function dropOf(
  records: Records,
  key: ContextKey,
  head: Head,
  listed: readonly Version[],
): readonly Change[] {
  const versions = new Set(listed)
  let at: Version | null = head.value.version
  while (at !== null) {
    versions.add(at)
    const found = records.version(key, at)
    at = found === null || found === 'damaged' ? null : found.parent
  }
  const drops = [...versions].map((version): Change => ({ kind: 'versionDropped', key, version }))
  return [{ kind: 'headDropped', key }, ...drops]
}

function mayGo(acceptor: Acceptor, partition: PartitionState, head: Head, wallMs: number): boolean {
  return isOver(head, acceptor.limits, wallMs) && isBelowCut(head, partition.record.tsFloor)
}

/** No operation that the key knew of may be taken for a new one over the absent key (rule 5). */
function aboveAllIds({ value }: Head): Ballot {
  let id: Hlc = value.version > value.opsFloor ? value.version : value.opsFloor
  for (const recent of value.recentOps) if (recent.id > id) id = recent.id
  return ballotFrom(id, 0xffff_ffff)
}
