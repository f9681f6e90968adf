import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { SlurpError } from '../base/errors.ts'
import type { Digest, PeerId } from '../base/ids.ts'
import type { View } from '../dht/view.ts'
import { openLevelDisk } from './adapters/level-disk/open-level-disk.ts'
import { Copier } from './agent-index/copier.ts'
import { CopySource } from './agent-index/copy-source.ts'
import { Follower } from './agent-index/follower.ts'
import { PrivateCopy } from './agent-index/private-copy.ts'
import { forAMoment } from './agent-parts.ts'
import type { FleetLinks } from './agents/fleet-links.ts'
import type { Provenance } from './agents/provenance.ts'
import type { Search } from './fleet-search/api.ts'
import { FleetSearch } from './fleet-search/fleet-search.ts'
import type { IndexSight } from './fleet-search/index-document.ts'
import { IndexKeeper } from './fleet-search/index-keeper.ts'
import { type OwnIndex, SearchResponder } from './fleet-search/responder.ts'
import { contextSubject, localChanges } from './local-changes.ts'
import { localHistories } from './local-histories.ts'
import { writePrivately } from './peer-settings.ts'
import type { Exchange } from './ports/exchange.ts'
import type { FollowedDisk } from './ports/opened-disk.ts'
import type { Clock } from './ports/ports.ts'
import type { Log } from './running-peer.ts'
import { mainIndex } from './search/engine/configuration.ts'
import type { ContextStore } from './store/api.ts'
import { CatalogueDesk } from './store/catalogue/catalogue-desk.ts'
import { LocalEntries } from './store/catalogue/local-entries.ts'
import type { StoreParts } from './store/context-store.ts'
import type { Deadline } from './store/deadline.ts'
import { sealed } from './store/role-access.ts'
import { StoreDesk } from './store/store-desk.ts'

export type AgentSearchParts = {
  /** Directory of the agent; it outlives this run. */
  readonly dir: string
  readonly name: string
  /** Members when the authority signed last: the number of partitions is in it. */
  readonly view: View
  readonly links: FleetLinks
  readonly provenance: Provenance
  readonly store: ContextStore
  readonly storeParts: StoreParts
  readonly clock: Clock
  /** Whether this agent has all its keys. */
  readonly hasKeys: () => boolean
  /** Why it may have none now; null while it may. */
  readonly barred: () => string | null
  /** What its grant lets it find of what its roles open. */
  readonly sees: IndexSight
  /** Hash of the limits behind that. */
  readonly limits: Digest
  readonly log: Log
}

/** What an agent finds by itself. */
export type AgentSearch = {
  readonly search: Search
  readonly catalogue: CatalogueDesk
  counters(): Record<string, number>
  /** The keys are gone: nothing that they opened stays in memory. */
  forget(): void
  stop(): Promise<void>
}

const bindingLabel = 'slurp/v1/search index of an agent'

/**
 * The private index of an agent: a sealed copy of what its roles open, followed at members, and over it the same index and
 * catalogue as a peer has over its disk.
 *
 * @throws SlurpError DIRECTORY_TAKEN.
 */
export async function openAgentSearch(parts: AgentSearchParts): Promise<AgentSearch> {
  const { dir, name, view, storeParts, store, clock, sees, barred, log } = parts
  const { author } = storeParts
  const self = author.peerId
  const opened = await openCopy(join(dir, 'copy'))
  const indexDir = join(dir, 'search')
  // Its bookmark is a number of a copy that is gone, or it is what another grant let this agent find.
  if (opened.found.fresh || !isFor(parts.limits, `${indexDir}.limits`)) remove(indexDir, `${indexDir}.mark`)
  writePrivately(`${indexDir}.limits`, parts.limits)
  const failed = (failure: unknown) => log.error({ failure: String(failure) }, 'the search index failed')
  const alone = viewOf(view, self, name)
  const changes = localChanges(opened.changes, self)
  const onDisk = localHistories(opened.disk, self, () => alone)
  const copy = new PrivateCopy(opened.disk, onDisk)
  const source = new CopySource({ ...parts, submitter: storeParts.submitter })
  const copier = new Copier({ source, copy, clock })
  const partitionsTotal = view.partitions.length
  const mayAsk = () => parts.hasKeys() && barred() === null
  const follower = new Follower({ ...parts, mayAsk, source, copier, changes, partitionsTotal, failed })
  const local = { ...onDisk, partitions: () => follower.whole() }
  const desk = new StoreDesk(storeParts)
  const keeper = new IndexKeeper({
    dir: indexDir,
    bindingSecret: author.secretFor(bindingLabel),
    desk,
    changes,
    local,
    sees,
    failed,
  })
  const own = new FollowedIndex({
    keeper,
    follower,
    lastOfCopy: () => changes.last,
    barred,
    clock,
  })
  const indexes = [mainIndex]
  const answersFor = () => new Set(follower.whole())
  const responder = new SearchResponder({ keeper: own, entitledTo: () => [], answersFor, indexes })
  const search = new FleetSearch({
    self,
    view: () => alone,
    exchange: nobody,
    responder,
    monotonicMs: () => clock.monotonicMs(),
    keeper: own,
    desk,
    indexes,
    failed,
  })
  const entries = new LocalEntries({ desk, local, changes })
  const known = {
    async current(deadline: Deadline) {
      const why = barred()
      if (why !== null) throw sealed(why)
      // It has a copy of all of them, or will have soon.
      return { ...(await entries.current(deadline)), partitionsHere: partitionsTotal }
    },
  }
  const checkReader = (role: string | undefined) => desk.access.checkReader(role)
  keeper.start()
  follower.start()
  return {
    search,
    catalogue: new CatalogueDesk({ entries: known, store, clock, checkReader }),
    counters: () => ({ ...source.counters, copyPartitions: follower.whole().length }),
    forget() {
      keeper.forget()
      entries.forget()
    },
    async stop() {
      entries.close()
      await follower.stop()
      await keeper.stop()
      await opened.close()
    },
  }
}

type FollowedIndexParts = {
  readonly keeper: IndexKeeper
  readonly follower: Follower
  /** Number of the newest change of the copy. */
  readonly lastOfCopy: () => number
  readonly barred: () => string | null
  readonly clock: Clock
}

/** An index over a copy: it has a partition when the copy has, and the index has taken that over. */
class FollowedIndex implements OwnIndex {
  readonly #parts: FollowedIndexParts
  /** How many partitions it has. */
  readonly #count: () => number

  constructor(parts: FollowedIndexParts) {
    this.#parts = parts
    this.#count = forAMoment(parts.clock, () => {
      const { feed } = this
      return feed === null ? 0 : parts.follower.whole().filter(partition => feed.covers(partition)).length
    })
  }

  get phase(): OwnIndex['phase'] {
    const { keeper, barred } = this.#parts
    if (barred() !== null) return 'sealed'
    const { phase } = keeper
    const total = keeper.feed?.state().partitionsTotal ?? 0
    return phase === 'following' && this.#count() < total ? 'filling' : phase
  }

  get roles(): OwnIndex['roles'] {
    return this.#parts.keeper.roles
  }

  get host(): OwnIndex['host'] {
    const why = this.#parts.barred()
    if (why !== null) throw sealed(why)
    return this.#parts.keeper.host
  }

  get feed(): OwnIndex['feed'] {
    const { keeper, follower, lastOfCopy } = this.#parts
    const { feed } = keeper
    if (feed === null) return null
    return {
      covers: partition =>
        feed.covers(partition) && follower.covers(partition, lastOfCopy() - feed.state().lagChanges),
      state: () => {
        const state = feed.state()
        const lagChanges = state.lagChanges + follower.lagChanges
        return { ...state, partitions: this.#count(), lagChanges }
      },
    }
  }
}

/** Opens the copy of the last run. What cannot be trusted is thrown away: members have it all. */
async function openCopy(dir: string): Promise<FollowedDisk> {
  const options = { dir, expectExisting: false, subjectOf: contextSubject }
  try {
    const opened = await openLevelDisk(options)
    if (!opened.found.lostTail && !opened.found.gaps) return opened
    await opened.close()
  } catch (failure) {
    const code = failure instanceof SlurpError ? failure.code : null
    if (code !== 'DATA_MISSING' && code !== 'INTEGRITY_FAILED' && code !== 'FORMAT_UNKNOWN') throw failure
  }
  remove(dir, `${dir}.watermark`, `${dir}.damage`)
  return await openLevelDisk(options)
}

const isFor = (limits: Digest, path: string): boolean =>
  existsSync(path) && readFileSync(path, 'utf8') === limits

function remove(...paths: readonly string[]): void {
  for (const path of paths) rmSync(path, { recursive: true, force: true })
}

/** The fleet as its own index sees it: this process has all partitions, and there is nobody else to ask. */
function viewOf(view: View, self: PeerId, name: string): View {
  return {
    ...view,
    members: [{ id: self, name, weight: 1, zone: name }],
    partitions: view.partitions.map(each => ({ ...each, owners: [self] })),
  }
}

const nobody: Exchange = {
  serve: () => undefined,
  ask: async () => null,
  isConnected: () => false,
  listen: () => undefined,
}
