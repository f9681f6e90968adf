import { type Analyzers, plainTerm } from '../analysis/analyzers.ts'
import type { Lexicon } from '../analysis/lexicon.ts'
import type { Candidate, Ranking, RankRequest, Statistics } from '../api.ts'
import { searchLimits } from '../limits.ts'
import { type Plan, planQuery } from '../query/plan.ts'
import type { FieldWeights } from '../segment/build.ts'
import { keyAt, versionAt } from '../segment/columns.ts'
import type { Segment } from '../segment/segment.ts'
import { Best, isBehind, type Match } from './best.ts'
import type { Bm25 } from './bm25.ts'
import { type Cursor, positionOf, readCursor, writeCursor } from './cursor.ts'
import { FacetCounts } from './facets.ts'
import { passing } from './filter.ts'
import { lookUp, type Resolved, resolveTerms } from './lookup.ts'
import { found, matching, noteFrequencies, offerOne, type Part, score } from './score.ts'
import type { Shelf } from './shelf.ts'
import { type View, visibleIn } from './view.ts'

/** How an index is asked. */
export type Weighing = {
  readonly weights: FieldWeights
  readonly bm25: Bm25
  readonly analyzers: Analyzers
}

export type Ranked = {
  readonly candidates: readonly Candidate[]
  readonly ranking: Omit<Ranking, 'candidates' | 'complete'>
  /** The words that the terms of the plan stand for. */
  readonly resolved: readonly Resolved[]
  /** For the page that begins behind candidate `index`. */
  readonly cursorAfter: (index: number) => string
}

/** Where is searched: shelves of the asker's roles, nothing else, and the words that they share. */
export type Searched = { readonly lexicon: Lexicon; readonly shelves: readonly Shelf[] }

/** The words that the terms of a plan stand for, of those that occur where is searched. */
export function resolveAll({ lexicon, shelves }: Searched, plan: Plan): Resolved[] {
  const seen = (id: number) => shelves.some(({ words }) => words.has(id))
  return resolveTerms(lexicon, seen, plan.terms)
}

/**
 * The best documents of some shelves. The weights are those of one index of all that the asker may see.
 *
 * @param newestMs - time of the newest version that is on these shelves: what the pages of an answer hold on to.
 * @param weighedAgain - the candidates say how often each term occurs in them.
 * @throws SlurpError QUERY_INVALID, CURSOR_INVALID.
 * Cost: about 10 ns for each document of each word.
 */
export function rank(
  searched: Searched,
  request: RankRequest,
  { weights, bm25, analyzers }: Weighing,
  newestMs: number,
  weighedAgain: boolean,
): Ranked {
  const plan = planQuery(request.query, request.mode ?? 'any', analyzers)
  const cursor = request.cursor === undefined ? null : readCursor(request.cursor, request, plan.terms.length)
  const view: View = {
    asOfMs: cursor?.asOfMs ?? request.asOfMs ?? null,
    partitions: request.partitions === undefined ? null : new Set(request.partitions),
  }
  const limit = request.candidates ?? request.limit ?? searchLimits.limitDefault
  const resolved = resolveAll(searched, plan)
  const parts = lookUpAll(searched.shelves, resolved, view, weights)
  const statistics = cursor?.statistics ?? statisticsOf(parts, plan)
  const facets = new FacetCounts(request.facets ?? [], new Set(request.roles))
  const best = new Best(limit + 1)
  const total = collect(parts, plan, { request, statistics, bm25, cursor, best, facets })
  const matches = best.sorted()
  const more = matches.length > limit
  if (more) matches.pop()
  const candidates = candidatesOf(matches, weighedAgain ? parts : [], plan)
  const asOfMs = view.asOfMs ?? newestMs
  const cursorAfter = (index: number) => writeCursor({ ...candidates[index]!, asOfMs, statistics }, request)
  return {
    candidates,
    ranking: {
      total,
      facets: facets.facets(),
      statistics,
      asOfMs,
      boosts: plan.terms.map(({ boost }) => boost),
      cursor: more ? cursorAfter(candidates.length - 1) : null,
      cut: cutOf(resolved),
    },
    resolved,
    cursorAfter,
  }
}

function lookUpAll(
  shelves: readonly Shelf[],
  resolved: readonly Resolved[],
  view: View,
  weights: FieldWeights,
): Part[] {
  const parts: Part[] = []
  found.length = 0
  for (const shelf of shelves) {
    for (const segment of shelf.segments) {
      const visible = visibleIn(segment, view)
      if (visible.documents === 0) continue
      const bounds = [found.length]
      for (const term of resolved) {
        lookUp(segment, term, visible.mask, weights, found)
        bounds.push(found.length)
      }
      parts.push({ shelf, segment, visible, bounds })
    }
  }
  return parts
}

const cutOf = (resolved: readonly Resolved[]): string[] => [
  ...new Set(
    resolved
      .filter(({ cut }) => cut)
      .map(({ term: { what } }) => (what.kind === 'pattern' ? plainTerm(what.parts.join('*')) : '~')),
  ),
]

function statisticsOf(parts: readonly Part[], plan: Plan): Statistics {
  let documents = 0
  let lengthSum = 0
  const frequencies = plan.terms.map(() => 0)
  for (const { visible, bounds } of parts) {
    documents += visible.documents
    lengthSum += visible.length
    for (let term = 0; term < frequencies.length; term++)
      frequencies[term]! += bounds[term + 1]! - bounds[term]!
  }
  return { documents, lengthSum, frequencies }
}

type Collecting = {
  readonly request: RankRequest
  readonly statistics: Statistics
  readonly bm25: Bm25
  readonly cursor: Cursor | null
  readonly best: Best
  readonly facets: FacetCounts
}

/** @returns how many documents match. */
function collect(parts: readonly Part[], plan: Plan, collecting: Collecting): number {
  const { request, statistics, bm25, facets, best } = collecting
  let total = 0
  if (isOfOneTerm(plan, collecting)) {
    for (const part of parts) total += offerOne(part, plan, statistics, bm25, best)
    return total
  }
  let shelf: Shelf | null = null
  for (const part of parts) {
    if (part.shelf !== shelf) {
      facets.end()
      facets.begin(part.shelf)
      shelf = part.shelf
    }
    score(part, plan, statistics, bm25)
    const passes = passing(part.shelf, part.segment, request.filters ?? {})
    if (passes !== null) keepPassing(passes)
    total += matching.count
    if ((request.facets ?? []).length > 0) {
      for (let i = 0; i < matching.count; i++) facets.count(part.segment, matching.places[i]!)
    }
    offerMatching(part, collecting)
  }
  facets.end()
  return total
}

/** Nothing but the best of all that have one term is asked for. */
function isOfOneTerm({ any, terms }: Plan, { request, cursor }: Collecting): boolean {
  const { filters = {}, facets = [], sort = 'relevance' } = request
  const isPlain = Object.keys(filters).length === 0 && facets.length === 0 && sort === 'relevance'
  return any && terms.length === 1 && isPlain && cursor === null
}

function keepPassing(passes: Uint8Array): void {
  const { places, count } = matching
  let kept = 0
  for (let i = 0; i < count; i++) {
    const place = places[i]!
    places[kept] = place
    kept += passes[place]!
  }
  matching.count = kept
}

function offerMatching({ shelf, segment }: Part, { request, cursor, best }: Collecting): void {
  const { places, scores, count } = matching
  const sort = request.sort ?? 'relevance'
  const position = cursor === null ? null : positionOf(cursor)
  let { threshold } = best
  for (let i = 0; i < count; i++) {
    const place = places[i]!
    const value = sort === 'relevance' ? scores[place]! : sortValue(sort, segment, place)
    if (value < threshold) continue
    const match = { value, shelf, segment, place }
    if (position !== null && !isBehind(match, position)) continue
    best.offer(match)
    threshold = best.threshold
  }
}

function sortValue(sort: 'time' | 'confidence', segment: Segment, place: number): number {
  const { createdMs, writtenMs, confidence } = segment.columns
  if (sort === 'time') return Number.isNaN(createdMs[place]!) ? writtenMs[place]! : createdMs[place]!
  return Number.isNaN(confidence[place]!) ? -1 : confidence[place]!
}

/** @param parts - of those that are to say how often each term occurs. */
function candidatesOf(matches: readonly Match[], parts: readonly Part[], plan: Plan): Candidate[] {
  const frequencies = matches.map(() => plan.terms.map(() => 0))
  for (const part of parts) {
    const wanted = new Map<number, number>()
    for (const [index, match] of matches.entries()) {
      if (match.segment === part.segment) wanted.set(match.place, index)
    }
    if (wanted.size > 0) noteFrequencies(part, wanted, frequencies)
  }
  return matches.map(({ value, shelf, segment, place }, index) => ({
    key: keyAt(segment.columns, place),
    version: versionAt(segment.columns, place),
    value,
    length: segment.columns.lengths[place]!,
    termFrequencies: frequencies[index]!,
    place: { shelf: shelf.id, record: segment.columns.records[place]! },
  }))
}
