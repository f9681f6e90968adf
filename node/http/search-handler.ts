import type { SearchResult } from '../fleet-search/api.ts'
import type { Filters } from '../search/api.ts'
import type { BodyOf } from './contract.ts'
import type { Door } from './door.ts'
import { given } from './given.ts'

/** What is asked over the door, as the search takes it. */
export async function searchContexts(
  { peer }: Door,
  { query, filters, asOf, roles, ...rest }: BodyOf<'searchContexts'>,
): Promise<SearchResult> {
  const asked = { ...given({ ...rest, asOfMs: asOf }), query }
  const passing = filters === undefined ? {} : { filters: given(filters) as Filters }
  return await peer.search.search({ ...asked, ...passing }, given({ roles }))
}
