import { type Analyzers, plainTerm } from '../analysis/analyzers.ts'
import type { Candidate, Ranking, RankRequest, Sort, Statistics } from '../api.ts'
import { searchLimits } from '../limits.ts'
import { type Plan, planQuery } from '../query/plan.ts'
import type { FieldWeights } from '../segment/build.ts'
import { keyAt, versionAt } from '../segment/columns.ts'
import type { Segment } from '../segment/segment.ts'
import { Best, isBehind, type Match } from './best.ts'
import { type Bm25, lengthNorm, rarity } from './bm25.ts'
import { type Cursor, positionOf, readCursor, writeCursor } from './cursor.ts'
import { FacetCounts } from './facets.ts'
import { passing } from './filter.ts'
import { Found } from './found.ts'
import { lookUp, type Resolved, resolveTerm } from './lookup.ts'
import type { Shelf } from './shelf.ts'
import { type View, type Visible, visibleIn } from './view.ts'

/** How an index is asked. */
export type Weighing = {
  readonly weights: FieldWeights
  readonly bm25: Bm25
  readonly analyzers: Analyzers
}

/** One segment within a query: what is visible of it and where its documents lie in `found`, term by term. */
type Part = {
  readonly shelf: Shelf
  readonly segment: Segment
  readonly visible: Visible
  /** For term `t` from `bounds[t]` to `bounds[t + 1]`. */
  readonly bounds: number[]
}

export type Ranked = {
  readonly plan: Plan
  readonly matches: readonly Match[]
  readonly candidates: readonly Candidate[]
  readonly ranking: Omit<Ranking, 'candidates' | 'complete'>
  /** The words that the terms of the plan stand for. */
  readonly resolved: ReadonlyMap<Shelf, readonly Resolved[]>
  /** For the page that begins behind candidate `index`. */
  readonly cursorAfter: (index: number) => string
}

// Reused by every query of the thread; zero between uses.
const found = new Found()
let scores = new Float64Array(0)
let conditions = new Int32Array(0)
const touchedBit = 1 << 31

/**
 * The best documents of some shelves. The weights are those of one index of all that the asker may see.
 *
 * @param shelves - those of the asker's roles, nothing else.
 * @param newestMs - time of the newest version that is there: what the pages of an answer hold on to.
 * @throws SlurpError QUERY_INVALID, CURSOR_INVALID.
 * Cost: about 10 ns for each document of each word.
 */
export function rank(
  shelves: readonly Shelf[],
  request: RankRequest,
  { weights, bm25, analyzers }: Weighing,
  newestMs: number,
): Ranked {
  const plan = planQuery(request.query, request.mode ?? 'any', analyzers)
  const cursor = request.cursor === undefined ? null : readCursor(request.cursor, request, plan.terms.length)
  const view: View = {
    asOfMs: cursor?.asOfMs ?? request.asOfMs ?? null,
    partitions: request.partitions === undefined ? null : new Set(request.partitions),
  }
  const limit = request.candidates ?? request.limit ?? searchLimits.limitDefault
  found.length = 0
  const { parts, cut, resolved } = lookUpAll(shelves, plan, view, weights)
  const statistics = cursor?.statistics ?? statisticsOf(parts, plan)
  const facets = new FacetCounts(request.facets ?? [], new Set(request.roles))
  const best = new Best(limit + 1)
  const total = collect(parts, plan, { request, statistics, bm25, cursor, best, facets })
  const matches = best.sorted()
  const more = matches.length > limit
  if (more) matches.pop()
  const candidates = candidatesOf(matches, parts, plan)
  const asOfMs = view.asOfMs ?? newestMs
  const cursorAfter = (index: number) => writeCursor({ ...candidates[index]!, asOfMs, statistics }, request)
  return {
    plan,
    matches,
    candidates,
    ranking: {
      total,
      facets: facets.facets(),
      statistics,
      asOfMs,
      boosts: plan.terms.map(({ boost }) => boost),
      cursor: more ? cursorAfter(candidates.length - 1) : null,
      cut,
    },
    resolved,
    cursorAfter,
  }
}

function lookUpAll(
  shelves: readonly Shelf[],
  plan: Plan,
  view: View,
  weights: FieldWeights,
): { parts: Part[]; cut: string[]; resolved: Ranked['resolved'] } {
  const parts: Part[] = []
  const cut = new Set<string>()
  const resolved = new Map<Shelf, readonly Resolved[]>()
  for (const shelf of shelves) {
    const terms = plan.terms.map(term => resolveTerm(shelf, term))
    resolved.set(shelf, terms)
    for (const { term, cut: isCut } of terms) {
      if (isCut) cut.add(term.what.kind === 'pattern' ? plainTerm(term.what.parts.join('*')) : '~')
    }
    for (const segment of shelf.segments) {
      const visible = visibleIn(segment, view)
      if (visible.documents === 0) continue
      const bounds = [found.length]
      for (const term of terms) {
        lookUp(segment, term, visible.mask, weights, found)
        bounds.push(found.length)
      }
      parts.push({ shelf, segment, visible, bounds })
    }
  }
  return { parts, cut: [...cut], resolved }
}

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
  const { request, cursor, best, facets } = collecting
  const position = cursor === null ? null : positionOf(cursor)
  let total = 0
  let shelf: Shelf | null = null
  for (const part of parts) {
    const { segment } = part
    if (part.shelf !== shelf) {
      facets.end()
      facets.begin(part.shelf)
      shelf = part.shelf
    }
    const touched = score(part, plan, collecting)
    const passes = passing(part.shelf, segment, request.filters ?? {})
    const counted = (request.facets ?? []).length > 0
    const sort = request.sort ?? 'relevance'
    let threshold = best.threshold
    for (const place of touched) {
      const fulfilled = conditions[place]! & ~touchedBit
      const relevant = scores[place]!
      conditions[place] = 0
      scores[place] = 0
      if (!(plan.any || plan.matches(fulfilled)) || (passes !== null && passes[place] === 0)) continue
      total++
      if (counted) facets.count(segment, place)
      const value = sort === 'relevance' ? relevant : sortValue(sort, relevant, segment, place)
      if (value < threshold) continue
      const match = { value, shelf: part.shelf, segment, place }
      if (position === null || isBehind(match, position)) {
        best.offer(match)
        threshold = best.threshold
      }
    }
  }
  facets.end()
  return total
}

/** Fills `scores` and `conditions` for one segment. @returns the documents that have anything there. */
function score({ segment, visible, bounds }: Part, plan: Plan, { statistics, bm25 }: Collecting): number[] {
  if (scores.length < segment.documents) {
    scores = new Float64Array(segment.documents)
    conditions = new Int32Array(segment.documents)
  }
  const touched: number[] = []
  const { lengths } = segment.columns
  const { base, slope } = lengthNorm(statistics, bm25)
  const { places, weights } = found
  for (const [index, { boost, condition }] of plan.terms.entries()) {
    const weight = rarity(statistics.documents, statistics.frequencies[index]!) * boost * (bm25.k1 + 1)
    const bits = touchedBit | (condition === null ? 0 : 1 << condition)
    const end = bounds[index + 1]!
    for (let i = bounds[index]!; i < end; i++) {
      const place = places[i]!
      const frequency = weights[i]!
      if (conditions[place] === 0) touched.push(place)
      conditions[place]! |= bits
      scores[place]! += (weight * frequency) / (frequency + (base + slope * lengths[place]!))
    }
  }
  if (plan.all) {
    for (let place = 0; place < segment.documents; place++) {
      if (visible.mask[place] === 1 && conditions[place] === 0) touched.push(place)
    }
  }
  return touched
}

function sortValue(sort: Sort, relevant: number, segment: Segment, place: number): number {
  const { createdMs, writtenMs, confidence } = segment.columns
  switch (sort) {
    case 'relevance':
      return relevant
    case 'time':
      return Number.isNaN(createdMs[place]!) ? writtenMs[place]! : createdMs[place]!
    case 'confidence':
      return Number.isNaN(confidence[place]!) ? -1 : confidence[place]!
  }
}

/** Finds out again how often each term occurs in the few documents that are returned. */
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

function noteFrequencies(part: Part, wanted: ReadonlyMap<number, number>, frequencies: number[][]): void {
  for (const place of wanted.keys()) conditions[place] = 1
  for (let term = 0; term + 1 < part.bounds.length; term++) {
    for (let i = part.bounds[term]!; i < part.bounds[term + 1]!; i++) {
      const place = found.places[i]!
      if (conditions[place] === 1) frequencies[wanted.get(place)!]![term] = found.weights[i]!
    }
  }
  for (const place of wanted.keys()) conditions[place] = 0
}
