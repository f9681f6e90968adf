import type { Version } from '../../base/ids.ts'
import { standsForOf } from '../../crypto/envelope-codec.ts'
import type { VersionRecord } from '../../replication/messages.ts'

/** Version and parent that a reader sees. */
export type Shown = { readonly version: Version; readonly parent: Version | null }

/** One entry of a history: a record, and what a reader sees of it, which differs where it is a reseal. */
export type FoldedRecord = { readonly record: VersionRecord; readonly shown: Shown }

/** @throws SlurpError INTEGRITY_FAILED. */
export function shownBy({ data, version, parent }: VersionRecord): Shown {
  const standsFor = standsForOf(data)
  return standsFor === null ? { version, parent } : { version: standsFor.version, parent: standsFor.parent }
}

/** Makes one entry of a reseal and what it stands for, which come right behind it where they are kept. */
export class Fold {
  #standsFor: Version | null = null

  /** @param record - the next one, newest first. @returns null where it was seen already. @throws SlurpError INTEGRITY_FAILED. */
  next(record: VersionRecord): FoldedRecord | null {
    const shown = shownBy(record)
    if (shown.version === this.#standsFor) return null
    this.#standsFor = shown.version === record.version ? null : shown.version
    return { record, shown }
  }

  /** Whether what comes next, from this version on, may belong to the entry before. */
  goesOn(next: Version | null): boolean {
    return this.#standsFor !== null && next !== null && next >= this.#standsFor
  }
}
