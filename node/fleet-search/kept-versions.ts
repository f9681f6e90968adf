import type { ContextKey, Version } from '../../base/ids.ts'
import type { VersionRecord } from '../../replication/messages.ts'
import { isGone } from '../store/version-opener.ts'
import type { LocalContexts } from './ports.ts'

/** Versions of one context that can be searched as of a time, the newest ones. */
export const versionsKeptMax = 256

/** Versions of one key that are to be found, ascending, and when the last of them expires. */
export type KeptVersions = {
  readonly versions: readonly Version[]
  /** 0 for never. */
  readonly expiresAtMs: number
}

/**
 * What this peer has of a key: nothing when it was deleted or has expired, else what stands and what it replaced, back to
 * the last deletion. Cost: 10 µs a version.
 *
 * @throws DiskFailure.
 */
export function keptVersionsOf(local: LocalContexts, key: ContextKey, wallMs: number): KeptVersions {
  const head = local.head(key)
  if (head === null || isGone(head, wallMs)) return { versions: [], expiresAtMs: 0 }
  const versions: Version[] = []
  let next: Version | null = head.version
  while (next !== null && versions.length < versionsKeptMax) {
    const record: VersionRecord | null = next < (head.keptFrom ?? '') ? null : local.version(key, next)
    if (record === null || record.kind === 'tombstone') break
    if (!isGone(record, wallMs)) versions.unshift(next)
    next = record.parent
  }
  return { versions, expiresAtMs: head.expiresAtMs }
}
