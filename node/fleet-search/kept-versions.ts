import type { ContextKey, Version } from '../../base/ids.ts'
import type { VersionRecord } from '../../replication/messages.ts'
import { Fold } from '../store/folding.ts'
import { isGone } from '../store/version-opener.ts'
import type { LocalContexts } from './ports.ts'

/** Versions of one context that can be searched as of a time, the newest ones. */
export const versionsKeptMax = 256

/** Versions of one key that are to be found, ascending, and when the last of them expires. */
export type KeptVersions = {
  /** As readers see them. */
  readonly versions: readonly Version[]
  /** Of those that are there sealed anew, the version that is on the disk. */
  readonly reseals: ReadonlyMap<Version, Version>
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
  if (head === null || isGone(head, wallMs)) return { versions: [], reseals: new Map(), expiresAtMs: 0 }
  const versions: Version[] = []
  const reseals = new Map<Version, Version>()
  const fold = new Fold()
  let next: Version | null = head.version
  while (next !== null && versions.length < versionsKeptMax) {
    const record: VersionRecord | null = next < (head.keptFrom ?? '') ? null : local.version(key, next)
    if (record === null || record.kind === 'tombstone') break
    const entry = isGone(record, wallMs) ? null : fold.next(record)
    if (entry !== null) {
      versions.unshift(entry.shown.version)
      if (entry.shown.version !== next) reseals.set(entry.shown.version, next)
    }
    next = record.parent
  }
  return { versions, reseals, expiresAtMs: head.expiresAtMs }
}
