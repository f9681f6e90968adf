import type { ContextKey, PartitionId } from '../../base/ids.ts'
import type { View } from '../../dht/view.ts'
import { headKey, parseHeadKey, partitionKey, viewKey } from '../../node/driver/codec/keys.ts'
import { decodeHead, decodePartition, decodeStoredView } from '../../node/driver/codec/records.ts'
import type { Disk, DiskChange } from '../../node/ports/ports.ts'

type StoredHead = Exclude<ReturnType<typeof decodeHead>, 'damaged'>
type StoredPartition = Exclude<ReturnType<typeof decodePartition>, 'damaged'>

/** What one change of a batch says to the checkers; a head of null is one that was dropped. */
export type DurableChange =
  | { readonly kind: 'head'; readonly key: ContextKey; readonly head: StoredHead | null }
  | { readonly kind: 'partition'; readonly partition: PartitionId; readonly record: StoredPartition }
  | { readonly kind: 'view'; readonly view: View }

const headLetter = headKey('0'.repeat(64) as ContextKey)[0]
const partitionLetter = partitionKey(0 as PartitionId)[0]

/** The changes of a batch that are looked at; records that cannot be read, and all others, are left out. */
export function readBatch(batch: readonly DiskChange[]): DurableChange[] {
  const changes: DurableChange[] = []
  for (const change of batch) {
    if (change.key[0] === headLetter) {
      const head = change.kind === 'delete' ? null : decodeHead(change.key, change.value)
      if (head !== 'damaged') changes.push({ kind: 'head', key: parseHeadKey(change.key), head })
      continue
    }
    if (change.kind === 'delete') continue
    if (change.key[0] === partitionLetter) {
      const partition = ((change.key[1]! << 8) | change.key[2]!) as PartitionId
      const record = decodePartition(change.key, change.value)
      if (record !== 'damaged') changes.push({ kind: 'partition', partition, record })
    } else if (change.key[0] === viewKey[0]) {
      const view = decodeStoredView(change.value)
      if (view !== 'damaged') changes.push({ kind: 'view', view })
    }
  }
  return changes
}

/** The view on a disk; null: none, or none that can be read. */
export function viewOn(disk: Disk): View | null {
  const stored = disk.read(viewKey)
  const view = stored === null ? null : decodeStoredView(stored)
  return view === 'damaged' ? null : view
}

/** The record of a partition on a disk; null: none, or none that can be read. */
export function partitionOn(disk: Disk, partition: PartitionId): StoredPartition | null {
  const diskKey = partitionKey(partition)
  const stored = disk.read(diskKey)
  const record = stored === null ? null : decodePartition(diskKey, stored)
  return record === 'damaged' ? null : record
}

/** The head of a key on a disk; null: none. */
export function headOn(disk: Disk, key: ContextKey): StoredHead | 'damaged' | null {
  const diskKey = headKey(key)
  const stored = disk.read(diskKey)
  return stored === null ? null : decodeHead(diskKey, stored)
}
