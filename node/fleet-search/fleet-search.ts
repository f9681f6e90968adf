import { SlurpError } from '../../base/errors.ts'
import type { RoleName } from '../../base/ids.ts'
import type { Hit, SearchRequest } from '../search/api.ts'
import {
  analyzersOf,
  type IndexConfiguration,
  indexUnknown,
  mainIndex,
} from '../search/engine/configuration.ts'
import { Budget } from '../search/engine/present.ts'
import { checkRequest } from '../search/engine/request.ts'
import { planQuery } from '../search/query/plan.ts'
import { Deadline } from '../store/deadline.ts'
import { defaultStoreLimits, timeoutMaxMs, wholeNumber } from '../store/limits.ts'
import type { StoreDesk } from '../store/store-desk.ts'
import type {
  Asker,
  IndexLag,
  IndexList,
  IndexStatistics,
  IndexVerdict,
  Search,
  SearchHit,
  SearchQuestion,
  SearchResult,
} from './api.ts'
import { FanOut, type FanOutParts } from './fan-out.ts'
import type { OwnIndex } from './responder.ts'

export type FleetSearchParts = FanOutParts & {
  readonly keeper: OwnIndex
  readonly desk: StoreDesk
  readonly indexes: readonly IndexConfiguration[]
  /** What is asked for to be done in the background went wrong. */
  readonly failed: (failure: unknown) => void
}

type Found = Omit<SearchResult, 'hits' | 'tookMs'> & { readonly hits: readonly Hit[] }

/** The search of a peer: alone where it has everything itself, else together with others. */
export class FleetSearch implements Search {
  readonly #parts: FleetSearchParts
  readonly #fanOut: FanOut

  constructor(parts: FleetSearchParts) {
    this.#parts = parts
    this.#fanOut = new FanOut(parts)
  }

  async search(question: SearchQuestion, asker: Asker = {}): Promise<SearchResult> {
    const { desk } = this.#parts
    const { timeoutMs, ...asked } = question
    const patienceMs = wholeNumber(timeoutMs ?? defaultStoreLimits.timeoutMs, 'timeoutMs', 1, timeoutMaxMs)
    const deadline = new Deadline(desk.parts.clock, patienceMs)
    const request: SearchRequest = { ...asked, roles: this.#rolesOf(asker) }
    checkRequest(request)
    const configuration = this.#configurationOf(request)
    const found = (await this.#alone(request)) ?? (await this.#together(request, configuration, deadline))
    const tookMs = desk.parts.clock.monotonicMs() - deadline.beganMs
    return { ...found, hits: found.hits.map(shown), tookMs }
  }

  get lag(): IndexLag {
    const { phase, feed } = this.#parts.keeper
    const { lagChanges, lagSeconds } = feed?.state() ?? noFeed
    return { phase, changes: lagChanges, seconds: lagSeconds }
  }

  readonly index: Search['index'] = {
    list: () => this.#list(),
    stats: () => this.#stats(),
    rebuild: name => this.#begin(host => host.rebuild(name)),
    optimize: name => this.#begin(host => host.optimize(name)),
    verify: name => this.#verify(name),
  }

  /** @throws SlurpError SEALED, ROLE_UNKNOWN, ROLE_DENIED. */
  #rolesOf({ roles }: Asker): RoleName[] {
    const { desk, keeper } = this.#parts
    const { heldRoles, sealedWhy } = desk.parts.keys
    // Says why there is nothing to search in.
    if (sealedWhy !== null || heldRoles.length === 0) void keeper.host
    for (const role of roles ?? []) desk.access.checkReader(role)
    const readable = (roles ?? heldRoles) as readonly RoleName[]
    if (readable.length === 0) throw new SlurpError('ROLE_DENIED', 'None of your roles may search here.')
    return [...new Set(readable)]
  }

  /** Null where others have to be asked. */
  async #alone(request: SearchRequest): Promise<Found | null> {
    const { view, responder, keeper } = this.#parts
    const isWhole = responder.absence(request.roles) === null && responder.coversAll(view().partitions.length)
    if (!isWhole) return null
    const answer = await keeper.host.search(request).catch(failure => {
      // A damaged piece is dropped, and fed again; others have its contexts.
      if (failure instanceof SlurpError && failure.code === 'INTEGRITY_FAILED') return null
      throw failure
    })
    if (answer === null || !responder.isWhole(answer.complete)) return null
    const { hits, total, facets, cursor, cut, truncated } = answer
    return { hits, total, facets, cursor, cut, truncated, coverage: 1, missing: [], peers: 1 }
  }

  /** @throws SlurpError INDEX_UNKNOWN. */
  #configurationOf({ index = mainIndex.name }: SearchRequest): IndexConfiguration {
    const configuration = this.#parts.indexes.find(({ name }) => name === index)
    if (configuration === undefined) throw indexUnknown(index)
    return configuration
  }

  async #together(
    request: SearchRequest,
    configuration: IndexConfiguration,
    deadline: Deadline,
  ): Promise<Found> {
    // What cannot be read is refused here and by nobody else, in whose name a refusal would count as an absence.
    planQuery(request.query, request.mode ?? 'any', analyzersOf(configuration))
    const { merged, hits, ...rest } = await this.#fanOut.ask(request, configuration, deadline)
    const { total, facets, cut, more, cursorAfter } = merged
    const fitting = withinBudget(hits, request)
    const isCut = fitting.length < hits.length
    const cursor = isCut || more ? cursorAfter(isCut ? fitting.length - 1 : merged.best.length - 1) : null
    const truncated = isCut || fitting.some(hit => hit.truncated === true)
    return { ...rest, hits: fitting, total, facets, cut, cursor, truncated }
  }

  async #list(): Promise<IndexList> {
    const { indexes } = await this.#parts.keeper.host.report()
    return { phase: this.#parts.keeper.phase, indexes }
  }

  async #stats(): Promise<IndexStatistics> {
    const { keeper } = this.#parts
    const { indexes, complete, damaged, work, memory } = await keeper.host.report()
    const { partitions, partitionsTotal, lagChanges, lagSeconds, unindexed } = keeper.feed?.state() ?? noFeed
    return {
      phase: keeper.phase,
      indexes,
      roles: keeper.roles,
      partitions,
      partitionsTotal,
      lagChanges,
      lagSeconds,
      unindexed,
      complete,
      damaged,
      work,
      memoryBytes: memory.heapUsed + memory.external,
    }
  }

  async #begin(work: (host: OwnIndex['host']) => Promise<void>): Promise<IndexStatistics> {
    const { host } = this.#parts.keeper
    const done = work(host)
    // What is wrong with the question is known at once; the rest is told to the log.
    const begun = host.report()
    const refused = await Promise.race([
      done.then(
        () => null,
        failure => failure,
      ),
      begun.then(() => null),
    ])
    if (refused !== null) throw refused
    done.catch(failure => this.#parts.failed(failure))
    return await this.#stats()
  }

  async #verify(name?: string): Promise<IndexVerdict> {
    const { pieces, damaged } = await this.#parts.keeper.host.verify(name)
    return { pieces, damaged }
  }
}

const noFeed = { partitions: 0, partitionsTotal: 0, lagChanges: 0, lagSeconds: 0, unindexed: 0 }

function withinBudget(hits: readonly Hit[], { maxTokens, fields = [] }: SearchRequest): Hit[] {
  if (maxTokens === undefined) return [...hits]
  const budget = new Budget(maxTokens)
  const fitting: Hit[] = []
  for (const { context = {}, ...bare } of hits) {
    const hit = budget.take(bare, context, fields, fitting.length === 0)
    if (hit === null) break
    fitting.push(hit)
  }
  return fitting
}

function shown({ key: _, writtenMs, createdMs, ...hit }: Hit): SearchHit {
  const iso = (ms: number) => new Date(ms).toISOString()
  return { ...hit, writtenAt: iso(writtenMs), createdAt: createdMs === null ? null : iso(createdMs) }
}
