import { join } from 'node:path'
import type { Ballot, ContextKey, Version } from '../../../base/ids.ts'
import { openLevelDisk } from '../../../node/adapters/level-disk/open-level-disk.ts'
import { headRange, parseHeadKey, versionKey } from '../../../node/driver/codec/keys.ts'
import { decodeHead, decodeVersion } from '../../../node/driver/codec/records.ts'
import type { Disk, DiskEntry } from '../../../node/ports/ports.ts'

/** What one replica holds of one key. */
export type ReplicaHead = {
  readonly accepted: Ballot
  readonly version: Version
  /** Versions of its parent chain that this replica has, newest first, up to the first that it misses. */
  readonly chain: readonly HeldVersion[]
}

/** `bytes`: of what was sealed, 0 for a tombstone. */
export type HeldVersion = { readonly version: Version; readonly bytes: number }

const pageEntries = 1_000

/** Every head on the disk of a peer that is not running; `damaged` for one that does not decode. */
export async function readReplica(dir: string): Promise<Map<ContextKey, ReplicaHead | 'damaged'>> {
  const opened = await openLevelDisk({ dir: join(dir, 'data'), expectExisting: true })
  try {
    const heads = new Map<ContextKey, ReplicaHead | 'damaged'>()
    const { to } = headRange(0 as never, 1, null)
    let { from } = headRange(0 as never, 1, null)
    for (;;) {
      const page = await scan(opened.disk, from, to)
      for (const { key, value } of page) heads.set(parseHeadKey(key), headFrom(opened.disk, key, value))
      const last = page.at(-1)
      if (last === undefined || page.length < pageEntries) return heads
      from = Buffer.concat([last.key, Buffer.of(0)])
    }
  } finally {
    await opened.close()
  }
}

function headFrom(disk: Disk, diskKey: Uint8Array, stored: Uint8Array): ReplicaHead | 'damaged' {
  const head = decodeHead(diskKey, stored)
  if (head === 'damaged') return head
  const { version } = head.value
  return { accepted: head.accepted, version, chain: chainFrom(disk, parseHeadKey(diskKey), version) }
}

function chainFrom(disk: Disk, key: ContextKey, newest: Version): HeldVersion[] {
  const chain: HeldVersion[] = []
  let next: Version | null = newest
  while (next !== null) {
    const diskKey = versionKey(key, next)
    const stored = disk.read(diskKey)
    const record = stored === null ? null : decodeVersion(diskKey, stored)
    if (record === null || record === 'damaged') return chain
    chain.push({ version: next, bytes: record.data?.length ?? 0 })
    next = record.parent
  }
  return chain
}

function scan(disk: Disk, from: Uint8Array, to: Uint8Array): Promise<readonly DiskEntry[]> {
  return new Promise((resolve, reject) => {
    disk.scan(from, to, pageEntries, (failure, entries) =>
      failure === null ? resolve(entries) : reject(failure),
    )
  })
}
