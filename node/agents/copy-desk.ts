import { SlurpError } from '../../base/errors.ts'
import type { ContextKey, PartitionId, Version } from '../../base/ids.ts'
import { decodeEnvelope, type EnvelopeHeader } from '../../crypto/envelope-codec.ts'
import { partitionOf } from '../../dht/keyspace.ts'
import type { VersionRecord } from '../../replication/messages.ts'
import type { ContextChanges, LocalContexts } from '../fleet-search/ports.ts'
import { DiskFailure } from '../ports/ports.ts'
import { isGone } from '../store/version-opener.ts'
import {
  type Changes,
  type CopiedHead,
  type CopyQuestion,
  copyLimits,
  encodeChanges,
  encodeHeads,
  encodeVersions,
  type WantedVersions,
} from './copy-wire.ts'

export type CopyDeskParts = {
  readonly local: LocalContexts
  readonly changes: ContextChanges
  /** Partitions that this member has whole. */
  readonly answersFor: () => ReadonlySet<PartitionId>
  readonly wallMs: () => number
}

/** Whether who asks may find what an envelope says of itself. */
export type CopySight = (header: EnvelopeHeader) => boolean

/** What is given: bytes, and how many contexts or versions they tell of. */
export type Copied = { readonly body: Uint8Array; readonly count: number }

/** Versions of one key that are looked at for one that may be found. */
const lookedBackMax = 16
/** Records looked at in one go; in between whatever else waits has its turn. */
const atOnce = 32

/**
 * Tells agents what there is on the disk of this member, as far as each may find it, so that they can keep a copy. Of what an
 * agent may not find it learns nothing: neither keys nor how many there are.
 */
export class CopyDesk {
  readonly #parts: CopyDeskParts
  #looked = 0

  constructor(parts: CopyDeskParts) {
    this.#parts = parts
  }

  /** @returns null where the disk cannot be read. */
  async answer(asked: CopyQuestion, sees: CopySight): Promise<Copied | null> {
    try {
      switch (asked.kind) {
        case 'changes':
          return await this.#changes(asked.after, sees)
        case 'heads':
          return await this.#heads(asked, sees)
        case 'versions':
          return await this.#versions(asked.wanted, sees)
      }
    } catch (failure) {
      if (failure instanceof DiskFailure) return null
      throw failure
    }
  }

  async #changes(after: number | null, sees: CopySight): Promise<Copied> {
    const { changes, answersFor } = this.#parts
    const partitions = [...answersFor()].sort((a, b) => a - b)
    const { last } = changes
    const told = (through: number | null, heads: readonly CopiedHead[]): Copied => {
      const answer: Changes = { last, partitions, through, heads }
      return { body: encodeChanges(answer), count: heads.length }
    }
    if (after === null || after === last) return told(last, [])
    const found = await changes.read(after, copyLimits.stepsAtOnce)
    if (found === null || found.keys.length > copyLimits.entriesMax) return told(null, [])
    const heads: CopiedHead[] = []
    for (const key of found.keys) {
      await this.#rest()
      const head = this.#headOf(key, sees)
      if (head !== null) heads.push(head)
    }
    return told(found.through, heads)
  }

  async #heads(
    { first, last, after }: Extract<CopyQuestion, { kind: 'heads' }>,
    sees: CopySight,
  ): Promise<Copied | null> {
    const { local, answersFor, wallMs } = this.#parts
    const whole = answersFor()
    for (let each = first as number; each <= last; each++) if (!whole.has(each as PartitionId)) return null
    const from = after === null ? first : partitionOf(after, local.partitionsTotal())
    if (from < first || from > last) return null
    const { entries, isLast } = await local.heads(from, after, copyLimits.headsAtOnce, last)
    const heads: CopiedHead[] = []
    const given = (through: ContextKey | null): Copied => ({
      body: encodeHeads({ through, heads }),
      count: heads.length,
    })
    let bytes = 0
    let lastLooked: ContextKey | null = null
    for (const { key, value } of entries) {
      if (bytes > copyLimits.lookedBytesMax) return given(lastLooked)
      lastLooked = key
      if (value === null || isGone(value, wallMs())) continue
      await this.#rest()
      const record = local.version(key, value.version)
      bytes += record?.data?.length ?? 0
      if (record !== null && this.#isSeenIn(record, sees))
        heads.push({ key, version: value.version, keptFrom: value.keptFrom ?? null })
    }
    return given(isLast ? null : lastLooked)
  }

  async #versions(wanted: readonly WantedVersions[], sees: CopySight): Promise<Copied> {
    const envelopes: Uint8Array[] = []
    let bytes = 0
    for (const { key, from, until } of wanted) {
      let next: Version | null = from
      while (next !== null && next !== until) {
        await this.#rest()
        const found: Shown | null = this.#shown(key, next, sees)
        if (found === null) break
        bytes += found.data.length
        const isFull = envelopes.length >= copyLimits.versionsMax || bytes > copyLimits.versionsBytesMax
        if (isFull && envelopes.length > 0) return given(true, envelopes)
        envelopes.push(found.data)
        next = found.parent
      }
    }
    return given(false, envelopes)
  }

  /** Null: who asks cannot have known of it. */
  #headOf(key: ContextKey, sees: CopySight): CopiedHead | null {
    const value = this.#parts.local.head(key)
    if (value === null) return null
    if (!isGone(value, this.#parts.wallMs()) && this.#isSeen(key, value.version, sees))
      return { key, version: value.version, keptFrom: value.keptFrom ?? null }
    // It was there for who asks, and is deleted now or sealed to others.
    let next = value.parent
    for (let looked = 0; next !== null && looked < lookedBackMax; looked++) {
      const record: VersionRecord | null = this.#parts.local.version(key, next)
      if (record === null) return null
      if (this.#isSeenIn(record, sees)) return { key, version: null, keptFrom: null }
      next = record.parent
    }
    return null
  }

  #isSeen(key: ContextKey, version: Version, sees: CopySight): boolean {
    const record = this.#parts.local.version(key, version)
    return record !== null && this.#isSeenIn(record, sees)
  }

  #isSeenIn(record: VersionRecord, sees: CopySight): boolean {
    const header = headerOf(record)
    return header !== null && header.kind === 'live' && sees(header)
  }

  /** A live version that may be seen. */
  #shown(key: ContextKey, version: Version, sees: CopySight): Shown | null {
    const record = this.#parts.local.version(key, version)
    if (record?.data == null || !this.#isSeenIn(record, sees)) return null
    return { data: record.data, parent: record.parent }
  }

  async #rest(): Promise<void> {
    this.#looked += 1
    if (this.#looked % atOnce === 0) await new Promise<void>(resolve => setImmediate(resolve))
  }
}

type Shown = { readonly data: Uint8Array; readonly parent: Version | null }

const given = (more: boolean, envelopes: readonly Uint8Array[]): Copied => ({
  body: encodeVersions({ more, envelopes }),
  count: envelopes.length,
})

/** Whoever is given it proves it; here it was proved when it came. */
function headerOf({ data }: VersionRecord): EnvelopeHeader | null {
  if (data === null) return null
  try {
    return decodeEnvelope(data).header
  } catch (failure) {
    if (failure instanceof SlurpError) return null
    throw failure
  }
}
