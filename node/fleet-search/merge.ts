import type { Candidate, Facets, Ranking, RankRequest, Statistics } from '../search/api.ts'
import { searchLimits } from '../search/limits.ts'
import { addStatistics, type Bm25, relevance } from '../search/rank/bm25.ts'
import { readCursor, writeCursor } from '../search/rank/cursor.ts'

/** A candidate with its value among those of all peers, and where it is from. */
export type Merged<Source> = { readonly source: Source; readonly candidate: Candidate }

export type MergedRanking<Source> = {
  readonly best: readonly Merged<Source>[]
  readonly total: number
  readonly facets: Facets
  readonly statistics: Statistics
  readonly cut: readonly string[]
  /** Whether there are more than `best`. */
  readonly more: boolean
  /** For the page that begins behind the one at a place. */
  readonly cursorAfter: (place: number) => string
}

/**
 * The rankings of disjoint parts as that of one index of all of them: each document is weighed again with the statistics
 * of all.
 */
export function mergeRankings<Source>(
  rankings: readonly { readonly source: Source; readonly ranking: Ranking }[],
  request: RankRequest,
  bm25: Bm25,
): MergedRanking<Source> {
  const limit = request.limit ?? searchLimits.limitDefault
  const boosts = rankings[0]?.ranking.boosts ?? []
  const fixed =
    request.cursor === undefined ? null : readCursor(request.cursor, request, boosts.length).statistics
  const statistics = fixed ?? addStatistics(rankings.map(({ ranking }) => ranking.statistics))
  const isWeighed = (request.sort ?? 'relevance') === 'relevance'
  const all = rankings.flatMap(({ source, ranking }) =>
    ranking.candidates.map(candidate => {
      const value = isWeighed ? relevance(candidate, statistics, boosts, bm25) : candidate.value
      return { source, candidate: { ...candidate, value } }
    }),
  )
  all.sort((a, b) => inOrder(a.candidate, b.candidate))
  const best = all.slice(0, limit)
  const asOfMs = Math.max(0, ...rankings.map(({ ranking }) => ranking.asOfMs))
  return {
    best,
    total: rankings.reduce((sum, { ranking }) => sum + ranking.total, 0),
    facets: addFacets(rankings.map(({ ranking }) => ranking.facets)),
    statistics,
    cut: [...new Set(rankings.flatMap(({ ranking }) => ranking.cut))],
    more: all.length > limit,
    cursorAfter: place => writeCursor({ ...best[place]!.candidate, asOfMs, statistics }, request),
  }
}

/** As one process orders its matches. */
function inOrder(a: Candidate, b: Candidate): number {
  if (a.value !== b.value) return b.value - a.value
  const [left, right] = [a.key + a.version, b.key + b.version]
  return left < right ? -1 : left > right ? 1 : 0
}

function addFacets(all: readonly Facets[]): Facets {
  const names = [...new Set(all.flatMap(facets => Object.keys(facets)))]
  return Object.fromEntries(
    names.map(name => {
      const counts = new Map<string, number>()
      for (const facets of all)
        for (const { value, count } of facets[name] ?? []) counts.set(value, (counts.get(value) ?? 0) + count)
      const listed = [...counts].map(([value, count]) => ({ value, count }))
      listed.sort((a, b) => b.count - a.count || (a.value < b.value ? -1 : 1))
      return [name, listed.slice(0, searchLimits.facetValuesMax)]
    }),
  )
}
