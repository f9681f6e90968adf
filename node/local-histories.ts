import { noBallot, type PartitionId, type PeerId } from '../base/ids.ts'
import type { View } from '../dht/view.ts'
import type { ScanEntry } from '../replication/messages.ts'
import {
  headKey,
  headRange,
  parseHeadKey,
  parseVersionKey,
  versionKey,
  versionRange,
  versionsRange,
} from './driver/codec/keys.ts'
import { decodeHead, decodeVersion } from './driver/codec/records.ts'
import type { LocalContexts } from './fleet-search/ports.ts'
import type { Disk, DiskEntry } from './ports/ports.ts'
import type { LocalVersions, StoredVersion } from './reseal/ports.ts'

/** Reads the histories on the disk of this peer, beside its driver: what is not synced yet is not seen. */
export function localHistories(disk: Disk, self: PeerId, view: () => View): LocalContexts & LocalVersions {
  const scan = (from: Uint8Array, to: Uint8Array, limit: number): Promise<readonly DiskEntry[]> =>
    new Promise((resolve, reject) => {
      disk.scan(from, to, limit, (failure, entries) => (failure ? reject(failure) : resolve(entries)))
    })
  let owned: { readonly by: View | null; readonly partitions: readonly PartitionId[] } = {
    by: null,
    partitions: [],
  }
  return {
    /** The same list until the view changes. */
    partitions: () => {
      const now = view()
      if (owned.by !== now) owned = { by: now, partitions: ownedIn(now, self) }
      return owned.partitions
    },
    partitionsTotal: () => view().partitions.length,
    async heads(partition, after, limit, through = partition) {
      const partitions = view().partitions.length
      const { from } = headRange(partition, partitions, after)
      const { to } = headRange(through, partitions, null)
      const found = await scan(from, to, limit)
      return { entries: found.map(entryOf), isLast: found.length < limit }
    },
    head(key) {
      const diskKey = headKey(key)
      const stored = disk.read(diskKey)
      return stored === null ? null : entryOf({ key: diskKey, value: stored }).value
    },
    async versions(key, from, limit) {
      const found = await scan(versionKey(key, from), versionRange(key).to, limit)
      return found.map(entry => parseVersionKey(entry.key).version)
    },
    async stored(partition, after, limit) {
      const partitions = view().partitions.length
      const { from } = versionsRange(partition ?? (0 as PartitionId), partitions)
      const { to } = versionsRange(partition ?? ((partitions - 1) as PartitionId), partitions)
      const start =
        after === null ? from : Buffer.concat([versionKey(after.key, after.version), Uint8Array.of(0)])
      const found = await scan(start, to, limit)
      return { entries: found.map(storedOf), isLast: found.length < limit }
    },
    version(key, version) {
      const diskKey = versionKey(key, version)
      const stored = disk.read(diskKey)
      const record = stored === null ? null : decodeVersion(diskKey, stored)
      return record === 'damaged' ? null : record
    },
  }
}

const ownedIn = ({ partitions }: View, peer: PeerId): readonly PartitionId[] =>
  partitions.flatMap(({ owners }, number) => (owners.includes(peer) ? [number as PartitionId] : []))

/** Partitions that this peer owns and whose copy is not being mended; asked for with every question. */
export function wholePartitions(
  local: Pick<LocalContexts, 'partitions'>,
  driver: { damagedPartitions(): readonly number[] },
): () => ReadonlySet<PartitionId> {
  let last: { readonly of: readonly PartitionId[]; readonly all: ReadonlySet<PartitionId> } | null = null
  return () => {
    const owned = local.partitions()
    if (last?.of !== owned) last = { of: owned, all: new Set(owned) }
    const damaged = new Set(driver.damagedPartitions())
    return damaged.size === 0 ? last.all : new Set(owned.filter(partition => !damaged.has(partition)))
  }
}

function storedOf({ key: diskKey, value: stored }: DiskEntry): StoredVersion {
  const record = decodeVersion(diskKey, stored)
  return { ...parseVersionKey(diskKey), record: record === 'damaged' ? null : record }
}

function entryOf({ key: diskKey, value: stored }: DiskEntry): ScanEntry {
  const head = decodeHead(diskKey, stored)
  const key = parseHeadKey(diskKey)
  return head === 'damaged'
    ? { key, accepted: noBallot, value: null }
    : { key, accepted: head.accepted, value: head.value }
}
