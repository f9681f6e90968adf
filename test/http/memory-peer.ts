import { SlurpError } from '../../base/errors.ts'
import { CryptoMeter } from '../../node/monitoring/crypto-meter.ts'
import type { RunningPeer } from '../../node/running-peer.ts'
import { canonicalOf, formatAddress, parseAddress } from '../../node/store/address.ts'
import type { Context, ContextStore, HistoryEntry } from '../../node/store/api.ts'
import { CatalogueDesk } from '../../node/store/catalogue/catalogue-desk.ts'
import { entryOf } from '../../node/store/catalogue/entry.ts'
import { Snapshot } from '../../node/store/catalogue/snapshot.ts'
import { compareFields } from '../../node/store/compare/compare.ts'
import { parseSides } from '../../node/store/compare/side.ts'
import { resolveAddress } from '../../node/store/hierarchy/resolve.ts'
import { parseContext } from '../../node/store/schema.ts'
import { MemoryAudit } from './memory-audit.ts'
import { MemoryControl, memoryFleetId, memoryMembers } from './memory-control.ts'
import { memoryAgentTokens, memoryGrants, memoryJoinTokens, memoryRights } from './memory-grants.ts'
import { memoryKeys } from './memory-keys.ts'
import { memoryRetention } from './memory-retention.ts'
import { memorySearch } from './memory-search.ts'

type Kept = HistoryEntry & { context: Context | null }

/**
 * A peer of one process without network, disk or crypto, for tests of the doors alone: it keeps versions in
 * a map and answers and refuses as the contract of ContextStore says.
 */
export function memoryPeer(options: { roles?: string[] } = {}) {
  const roles = options.roles ?? ['architect', 'developer']
  const kept = new Map<string, Kept[]>()
  let count = 0
  let hold: Promise<void> = Promise.resolve()
  const coverage = { partitions: 16, partitionsHere: 16 }
  const nextVersion = () => (++count).toString(16).padStart(24, '0')
  const current = (canonical: string) => {
    const newest = kept.get(canonical)?.[0]
    return newest && !newest.deleted ? newest : null
  }
  const expect = (canonical: string, ifVersion: string | undefined) => {
    if (ifVersion === undefined) return
    const version = current(canonical)?.version ?? null
    if (ifVersion === 'none' ? version === null : version === ifVersion) return
    throw new SlurpError('VERSION_CONFLICT', 'Another version is current.', { currentVersion: version })
  }
  const store: ContextStore = {
    async storeContext(text, input, given = {}) {
      await hold
      const address = parseAddress(text)
      const context = parseContext(input)
      const unknown = given.roles?.find(role => !roles.includes(role))
      if (unknown !== undefined) throw new SlurpError('ROLE_UNKNOWN', `There is no role "${unknown}".`)
      const canonical = canonicalOf(address)
      expect(canonical, given.ifVersion)
      const version = nextVersion()
      const parent = kept.get(canonical)?.[0]?.version ?? null
      const readers = (given.roles ?? roles).map(name => ({ name, keyVersion: 1 }))
      const entry: Kept = {
        version,
        writtenAt: new Date(0).toISOString(),
        author: context.agent ?? 'p1',
        roles: readers,
        decision: context.decision ?? null,
        deleted: false,
        context,
      }
      kept.set(canonical, [entry, ...(kept.get(canonical) ?? [])])
      return { address: formatAddress(address), version, parent, acks: 2, replicas: 3, roles: readers }
    },
    async retrieveContext(text) {
      const address = parseAddress(text)
      const hops = address.temporal.kind === 'back' ? address.temporal.hops : 0
      const found = hops > 0 ? kept.get(canonicalOf(address))?.[hops] : current(canonicalOf(address))
      if (!found?.context) throw new SlurpError('NOT_FOUND', 'Nothing is at this address.')
      const { version, writtenAt, author, context } = found
      const parent = kept.get(canonicalOf(address))?.[1]?.version ?? null
      return {
        address: formatAddress(address),
        version,
        parent,
        writtenAt,
        author,
        roles: found.roles,
        context,
      }
    },
    async deleteContext(text, given = {}) {
      const address = parseAddress(text)
      const canonical = canonicalOf(address)
      expect(canonical, given.ifVersion)
      if (!current(canonical)) throw new SlurpError('NOT_FOUND', 'Nothing is at this address.')
      const version = nextVersion()
      const entry = {
        version,
        writtenAt: '',
        author: 'p1',
        roles: [],
        decision: null,
        deleted: true,
        context: null,
      }
      kept.set(canonical, [entry, ...(kept.get(canonical) ?? [])])
      return { address: formatAddress(address), version }
    },
    resolveContext: (text, given = {}) =>
      resolveAddress(each => store.retrieveContext(each), text, given.explain ?? false),
    async compareContexts(from, to) {
      const sides = parseSides(from, to)
      const [before, after] = await Promise.all(
        [sides.from, sides.to].map(({ address }) => store.retrieveContext(formatAddress(address))),
      )
      const { context: old, parent: _, roles: _r, ...shownFrom } = before!
      const { context: now, parent: _p, roles: _n, ...shownTo } = after!
      return { from: shownFrom, to: shownTo, changes: compareFields(old, now) }
    },
    async contextHistory(text, given = {}) {
      const address = parseAddress(text)
      const versions = kept.get(canonicalOf(address)) ?? []
      if (versions.length === 0) throw new SlurpError('NOT_FOUND', 'Nothing was ever at this address.')
      const page = versions.slice(0, given.limit ?? 100).map(({ context: _context, ...entry }) => entry)
      return { address: formatAddress(address), versions: page, cursor: null, keptFrom: null }
    },
  }
  const catalogue = new CatalogueDesk({
    store,
    clock: { wallMs: () => 0, monotonicMs: () => 0, at: () => () => undefined },
    checkReader: role => {
      if (role !== undefined && !roles.includes(role))
        throw new SlurpError('ROLE_UNKNOWN', 'There is no such role.')
    },
    entries: {
      async current() {
        const standing = [...kept.keys()].filter(canonical => current(canonical))
        const found = await Promise.all(standing.map(place => store.retrieveContext(place)))
        const snapshot = new Snapshot(found.map(each => entryOf(each, 0)))
        return { snapshot, ...coverage, partitionsTotal: 16, unlisted: [] }
      },
    },
  })
  const control = new MemoryControl()
  const audit = new MemoryAudit()
  const keys = memoryKeys()
  const search = memorySearch(roles)
  const { id } = memoryMembers[0]!
  const fleet = memoryFleetId
  const peer: RunningPeer = {
    id,
    name: 'p1',
    cryptoMeter: new CryptoMeter(),
    fleet,
    store,
    rights: memoryRights(store, catalogue),
    grants: memoryGrants,
    joinTokens: memoryJoinTokens,
    agentTokens: memoryAgentTokens,
    retention: memoryRetention(),
    catalogue,
    search,
    audit,
    addresses: () => ['/ip4/127.0.0.1/tcp/1'],
    status: () => ({
      fleet,
      peer: {
        id,
        name: 'p1',
        url: null,
        pid: process.pid,
        version: '0.0.0',
        startedAt: new Date(0).toISOString(),
      },
      state: 'ready',
      reasons: [],
      replicas: 3,
      epoch: control.view.epoch,
      leader: control.leader().leader,
      moves: { moving: 0, pending: control.view.pending.length, paused: control.view.moves.paused },
      partitions: { total: 16, owned: 12, damaged: 0 },
      roles: roles.map(name => ({ name, keyVersion: 1, held: true })),
      members: control.view.members.map(member => ({
        ...member,
        connected: member.name !== 'p4',
        partitions: control.view.partitions.filter(({ owners }) => owners.includes(member.id)).length,
        leaving: control.view.leaving.includes(member.id),
        health: member.name === 'p4' ? 'down' : 'up',
        clockOffMs: member.name === 'p4' ? null : member.name === 'p3' ? -3_600_000 : 4,
        lag:
          member.name === 'p2'
            ? {
                shared: 16,
                compared: 16,
                equal: 15,
                keysBehind: 3,
                keysAhead: 0,
                equalAt: null,
                why: 'repairing',
              }
            : null,
      })),
      counters: { fastWrite: count },
    }),
    checks: () => [{ name: 'disk', ok: true, detail: 'writes' }],
    counters: () => ({ fastWrite: count }),
    ring: () => control.view,
    control,
    keys,
    stop: async () => undefined,
  }
  return {
    peer,
    control,
    /** Partitions of 16 that the catalogue went through, and has. */
    coverage,
    audit,
    keys,
    search,
    /** Writes wait until the returned function is called. */
    holdWrites(): () => void {
      const { promise, resolve } = Promise.withResolvers<void>()
      hold = promise
      return resolve
    },
    versionsKept: () => [...kept.values()].reduce((sum, versions) => sum + versions.length, 0),
  }
}
