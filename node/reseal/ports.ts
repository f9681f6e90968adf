import type { ContextKey, PartitionId, RoleName, Version } from '../../base/ids.ts'
import type { RoleKeyName } from '../../crypto/envelope-codec.ts'
import type { Value, VersionRecord } from '../../replication/messages.ts'

/** One version of one context on the disk of this peer; null where it is damaged. */
export type StoredVersion = {
  readonly key: ContextKey
  readonly version: Version
  readonly record: VersionRecord | null
}

/** What the disk of this peer has of contexts, all that it owns and all that it does not own any more. */
export interface LocalVersions {
  /** In the order of keys, and of one key oldest first. @param partition - null for all. @throws DiskFailure. */
  stored(
    partition: PartitionId | null,
    after: Pick<StoredVersion, 'key' | 'version'> | null,
    limit: number,
  ): Promise<{ readonly entries: readonly StoredVersion[]; readonly isLast: boolean }>
  /** What stands at a key, without its bytes; null where nothing does, or it is damaged. @throws DiskFailure. */
  head(key: ContextKey): Value | null
}

/** Makes bodies of reseals off the thread of the caller, several at once. */
export interface BodySealer {
  /** @throws SlurpError as `resealBody` of crypto/reseal.ts, and SHUTTING_DOWN. */
  seal(data: Uint8Array, binding: Uint8Array, recipients: readonly string[]): Promise<Uint8Array>
}

/** Of a role: the key version that contexts are sealed to, `age1…` with it. */
export type CurrentKey = RoleKeyName & { readonly recipient: string }

/** The newest key version of each role; undefined for a role that nobody knows. */
export type CurrentKeys = (role: RoleName) => CurrentKey | undefined
