import type { FastifyRequest } from 'fastify'
import type { SearchResult } from '../fleet-search/api.ts'
import { kindOf } from '../fleet-search/question-kind.ts'
import type { Filters } from '../search/api.ts'
import { momentOf } from './as-of.ts'
import type { BodyOf } from './contract.ts'
import type { Door } from './door.ts'
import { given } from './given.ts'
import { searchFor, storeFor } from './rights.ts'

/** What is asked over the door, as the search takes it; how long it took is counted, and noted when it was long. */
export async function searchContexts(
  door: Door,
  { query, filters, asOf, roles, ...rest }: BodyOf<'searchContexts'>,
  request: FastifyRequest,
): Promise<SearchResult> {
  const { metrics, limits, log } = door
  const asOfMs =
    asOf === undefined ? undefined : await momentOf(storeFor(door, request), asOf, rest.timeoutMs)
  const asked = { ...given({ ...rest, asOfMs }), query }
  const passing = filters === undefined ? {} : { filters: given(filters) as Filters }
  const result = await searchFor(door, request).search({ ...asked, ...passing }, given({ roles }))
  const { tookMs, total, coverage, peers } = result
  const kind = kindOf(query)
  metrics.searched({ kind, seconds: tookMs / 1000, hits: result.hits.length, coverage })
  if (tookMs >= limits.slowSearchMs)
    log.warn({ kind, words: query.split(/\s+/).length, tookMs, total, coverage, peers }, 'a slow search')
  return result
}
