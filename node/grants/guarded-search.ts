import { SlurpError } from '../../base/errors.ts'
import type { GrantChain } from '../../crypto/grants/grant-chain.ts'
import type { Asker, Search, SearchQuestion, SearchResult } from '../fleet-search/api.ts'
import type { Finder } from '../store/catalogue/finder.ts'

export type GuardedSearchParts = {
  readonly search: Pick<Search, 'search'>
  /** The grant of the caller, as it is now. */
  readonly chain: () => GrantChain
  readonly finder: Finder
  readonly heldRoles: () => readonly string[]
  /** There is nothing in the index but what the grant of the caller lets it find. */
  readonly isOwn?: boolean
}

/**
 * The search of one caller: nothing but what its roles read is looked at, counted or weighed. An index knows contexts by
 * what they say of themselves, grants by where they lie: who is held to some projects or paths cannot be answered without
 * telling how much there is elsewhere, and is refused, unless the index is of that grant alone.
 */
export class GuardedSearch {
  readonly #parts: GuardedSearchParts

  constructor(parts: GuardedSearchParts) {
    this.#parts = parts
  }

  /** @throws SlurpError GRANT_DENIED, and what {@link Search} throws. */
  async search(question: SearchQuestion, { roles }: Asker = {}): Promise<SearchResult> {
    const { search, chain, finder, heldRoles, isOwn = false } = this.#parts
    for (const role of roles ?? [undefined]) finder.check(role)
    const { delegate, grant } = chain()
    const links = [delegate.limits, grant.limits]
    if (!isOwn && links.some(({ projects, paths }) => projects !== 'any' || paths !== 'any'))
      throw new SlurpError(
        'GRANT_DENIED',
        'A search goes through all projects and paths, and this grant is for some.',
        {
          hint: 'Use `slurp ls` and `slurp tree`, or ask for a grant of `search` on any project and path.',
        },
      )
    const isGranted = (role: string) =>
      links.every(limits => limits.roles === 'any' || (limits.roles as readonly string[]).includes(role))
    return await search.search(question, { roles: roles ?? heldRoles().filter(isGranted) })
  }
}
