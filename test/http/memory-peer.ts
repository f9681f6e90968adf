import { SlurpError } from '../../base/errors.ts'
import type { FleetId, PeerId } from '../../base/ids.ts'
import { defaultMoves, initialControl } from '../../dht/view.ts'
import type { FleetControl } from '../../node/fleet-control.ts'
import type { RunningPeer } from '../../node/running-peer.ts'
import { canonicalOf, formatAddress, parseAddress } from '../../node/store/address.ts'
import type { Context, ContextStore, HistoryEntry } from '../../node/store/api.ts'
import { parseContext } from '../../node/store/schema.ts'

const refuse = (): Promise<never> =>
  Promise.reject(new SlurpError('MEMBER_UNKNOWN', 'This fleet is one peer in memory.'))

/** A fleet that cannot be changed and has no leader. */
const noControl: FleetControl = {
  join: refuse,
  replace: refuse,
  leave: refuse,
  reweigh: refuse,
  plan: refuse,
  apply: refuse,
  setMoves: refuse,
  progress: () => ({
    epoch: 1,
    pending: 0,
    leaving: [],
    settings: defaultMoves,
    moving: [],
    copiedBytes: 0,
  }),
  leader: () => ({ leader: null, token: null, isSelf: false }),
  stepDown: () => false,
}

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
      const found = current(canonicalOf(address))
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
    async contextHistory(text, given = {}) {
      const address = parseAddress(text)
      const versions = kept.get(canonicalOf(address)) ?? []
      if (versions.length === 0) throw new SlurpError('NOT_FOUND', 'Nothing was ever at this address.')
      const page = versions.slice(0, given.limit ?? 100).map(({ context: _context, ...entry }) => entry)
      return { address: formatAddress(address), versions: page, cursor: null }
    },
  }
  const id = '12D3KooWmemory' as PeerId
  const fleet = 'f'.repeat(64) as FleetId
  const members = [{ id, name: 'p1', weight: 1, zone: 'z1' }]
  const peer: RunningPeer = {
    id,
    name: 'p1',
    fleet,
    store,
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
      partitions: { total: 2, owned: 2, damaged: 0 },
      roles: roles.map(name => ({ name, keyVersion: 1, held: true })),
      members: [{ id, name: 'p1', zone: 'z1', weight: 1, connected: true, partitions: 2 }],
      counters: { fastWrite: count },
    }),
    checks: () => [{ name: 'disk', ok: true, detail: 'writes' }],
    counters: () => ({ fastWrite: count }),
    ring: () => ({
      fleet,
      epoch: 1,
      replicas: 3,
      members,
      partitions: [{ epoch: 1, stage: 'stable', owners: [id], nextOwners: [] }],
      ...initialControl(members),
    }),
    control: noControl,
    stop: async () => undefined,
  }
  return {
    peer,
    /** Writes wait until the returned function is called. */
    holdWrites(): () => void {
      const { promise, resolve } = Promise.withResolvers<void>()
      hold = promise
      return resolve
    },
    versionsKept: () => [...kept.values()].reduce((sum, versions) => sum + versions.length, 0),
  }
}
