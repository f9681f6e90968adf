import type { ContextKey, PartitionId, Version } from '../../../base/ids.ts'
import type { ScanEntry, VersionRecord } from '../../../replication/messages.ts'

/** One value that the fleet agrees on. */
export interface SharedRegister {
  /** A linearizable read; null where nothing was ever written. @throws SlurpError QUORUM_UNREACHED. */
  read(timeoutMs: number): Promise<{ readonly version: Version; readonly body: Uint8Array } | null>
  /** Compare-and-set; null: from nothing. False: something else stands, or it is not known what became of it. */
  swap(expected: Version | null, body: Uint8Array, timeoutMs: number): Promise<boolean>
}

/** What this peer has on its own disk of the histories of contexts. It may be behind the other owners. */
export interface LocalHistories {
  /** Partitions of which this peer has a copy, ascending; none of the control group. */
  partitions(): readonly PartitionId[]
  partitionsTotal(): number
  /**
   * Heads without their bytes, in the order of the key space.
   *
   * @param through - the last partition of a run that begins with `partition`; left out: it alone.
   * @throws DiskFailure.
   */
  heads(
    partition: PartitionId,
    after: ContextKey | null,
    limit: number,
    through?: PartitionId,
  ): Promise<{ readonly entries: readonly ScanEntry[]; readonly isLast: boolean }>
  /** Versions of a key from one on, oldest first. @throws DiskFailure. */
  versions(key: ContextKey, from: Version, limit: number): Promise<readonly Version[]>
  /** Null where it is missing or damaged. @throws DiskFailure. */
  version(key: ContextKey, version: Version): VersionRecord | null
}
