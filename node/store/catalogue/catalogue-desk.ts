import { SlurpError } from '../../../base/errors.ts'
import { parseAddress } from '../address.ts'
import type { ContextStore } from '../api.ts'
import { Deadline, type StoreClock } from '../deadline.ts'
import { defaultStoreLimits, timeoutMaxMs, wholeNumber } from '../limits.ts'
import type {
  Catalogue,
  ContextList,
  ContextTree,
  Coverage,
  DecisionGraph,
  DecisionsOptions,
  ListedContext,
  PrefixOptions,
  StaleContext,
  StaleList,
  TreeOptions,
} from './api.ts'
import { DecisionWalk, nowAt } from './decision-walk.ts'
import { addressOf, below, type Entry, entryOf } from './entry.ts'
import { pageOf } from './paging.ts'
import type { ContextEntries, Known } from './ports.ts'
import { type Prefix, parsePrefix, trunkOrder } from './prefix.ts'
import type { Sight } from './snapshot.ts'
import { staleLinks } from './stale.ts'
import { type OrderedNode, treeOf } from './tree.ts'

export const listLimitDefault = 100
export const treeLimitDefault = 500
export const listLimitMax = 1_000
export const treeDepthDefault = 2
export const treeDepthMax = 64
export const hopsDefault = 3
export const hopsMax = 16
export const nodesDefault = 200
export const nodesMax = 1_000

/** Contexts read from a quorum at once, where the catalogue does not have them. */
const readsAtOnce = 64
/** Of the time of an answer that may go to a walk, so that some is left for reads. */
const walkShare = 0.75

export type CatalogueParts = {
  readonly entries: ContextEntries
  readonly store: Pick<ContextStore, 'retrieveContext'>
  readonly clock: StoreClock
  /** @throws SlurpError ROLE_UNKNOWN, ROLE_DENIED. */
  readonly checkReader: (role: string | undefined) => void
}

type Asked = {
  readonly known: Known
  readonly deadline: Deadline
  readonly sees: Sight
  readonly coverage: Coverage
}

/** Answers from a catalogue. */
export class CatalogueDesk implements Catalogue {
  readonly #parts: CatalogueParts

  constructor(parts: CatalogueParts) {
    this.#parts = parts
  }

  async list(options: PrefixOptions = {}): Promise<ContextList> {
    const limit = wholeNumber(options.limit ?? listLimitDefault, 'limit', 1, listLimitMax)
    const prefix = parsePrefix(options.prefix)
    const { known, sees, coverage } = await this.#ask(options)
    const found = under(known, prefix, sees)
    const { rows, cursor } = pageOf(found, orderOf, pageFrom('list', prefix, options, limit))
    return { contexts: rows.map(listed), total: found.length, cursor, coverage }
  }

  async tree(options: TreeOptions = {}): Promise<ContextTree> {
    const limit = wholeNumber(options.limit ?? treeLimitDefault, 'limit', 1, listLimitMax)
    const depth = wholeNumber(options.depth ?? treeDepthDefault, 'depth', 0, treeDepthMax)
    const prefix = parsePrefix(options.prefix)
    const { known, sees, coverage } = await this.#ask(options)
    const found = under(known, prefix, sees)
    const nodes = treeOf(found, prefix.trunk.length, depth)
    const { rows, cursor } = pageOf(nodes, orderOf, pageFrom(`tree ${depth}`, prefix, options, limit))
    return { nodes: rows.map(withoutOrder), total: found.length, cursor, coverage }
  }

  async stale(options: PrefixOptions = {}): Promise<StaleList> {
    const limit = wholeNumber(options.limit ?? listLimitDefault, 'limit', 1, listLimitMax)
    const prefix = parsePrefix(options.prefix)
    const { known, sees, coverage } = await this.#ask(options)
    const found = under(known, prefix, sees).flatMap(entry => {
      const follows = staleLinks(known.snapshot, entry, sees)
      return follows.length === 0 ? [] : [{ entry, follows, order: entry.order }]
    })
    const { rows, cursor } = pageOf(found, orderOf, pageFrom('stale', prefix, options, limit))
    const contexts = rows.map(({ entry, follows }): StaleContext => {
      const { roles: _, ...shown } = listed(entry)
      return { ...shown, follows }
    })
    return { contexts, total: found.length, cursor, coverage }
  }

  async decisions(text: string, options: DecisionsOptions = {}): Promise<DecisionGraph> {
    const hops = wholeNumber(options.hops ?? hopsDefault, 'hops', 1, hopsMax)
    const limit = wholeNumber(options.limit ?? nodesDefault, 'limit', 1, nodesMax)
    const { direction = 'both' } = options
    const directions = (['before', 'after'] as const).filter(each => [each, 'both'].includes(direction))
    if (directions.length === 0)
      throw new SlurpError('USAGE', 'The direction of a walk is "both", "before" or "after".')
    const address = parseAddress(text)
    if (address.temporal.kind !== 'latest')
      throw new SlurpError(
        'ADDRESS_INVALID',
        'The graph is that of what stands now: the temporal segment must be *^.',
        { hint: '`slurp history ADDRESS` shows the decision of every version.' },
      )
    const { known, deadline, sees, coverage } = await this.#ask(options)
    const fetch = (places: readonly string[]) => this.#fetch(places, options.role, deadline)
    const root = entryOf(await this.#read(text, options.role, deadline), 0)
    const { snapshot } = known
    const walk = new DecisionWalk({ root, snapshot, sees, directions, hops, limit, fetch })
    return { address: addressOf(root), ...(await walk.run()), coverage }
  }

  async #ask({ role, timeoutMs }: { role?: string; timeoutMs?: number }): Promise<Asked> {
    this.#parts.checkReader(role)
    const { clock, entries } = this.#parts
    const patienceMs = wholeNumber(timeoutMs ?? defaultStoreLimits.timeoutMs, 'timeoutMs', 1, timeoutMaxMs)
    const deadline = new Deadline(clock, patienceMs)
    const known = await entries.current(new Deadline(clock, Math.ceil(patienceMs * walkShare)))
    const wallMs = clock.wallMs()
    const mayRead = (roles: readonly string[]) => role === undefined || roles.includes(role)
    const { partitions, partitionsHere, partitionsTotal, unlisted } = known
    return {
      known,
      deadline,
      sees: ({ expiresAtMs, roles }) => (expiresAtMs === 0 || expiresAtMs > wallMs) && mayRead(roles),
      coverage: { partitions, partitionsHere, partitionsTotal, unlisted: unlisted.filter(mayRead).length },
    }
  }

  #read(address: string, role: string | undefined, deadline: Deadline) {
    const timeoutMs = Math.max(1, deadline.leftMs)
    return this.#parts.store.retrieveContext(address, { timeoutMs, ...(role === undefined ? {} : { role }) })
  }

  async #fetch(
    places: readonly string[],
    role: string | undefined,
    deadline: Deadline,
  ): Promise<(Entry | null)[]> {
    const fetched: (Entry | null)[] = []
    for (let at = 0; at < places.length; at += readsAtOnce) {
      const some = places.slice(at, at + readsAtOnce)
      fetched.push(
        ...(await Promise.all(
          some.map(place =>
            this.#read(nowAt(place), role, deadline).then(found => entryOf(found, 0), unlessNotForUs),
          ),
        )),
      )
    }
    return fetched
  }
}

const orderOf = ({ order }: { readonly order: string }): string => order

const withoutOrder = ({ order: _, ...node }: OrderedNode) => node

function under({ snapshot }: Known, prefix: Prefix, sees: Sight): Entry[] {
  const found: Entry[] = []
  const trunk = trunkOrder(prefix)
  const { sorted } = snapshot
  for (let at = snapshot.indexFrom(trunk); at < sorted.length; at++) {
    const entry = sorted[at]!
    if (!entry.order.startsWith(trunk)) break
    if (prefix.matches(entry) && sees(entry)) found.push(entry)
  }
  return found
}

const pageFrom = (what: string, { text }: Prefix, { role, cursor }: PrefixOptions, limit: number) => ({
  question: [what, text ?? '', role ?? ''].join(below),
  cursor,
  limit,
})

const listed = (entry: Entry): ListedContext => ({
  address: addressOf(entry),
  version: entry.version,
  writtenAt: entry.writtenAt,
  author: entry.author,
  roles: entry.roles,
  title: entry.title,
  status: entry.status,
})

function unlessNotForUs(thrown: unknown): null {
  if (thrown instanceof SlurpError && (thrown.code === 'NOT_FOUND' || thrown.code === 'ROLE_DENIED'))
    return null
  throw thrown
}
