import { type ContextKey, noBallot, type PartitionId, type Version } from '../../base/ids.ts'
import { assignmentsOf, type View } from '../../dht/view.ts'
import type { VersionRecord } from '../../replication/messages.ts'
import type { Change, Head, PartitionRecord, Records } from '../../replication/records.ts'
import { type Disk, DiskFailure } from '../ports/ports.ts'
import { headKey, partitionKey, versionKey } from './codec/keys.ts'
import { decodeHead, decodePartition, decodeVersion } from './codec/records.ts'

type Pending<T> = { readonly batch: number; readonly value: T }

/**
 * The records as a step sees them: what earlier steps saved is there at once, synced or not. Nothing that
 * rests on an unsynced change may leave the process; `unsyncedBatchOf` says what to wait for.
 */
export class SavedRecords implements Records {
  readonly #disk: Disk
  readonly #heads = new Map<ContextKey, Pending<Head | null>>()
  readonly #versions = new Map<string, Pending<VersionRecord | null>>()
  readonly #partitions = new Map<PartitionId, Pending<PartitionRecord>>()
  readonly #partitionOf: (key: ContextKey) => PartitionId
  /** What each batch holds, to forget it when it is durable. */
  readonly #touched = new Map<number, (() => void)[]>()

  constructor(disk: Disk, partitionOf: (key: ContextKey) => PartitionId) {
    this.#disk = disk
    this.#partitionOf = partitionOf
  }

  head(key: ContextKey): Head | 'damaged' | null {
    const pending = this.#heads.get(key)
    if (pending) return pending.value
    return this.#read(headKey(key), decodeHead)
  }

  version(key: ContextKey, version: Version): VersionRecord | 'damaged' | null {
    const pending = this.#versions.get(key + version)
    if (pending) return pending.value
    const found = this.#read(versionKey(key, version), decodeVersion)
    // The record's own name is inside as well: a version under another's key is damage.
    return found !== null && found !== 'damaged' && found.version !== version ? 'damaged' : found
  }

  partition(partition: PartitionId): PartitionRecord | 'damaged' | null {
    const pending = this.#partitions.get(partition)
    if (pending) return pending.value
    return this.#read(partitionKey(partition), decodePartition)
  }

  /** Takes note of a change that will be written with `batch`. */
  note(change: Change, batch: number): void {
    switch (change.kind) {
      case 'head':
        return this.#hold(this.#heads, change.key, change.head, batch)
      case 'headDropped':
        return this.#hold(this.#heads, change.key, null, batch)
      case 'version':
        return this.#hold(this.#versions, change.key + change.record.version, change.record, batch)
      case 'partition':
        return this.#hold(this.#partitions, change.partition, change.record, batch)
      case 'versionDropped':
        return this.#hold(this.#versions, change.key + change.version, null, batch)
      case 'hint':
      case 'hintDone':
        return
    }
  }

  /** The batch that must be durable before anything about `key` may leave, 0 for none. */
  unsyncedBatchOf(key: ContextKey): number {
    return Math.max(
      this.#heads.get(key)?.batch ?? 0,
      this.#partitions.get(this.#partitionOf(key))?.batch ?? 0,
    )
  }

  /** `batch` is durable: from now on the disk itself answers for it. */
  synced(batch: number): void {
    for (const forget of this.#touched.get(batch) ?? []) forget()
    this.#touched.delete(batch)
  }

  #hold<K, T>(map: Map<K, Pending<T>>, key: K, value: T, batch: number): void {
    map.set(key, { batch, value })
    const forgets = this.#touched.get(batch) ?? []
    forgets.push(() => {
      if (map.get(key)?.batch === batch) map.delete(key)
    })
    this.#touched.set(batch, forgets)
  }

  #read<T>(
    key: Uint8Array,
    decode: (key: Uint8Array, stored: Uint8Array) => T | 'damaged',
  ): T | 'damaged' | null {
    try {
      const stored = this.#disk.read(key)
      return stored === null ? null : decode(key, stored)
    } catch (failure) {
      // What cannot be read is damaged, not absent: it takes part in no quorum until it is healed.
      if (failure instanceof DiskFailure) return 'damaged'
      throw failure
    }
  }
}

/** Partitions that were marked damaged in an earlier boot, or whose record is. */
export function damagedIn(saved: SavedRecords, view: View): PartitionId[] {
  const partitions: PartitionId[] = []
  for (const { partition } of assignmentsOf(view)) {
    const record = saved.partition(partition)
    if (record === 'damaged' || (record !== null && record.damagedBelow !== noBallot))
      partitions.push(partition)
  }
  return partitions
}
