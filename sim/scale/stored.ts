import { ballotCeiling, ballotFrom, bootTag, hlcFrom } from '../../base/hlc.ts'
import {
  type ContextKey,
  type Digest,
  noBallot,
  noHlc,
  type PartitionId,
  type PeerId,
} from '../../base/ids.ts'
import { controlPartition } from '../../dht/keyspace.ts'
import { movesToBegin } from '../../dht/stages.ts'
import { assignmentAt, type Member, type View } from '../../dht/view.ts'
import { replanned } from '../../dht/view-change.ts'
import { encodeChange } from '../../node/driver/codec/records.ts'
import type { DiskChange } from '../../node/ports/ports.ts'
import { epochMs } from '../clock.ts'
import { hashOf } from './fleet.ts'

/** An hour before the run. */
const storedMs = epochMs - 3_600_000
const prefixDigits = 3

/** Contexts that are on the disks before the run; no client asks for them. */
export type Stored = {
  /** By owner. */
  readonly changes: ReadonlyMap<PeerId, readonly DiskChange[]>
  /** New owners of what was stored, and the partitions that each of them gets. */
  readonly comers: ReadonlyMap<PeerId, readonly PartitionId[]>
  readonly contexts: number
}

/** The view once `comers` are wished for: nothing moves yet. */
export const withComers = (view: View, comers: readonly Member[]): View =>
  replanned({ ...view, epoch: view.epoch + 1, members: [...view.members, ...comers] }, hashOf)

/**
 * Contexts in the partitions that move first when `comers` join: so one wave of moves has much to copy, as it has in a
 * fleet that stores a lot, and the waves after it have little and are soon over.
 *
 * @param contextsEach - for each comer that gets a partition in this wave, shared equally by its partitions.
 */
export function storedFor(
  view: View,
  comers: readonly Member[],
  contextsEach: number,
  envelopeBytes: number,
): Stored {
  const first = firstWave(view, comers)
  const changes = new Map<PeerId, DiskChange[]>(view.members.map(({ id }) => [id, []]))
  const data = new Uint8Array(envelopeBytes).map((_, at) => Math.imul(at + 1, 0x9e37_79b1) >>> 24)
  let contexts = 0
  for (const partitions of first.values()) {
    for (let number = 0; number < contextsEach; number++) {
      const partition = partitions[number % partitions.length]!
      const key = keyIn(partition, view.partitions.length, contexts)
      const made = changesOf(key, contexts, data)
      for (const owner of assignmentAt(view, partition).owners) changes.get(owner)!.push(...made)
      contexts += 1
    }
    for (const partition of partitions)
      for (const owner of assignmentAt(view, partition).owners)
        changes.get(owner)!.push(floorsOf(partition, assignmentAt(view, partition).epoch))
  }
  return { changes, comers: first, contexts }
}

/** The partitions that begin to move first once the control group is there, by who comes into them. */
function firstWave(view: View, comers: readonly Member[]): Map<PeerId, PartitionId[]> {
  const wished = withComers(view, comers)
  const pending = wished.pending.filter(move => move.partition !== controlPartition)
  const coming = new Map<PeerId, PartitionId[]>()
  for (const [partition, { owners, nextOwners }] of movesToBegin({ ...wished, pending })) {
    const comer = nextOwners.find(peer => !owners.includes(peer))
    if (comer === undefined) continue
    const partitions = coming.get(comer)
    if (partitions) partitions.push(partition)
    else coming.set(comer, [partition])
  }
  return coming
}

/** A key of the partition; another one for each `number`. */
function keyIn(partition: PartitionId, partitionCount: number, number: number): ContextKey {
  const digest = hashOf(`stored ${number}`)
  const top = partition * (16 ** prefixDigits / partitionCount)
  return (top.toString(16).padStart(prefixDigits, '0') + digest.slice(prefixDigits)) as ContextKey
}

/** The record of a partition whose owner was there from the start. */
const floorsOf = (partition: PartitionId, epoch: number): DiskChange =>
  encodeChange({
    kind: 'partition',
    partition,
    record: {
      epoch,
      ceiling: ballotCeiling(epochMs),
      gcFloor: noBallot,
      tsFloor: noHlc,
      damagedBelow: noBallot,
      since: 1,
      copied: true,
    },
  })

/** Head and version of one context that nobody ever wrote again. */
function changesOf(key: ContextKey, number: number, data: Uint8Array): DiskChange[] {
  const version = hlcFrom(storedMs + (number >> 16), number & 0xffff, bootTag('ffffff', 1))
  const record = {
    version,
    parent: null,
    kind: 'live',
    // Another one for each context, so that nobody has checked it before.
    hash: key as string as Digest,
    expiresAtMs: 0,
    data,
  } as const
  const recentOps = [{ id: version, answer: 'written' }] as const
  const value = { ...record, data: null, recentOps, opsFloor: noHlc }
  return [
    encodeChange({ kind: 'head', key, head: { accepted: ballotFrom(version, 1), value } }),
    encodeChange({ kind: 'version', key, record }),
  ]
}
