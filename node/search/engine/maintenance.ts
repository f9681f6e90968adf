import { Lexicon } from '../analysis/lexicon.ts'
import { damaged } from '../disk/piece-sealer.ts'
import type { PieceStore } from '../disk/piece-store.ts'
import { compareVersion, Shelf } from '../rank/shelf.ts'
import { keyBytes, versionBytes } from '../segment/columns.ts'
import { Calm } from './calm.ts'
import type { Catalog } from './catalog.ts'
import { fingerprintOf } from './configuration.ts'
import type { KeptShelf } from './kept-shelf.ts'
import { isDamage, type Library } from './library.ts'
import { fanIn, hasEnded, nextCalmMerge, nextMerge } from './merges.ts'
import { inSlices, rest } from './slices.ts'

/** Segments of one shelf in memory only, before whoever hands in more waits until some were made into one. */
const unmergedMax = 8 * fanIn
/** Documents in memory only, before they are stored. */
const unstoredMax = 4096
/** Entries of the log, before all is stored and it begins anew. */
const loggedMax = 4096
const recordsAtOnce = 16

export type Work = {
  readonly kind: 'optimize' | 'rebuild' | 'verify'
  readonly done: number
  readonly of: number
}

export type IndexReport = {
  readonly name: string
  /** False while it is being made of the others, and answers nothing. */
  readonly ready: boolean
  readonly shelves: readonly {
    readonly roles: readonly string[]
    readonly documents: number
    /** Versions that were written over and are kept. */
    readonly ended: number
    readonly segments: number
    readonly words: number
    readonly memoryBytes: number
  }[]
}

/** What is done in the background, one thing at a time: storing, merging, optimizing, making anew, looking for damage. */
export class Maintenance {
  readonly #store: PieceStore
  readonly #library: Library
  #tail: Promise<unknown> = Promise.resolve()
  #looking = false
  #closing = false
  #failure: unknown = null
  readonly #calm = new Calm(() => this.#tidy())
  /** Somebody waits until there is nothing left to do. */
  #isWaitedFor = false
  #rebuilding: Promise<void> = Promise.resolve()
  work: Work | null = null

  constructor(store: PieceStore, library: Library) {
    this.#store = store
    this.#library = library
  }

  /** A write failed: what is in memory is not on disk, and nothing more is promised. */
  noteFailure(failure: unknown): void {
    this.#failure ??= failure
  }

  /** Does what has to be done by now, soon. */
  lookAround(): void {
    if (this.#failure !== null) throw this.#failure
    if (this.#looking || this.#closing) return
    this.#looking = true
    void this.#inTurn(async () => {
      this.#looking = false
      for (const { catalog, kept } of this.#library.all) await this.#tend(catalog, kept)
    }).catch(failure => this.noteFailure(failure))
  }

  /**
   * Waits where documents come faster than small segments are made into larger ones: what is asked of a key, and what
   * merges cost, grows with how many there are. While an index is optimized, made anew or looked through nobody waits.
   */
  async keepUp(): Promise<void> {
    const isBehind = () => this.#library.all.some(({ kept }) => kept.unstored.length > unmergedMax)
    if (this.work !== null || !isBehind()) return
    this.lookAround()
    await this.#tail
  }

  /**
   * Makes anew what was made for keys that were replaced since. After a rotation all that is searched is sealed anew as well:
   * the index lets that go first, as it answers all the same.
   */
  rebuildStale(): void {
    const stale = this.#library.all.filter(({ catalog, kept }) => this.#library.isStale(catalog, kept))
    if (stale.length === 0) return
    const rebuilt = this.#calm
      .come(() => this.#isWaitedFor || this.#closing)
      .then(async () => {
        for (const { catalog, kept } of stale) await this.#inTurn(() => this.#rebuild(catalog, kept))
      })
    this.#rebuilding = rebuilt.catch(failure => this.noteFailure(failure))
  }

  /** Something was handed in, or asked for by whoever hands in. */
  noteChange(): void {
    this.#calm.noteChange()
  }

  /** Makes few segments of many: what comes in meanwhile goes first. */
  #tidy(): void {
    const isOver = () => this.#closing || (!this.#calm.isCalm && !this.#isWaitedFor)
    const tidied = this.#library.all.map(({ catalog, kept }) =>
      this.#inTurn(async () => {
        if (!isOver() && catalog.kept.includes(kept)) await this.#mergeAll(kept, nextCalmMerge)
      }),
    )
    for (const each of tidied) each.catch(failure => this.noteFailure(failure))
  }

  /** Makes the indexes that are new of what another one has, set of roles by set of roles. */
  fillNew(): void {
    for (const catalog of this.#library.catalogs) {
      if (catalog.filling) void this.#fillNew(catalog).catch(failure => this.noteFailure(failure))
    }
  }

  async optimize(catalog: Catalog): Promise<void> {
    await this.#inTurn(async () => {
      const all = catalog.shown
      for (const [done, kept] of all.entries()) {
        this.work = { kind: 'optimize', done, of: all.length }
        await kept.flush(fingerprintOf(catalog.configuration))
        if (kept.shelf.segments.length > 1 || kept.shelf.segments.some(hasEnded)) {
          await kept.rewrite(
            kept.shelf.segments.filter(({ stored }) => stored !== null),
            true,
          )
        }
        await this.#library.noteGeneration(kept)
        await kept.disk.compact()
      }
    })
  }

  async rebuild(catalog: Catalog): Promise<void> {
    for (const kept of catalog.shown) await this.#inTurn(() => this.#rebuild(catalog, kept))
  }

  async verify(catalog: Catalog): Promise<{ pieces: number; damaged: number }> {
    return this.#inTurn(async () => {
      const all = catalog.shown
      let [pieces, damaged] = [0, 0]
      for (const [done, kept] of all.entries()) {
        this.work = { kind: 'verify', done, of: all.length }
        try {
          pieces += await this.#openAll(kept)
        } catch (thrown) {
          if (!isDamage(thrown)) throw thrown
          damaged++
          await this.#library.drop(catalog, kept)
        }
      }
      return { pieces, damaged }
    })
  }

  /** Something of a shelf was found damaged. */
  drop(catalog: Catalog, kept: KeptShelf): void {
    void this.#inTurn(async () => {
      if (catalog.kept.includes(kept)) await this.#library.drop(catalog, kept)
    }).catch(failure => this.noteFailure(failure))
  }

  reports(): IndexReport[] {
    return this.#library.catalogs.map(({ configuration, shown, filling }) => ({
      name: configuration.name,
      ready: !filling,
      shelves: shown.map(({ shelf }) => ({
        roles: shelf.roles,
        documents: shelf.documents,
        ended: shelf.segments.reduce(
          (sum, one) => sum + one.documents - one.currentCount - one.removedCount,
          0,
        ),
        segments: shelf.segments.length,
        words: shelf.words.size,
        memoryBytes: shelf.segments.reduce((sum, { bytes }) => sum + bytes, 0),
      })),
    }))
  }

  async settled(): Promise<void> {
    this.#isWaitedFor = true
    if (!this.#closing) this.#tidy()
    await this.#rebuilding
    let tail: unknown
    do {
      tail = this.#tail
      await this.#tail
    } while (tail !== this.#tail)
  }

  async close(storing: boolean): Promise<void> {
    this.#closing = true
    this.#calm.end()
    await this.settled()
    if (!storing) return
    for (const { catalog, kept } of this.#library.all) {
      if (kept.logged > 0) await kept.flush(fingerprintOf(catalog.configuration))
      await this.#library.noteGeneration(kept)
    }
  }

  /** Merges and stores what has become too many small pieces. */
  async #tend(catalog: Catalog, kept: KeptShelf): Promise<void> {
    const documents = kept.unstored.reduce((sum, one) => sum + one.documents, 0)
    if (documents >= unstoredMax || kept.logged >= loggedMax) {
      await kept.flush(fingerprintOf(catalog.configuration))
      await this.#library.noteGeneration(kept)
    }
    await this.#mergeAll(kept, nextMerge)
  }

  async #mergeUnstored(kept: KeptShelf, next: typeof nextMerge): Promise<void> {
    for (let group = next(kept.unstored); group !== null; group = next(kept.unstored)) {
      await kept.rewrite(group, false)
    }
  }

  async #mergeAll(kept: KeptShelf, next: typeof nextMerge): Promise<void> {
    await this.#mergeUnstored(kept, next)
    const stored = () => kept.shelf.segments.filter(one => one.stored !== null)
    for (let group = next(stored()); group !== null; group = next(stored())) {
      await kept.rewrite(group, true)
      await this.#library.noteGeneration(kept)
    }
  }

  async #fillNew(catalog: Catalog): Promise<void> {
    const { source } = this.#library
    for (const { shelf } of source.shown) {
      const isWhole = await this.#inTurn(async () => {
        // It may have been made anew since, and is another one then.
        const from = source.shelfFor(shelf.roles)
        return from === null || (await this.#takeOver(source, from, catalog))
      })
      if (!isWhole) return
    }
    await this.#inTurn(() => this.#library.noteFilled(catalog))
  }

  /** @returns false when it was ended, as everything is. */
  async #takeOver(source: Catalog, from: KeptShelf, catalog: Catalog): Promise<boolean> {
    const to = await this.#library.ensureShelf(catalog, from.shelf.roles)
    try {
      if (!(await this.#copyAll(catalog, from, to))) return false
    } catch (thrown) {
      if (!isDamage(thrown)) throw thrown
      // All is fed again, and this one with it.
      await this.#library.drop(source, from)
      return true
    }
    await to.flush(fingerprintOf(catalog.configuration))
    await this.#library.noteGeneration(to)
    return true
  }

  async #rebuild(catalog: Catalog, old: KeptShelf): Promise<void> {
    if (!catalog.kept.includes(old)) return
    const fresh = await this.#library.newShelf(catalog, old.shelf.roles)
    fresh.hidden = true
    await fresh.disk.create()
    catalog.kept.push(fresh)
    try {
      if (await this.#copyAll(catalog, old, fresh)) await this.#takeItsPlace(catalog, old, fresh)
      else await this.#library.discard(catalog, fresh)
    } catch (thrown) {
      await this.#library.discard(catalog, fresh)
      if (!isDamage(thrown)) throw thrown
      await this.#library.drop(catalog, old)
    }
  }

  async #takeItsPlace(catalog: Catalog, old: KeptShelf, fresh: KeptShelf): Promise<void> {
    await fresh.flush(fingerprintOf(catalog.configuration))
    fresh.checkpoint = old.checkpoint
    await fresh.commit({ checkpoint: old.checkpoint })
    await this.#library.swap(catalog, old, fresh)
  }

  /** Copies all documents of one shelf into another one of `catalog`. @returns false when it was ended before. */
  async #copyAll(catalog: Catalog, from: KeptShelf, to: KeptShelf): Promise<boolean> {
    const records = from.shelf.segments.flatMap(segment =>
      Array.from({ length: segment.documents }, (_, at) => ({
        record: segment.columns.records[at]!,
        key: segment.columns.keys.slice(at * keyBytes, (at + 1) * keyBytes),
        version: segment.columns.versions.slice(at * versionBytes, (at + 1) * versionBytes),
      })),
    )
    records.sort((a, b) => a.record - b.record)
    for (const [done, { record, key, version }] of records.entries()) {
      if (this.#closing) return false
      if (done % recordsAtOnce === 0) {
        this.work = { kind: 'rebuild', done, of: records.length }
        await rest()
      }
      // As it stands at this moment: it may have ended or gone since the list was made.
      const place = from.shelf.placesOf(key).find(one => compareVersion(one, version) === 0)
      if (place === undefined) continue
      const document = from.disk.record(record)
      if (document === null) throw damaged()
      const untilMs = place.segment.until[place.at]!
      if (untilMs !== Number.POSITIVE_INFINITY && catalog.configuration.history === false) continue
      await this.#store.write(catalog.copy(document, untilMs, to))
      await this.#mergeUnstored(to, nextMerge)
    }
    return true
  }

  async #openAll(kept: KeptShelf): Promise<number> {
    let pieces = 0
    for (const stored of kept.disk.manifest.segments) {
      // Its words and values get numbers of their own, which nobody needs.
      const spare = new Shelf('', [], new Lexicon())
      await inSlices(kept.disk.readSegment(stored, spare.words, spare.tables))
      pieces += stored.chunks
    }
    for (const segment of kept.shelf.segments) {
      for (let at = 0; at < segment.documents; at++) {
        if (segment.until[at] === 0) continue
        if (kept.disk.record(segment.columns.records[at]!) === null) throw damaged()
        pieces++
        if (pieces % recordsAtOnce === 0) await rest()
      }
    }
    return pieces
  }

  #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const done = this.#tail.then(work).finally(() => {
      this.work = null
    })
    this.#tail = done.catch(() => undefined)
    return done
  }
}
