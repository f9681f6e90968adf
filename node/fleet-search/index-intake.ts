import type { ContextKey, Version } from '../../base/ids.ts'
import { controlPartition, partitionOf } from '../../dht/keyspace.ts'
import type { Change, IndexDocument, Stock } from '../search/api.ts'
import type { SearchHost } from '../search/search-host.ts'
import { pauseFor } from '../store/pause.ts'
import type { StoreDesk } from '../store/store-desk.ts'
import { type IndexSight, indexDocumentOf } from './index-document.ts'
import { keptVersionsOf } from './kept-versions.ts'
import type { LocalContexts } from './ports.ts'

export type IntakeParts = {
  readonly index: Pick<SearchHost, 'reconcile' | 'apply'>
  readonly local: LocalContexts
  readonly desk: StoreDesk
  readonly sees?: IndexSight | undefined
  /** When the last version of a key expires; 0 for never. */
  readonly noteExpiry: (key: ContextKey, expiresAtMs: number) => void
  readonly isClosed: () => boolean
}

/** Keys whose versions the index is compared with at once, and where they are all of a range, which. */
type Batch = { readonly keys: readonly ContextKey[]; readonly range: Stock['range'] }

/** A version that the index lacks, and under which one the disk has it. */
type Missing = { readonly key: ContextKey; readonly onDisk: Version }

const keysAtOnce = 64
/** Versions are opened for so long in one go; in between whatever else waits has its turn. */
const sliceMs = 4
/** Characters of texts that are in memory on their way to the index. */
const charsAtOnce = 1024 * 1024

/**
 * Sees to it that an index has of some keys what the disk has. While versions are opened here, the index takes in
 * those before them, and is asked what it lacks of the keys that come next.
 */
export class IndexIntake {
  readonly #parts: IntakeParts
  #sliceEndsMs = 0
  /** What the index is taking in. */
  #applying: Promise<void> = Promise.resolve()
  /** Versions that could be opened, and are none that is indexed. */
  unindexed = 0

  constructor(parts: IntakeParts) {
    this.#parts = parts
  }

  /** @param keys - none of them twice: what is asked of one must not hang on what is on its way of another. */
  async takeKeys(keys: readonly ContextKey[]): Promise<void> {
    const batches: Batch[] = []
    for (let at = 0; at < keys.length; at += keysAtOnce)
      batches.push({ keys: keys.slice(at, at + keysAtOnce), range: null })
    await this.#take(batches)
  }

  /** @param keys - all that the disk has within the range. */
  takeRange(keys: readonly ContextKey[], range: NonNullable<Stock['range']>): Promise<void> {
    return this.#take([{ keys, range }])
  }

  async #take(batches: readonly Batch[]): Promise<void> {
    let asked = this.#ask(batches[0])
    for (let at = 0; at < batches.length && !this.#parts.isClosed(); at++) {
      const missing = await asked
      asked = this.#ask(batches[at + 1])
      await this.#openAll(missing)
    }
    await this.#applying
  }

  /** What fails is told to who waits for it, or to nobody: then it was closed, or something else failed before. */
  #ask(batch: Batch | undefined): Promise<Missing[]> {
    const asked = batch === undefined ? Promise.resolve([]) : this.#missing(batch)
    asked.catch(() => undefined)
    return asked
  }

  async #missing(batch: Batch): Promise<Missing[]> {
    const { index, local, desk, noteExpiry } = this.#parts
    const reseals = new Map<string, Version>()
    const held = batch.keys.map(key => {
      const kept = keptVersionsOf(local, key, desk.wallMs)
      noteExpiry(key, kept.expiresAtMs)
      for (const [version, reseal] of kept.reseals) reseals.set(key + version, reseal)
      return { key, versions: kept.versions }
    })
    const missing = await index.reconcile({ held, range: batch.range })
    return missing.map(({ key, version }) => ({ key, onDisk: reseals.get(key + version) ?? version }))
  }

  async #openAll(missing: readonly Missing[]): Promise<void> {
    let puts: Change[] = []
    let chars = 0
    for (const { key, onDisk } of missing) {
      await this.#restWhenDue()
      if (this.#parts.isClosed()) return
      const document = await this.#open(key, onDisk)
      if (document === null) continue
      puts.push({ kind: 'put', document })
      chars += document.content.length
      if (chars < charsAtOnce) continue
      await this.#apply(puts)
      puts = []
      chars = 0
    }
    if (puts.length > 0 && !this.#parts.isClosed()) await this.#apply(puts)
  }

  /** Resolves when what was handed in before is taken in: one more is on its way, and no third. */
  async #apply(puts: readonly Change[]): Promise<void> {
    await this.#applying
    this.#applying = this.#parts.index.apply(puts, null)
    this.#applying.catch(() => undefined)
  }

  async #open(key: ContextKey, version: Version): Promise<IndexDocument | null> {
    const { local, desk, sees } = this.#parts
    const partition = partitionOf(key, local.partitionsTotal())
    const record = partition === controlPartition ? null : local.version(key, version)
    if (record === null) return null
    const document = await indexDocumentOf(desk, partition, key, record, sees)
    if (typeof document !== 'string') return document
    if (document !== 'closed') this.unindexed += 1
    return null
  }

  async #restWhenDue(): Promise<void> {
    const { clock } = this.#parts.desk.parts
    if (clock.monotonicMs() < this.#sliceEndsMs) return
    await pauseFor(clock, 0)
    this.#sliceEndsMs = clock.monotonicMs() + sliceMs
  }
}
