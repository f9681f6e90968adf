import { performance } from 'node:perf_hooks'
import { SlurpError } from '../../../base/errors.ts'
import type { RoleName } from '../../../base/ids.ts'
import type {
  Candidate,
  Change,
  Checkpoint,
  Hit,
  Ranking,
  RankRequest,
  SearchAnswer,
  SearchRequest,
  Stock,
} from '../api.ts'
import { MarkFile } from '../disk/mark.ts'
import { PieceStore } from '../disk/piece-store.ts'
import { searchLimits } from '../limits.ts'
import { planQuery } from '../query/plan.ts'
import { type Ranked, rank, resolveAll, type Searched } from '../rank/rank.ts'
import type { Catalog } from './catalog.ts'
import { analyzersOf, bm25Of, indexUnknown, weightsOf } from './configuration.ts'
import { Highlighter } from './highlight.ts'
import { isDamage, Library, type LibraryOptions } from './library.ts'
import { type IndexReport, Maintenance, type Work } from './maintenance.ts'
import { newestIn } from './newest.ts'
import { Budget, present } from './present.ts'
import { type Difference, differenceOf } from './reconcile.ts'
import { checkRequest } from './request.ts'
import { rest } from './slices.ts'

export type EngineOptions = Omit<LibraryOptions, 'store' | 'mark'> & {
  /** Folder of the database; the mark lies beside it, under its name and `.mark`. */
  readonly dir: string
}

/** The search of one process, in the thread that calls it: in production a worker. */
export class SearchEngine {
  readonly #store: PieceStore
  readonly #library: Library
  readonly #maintenance: Maintenance
  #applying: Promise<unknown> = Promise.resolve()
  #applied: Checkpoint | null

  private constructor(store: PieceStore, library: Library) {
    this.#store = store
    this.#library = library
    this.#applied = library.checkpoint
    this.#maintenance = new Maintenance(store, library)
  }

  static async open(options: EngineOptions): Promise<SearchEngine> {
    const store = await PieceStore.open(options.dir)
    const mark = new MarkFile(`${options.dir}.mark`, options.bindingSecret)
    const library = await Library.open({ ...options, store, mark })
    const engine = new SearchEngine(store, library)
    engine.#maintenance.rebuildStale()
    engine.#maintenance.fillNew()
    return engine
  }

  /** Where the feed goes on: everything up to there is in the index. Null: at the beginning. */
  get checkpoint(): Checkpoint | null {
    return this.#library.checkpoint
  }

  /**
   * Does changes in their order, and notes the checkpoint with them: after a crash either is there or what comes before
   * it. When it resolves they are found; a power cut may undo the last of them, together with their checkpoint.
   *
   * @param checkpoint - null when the step of the feed goes on with the next call.
   * @throws SlurpError TOO_MANY past the cap of shelves, ROLE_UNKNOWN.
   */
  apply(changes: readonly Change[], checkpoint: Checkpoint | null): Promise<void> {
    const applied = this.#applying.then(() => this.#apply(changes, checkpoint))
    this.#applying = applied.catch(() => undefined)
    return applied
  }

  /**
   * Takes out what a store does not have any more. @returns what it has and the index lacks, to be handed in with `apply`;
   * of keys that nobody here can open that is everything, every time.
   */
  reconcile(stock: Stock): Promise<Difference['missing']> {
    this.#maintenance.noteChange()
    const reconciled = this.#applying.then(async () => {
      const { changes, missing } = differenceOf(this.#library.catalogs, stock)
      if (changes.length > 0) await this.#apply(changes, null)
      return missing
    })
    this.#applying = reconciled.catch(() => undefined)
    return reconciled
  }

  /** The feed has handed in everything there is: from now on answers are complete. */
  async noteComplete(): Promise<void> {
    await this.#applying
    await this.#library.noteComplete(this.#applied)
  }

  /** The feed begins anew: until it is through, answers may lack documents, also after a restart. */
  noteIncomplete(): Promise<void> {
    return this.#library.noteIncomplete()
  }

  /** Candidates and what they are weighed with, for a fan-out. @throws SlurpError as {@link search}. */
  rank(request: RankRequest): Ranking {
    const { catalog, ranked } = this.#rank(request, true)
    return { ...ranked.ranking, candidates: ranked.candidates, complete: this.#isComplete(catalog) }
  }

  /**
   * Answers a question.
   *
   * @throws SlurpError USAGE, QUERY_INVALID, CURSOR_INVALID, INDEX_UNKNOWN; INTEGRITY_FAILED when a record was changed on
   * the disk: then that part of the index is dropped and must be fed again.
   */
  search(request: SearchRequest): SearchAnswer {
    const startedMs = performance.now()
    const { catalog, ranked } = this.#rank(request, false)
    const { hits, left } = this.#present(catalog, ranked, request)
    const { ranking } = ranked
    return {
      hits,
      total: ranking.total,
      facets: ranking.facets,
      statistics: ranking.statistics,
      cursor: left > 0 ? ranked.cursorAfter(hits.length - 1) : ranking.cursor,
      cut: ranking.cut,
      complete: this.#isComplete(catalog),
      truncated: left > 0 || hits.some(({ truncated }) => truncated === true),
      tookMs: performance.now() - startedMs,
    }
  }

  /** Hits for candidates of this process that a fan-out has chosen; those that are gone since are left out. */
  present(candidates: readonly Candidate[], request: SearchRequest): Hit[] {
    const { catalog, searched } = this.#searched(request)
    const plan = planQuery(request.query, request.mode ?? 'any', analyzersOf(catalog.configuration))
    const resolved = resolveAll(searched, plan)
    return this.#present(catalog, { candidates, resolved }, request).hits
  }

  optimize(index?: string): Promise<void> {
    return this.#maintenance.optimize(this.#catalogNamed(index))
  }

  /** Makes all shelves of an index anew from their records, while the old ones answer. */
  rebuild(index?: string): Promise<void> {
    return this.#maintenance.rebuild(this.#catalogNamed(index))
  }

  /** Opens every piece. What is damaged is dropped. @returns how many shelves were. */
  verify(index?: string): Promise<{ pieces: number; damaged: number }> {
    return this.#maintenance.verify(this.#catalogNamed(index))
  }

  /** What is in the indexes, for whoever runs the process; `work`: what goes on in the background. */
  report(): { indexes: IndexReport[]; work: Work | null; complete: boolean; damaged: number } {
    return {
      indexes: this.#maintenance.reports(),
      work: this.#maintenance.work,
      complete: this.#library.complete,
      damaged: this.#library.losses.damaged,
    }
  }

  /** Waits until there is nothing to do in the background. */
  settled(): Promise<void> {
    return this.#maintenance.settled()
  }

  /** @param storing - false: what is in the log only stays there, and is read again at the next start. */
  async close(storing = true): Promise<void> {
    await this.#applying
    await this.#maintenance.close(storing)
    await this.#store.close()
  }

  async #apply(changes: readonly Change[], checkpoint: Checkpoint | null): Promise<void> {
    if (changes.length > 0) this.#maintenance.noteChange()
    const { catalogs } = this.#library
    const batch = searchLimits.documentsPerStep
    for (let at = 0; at < changes.length; at += batch) {
      const some = changes.slice(at, at + batch)
      for (const catalog of catalogs) {
        for (const change of some) {
          if (change.kind === 'put') await this.#library.ensureShelf(catalog, change.document.roles)
        }
        const pieces = catalog.carryOut(some)
        // Not awaited one by one: the store writes them in this order.
        void this.#store.write(pieces).catch(failure => this.#maintenance.noteFailure(failure))
      }
      await rest()
      await this.#maintenance.keepUp()
    }
    if (checkpoint !== null) await this.#note(checkpoint)
    this.#maintenance.lookAround()
  }

  async #note(checkpoint: Checkpoint): Promise<void> {
    this.#applied = checkpoint
    const noted = this.#library.all.map(({ kept }) => {
      kept.checkpoint = checkpoint
      return kept.disk.logged({ ops: [], checkpoint })
    })
    await this.#store.write(noted)
  }

  #rank(request: RankRequest, weighedAgain: boolean): { catalog: Catalog; ranked: Ranked } {
    const { catalog, searched } = this.#searched(request)
    const { configuration } = catalog
    const weighing = {
      weights: weightsOf(configuration),
      bm25: bm25Of(configuration),
      analyzers: analyzersOf(configuration),
    }
    return { catalog, ranked: rank(searched, request, weighing, newestIn(searched.shelves), weighedAgain) }
  }

  #searched(request: RankRequest): { catalog: Catalog; searched: Searched } {
    checkRequest(request)
    const catalog = this.#catalogNamed(request.index)
    const foreign = request.roles.find(role => !this.#library.holds(role as RoleName))
    if (foreign !== undefined) {
      throw new SlurpError(
        'INDEX_UNKNOWN',
        'This process has no index for one of these roles: it does not hold its key.',
        {
          hint: 'Ask a peer that holds the role; `slurp status` shows who holds which.',
        },
      )
    }
    const { configuration } = catalog
    if (request.asOfMs !== undefined && configuration.history === false)
      throw new SlurpError('USAGE', `The index ${configuration.name} keeps no past.`, {
        hint: 'Ask the index main for what held at a time.',
      })
    const shelves = catalog.shown
      .map(({ shelf }) => shelf)
      .filter(({ roles }) => roles.some(role => request.roles.includes(role)))
    return { catalog, searched: { lexicon: this.#library.lexicon, shelves } }
  }

  #present(
    catalog: Catalog,
    ranked: Pick<Ranked, 'candidates' | 'resolved'>,
    request: SearchRequest,
  ): { hits: Hit[]; left: number } {
    const budget = new Budget(request.maxTokens)
    const hits: Hit[] = []
    const analyzers = analyzersOf(catalog.configuration)
    const highlighter =
      request.highlights === false ? null : new Highlighter(this.#library.lexicon, ranked.resolved, analyzers)
    for (const candidate of ranked.candidates) {
      const kept = catalog.shown.find(({ shelf }) => shelf.id === candidate.place.shelf)
      if (kept === undefined) continue
      try {
        const document = kept.disk.shownRecord(candidate.place.record)
        if (document === null)
          throw new SlurpError('INTEGRITY_FAILED', 'A record of the search index is missing.')
        const bare = present(document, candidate, kept.shelf, highlighter, request)
        const hit = budget.take(bare, document, request.fields ?? [], hits.length === 0)
        if (hit === null) return { hits, left: ranked.candidates.length - hits.length }
        hits.push(hit)
      } catch (thrown) {
        if (isDamage(thrown)) this.#maintenance.drop(catalog, kept)
        throw thrown
      }
    }
    return { hits, left: 0 }
  }

  #isComplete(catalog: Catalog): boolean {
    return this.#library.complete && !catalog.filling
  }

  #catalogNamed(name = 'main'): Catalog {
    const catalog = this.#library.catalogs.find(({ configuration }) => configuration.name === name)
    if (catalog === undefined) throw indexUnknown(name)
    return catalog
  }
}
