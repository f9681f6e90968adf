import type { TestContext } from 'node:test'
import type { PartitionId, PeerId, RoleName } from '../../base/ids.ts'
import type { View } from '../../dht/view.ts'
import { FleetSearch } from '../../node/fleet-search/fleet-search.ts'
import { type OwnIndex, SearchResponder } from '../../node/fleet-search/responder.ts'
import type { Exchange } from '../../node/ports/exchange.ts'
import type { Change } from '../../node/search/api.ts'
import { type IndexConfiguration, mainIndex } from '../../node/search/engine/configuration.ts'
import type { SearchHost } from '../../node/search/search-host.ts'
import type { StoreDesk } from '../../node/store/store-desk.ts'
import { developer, searchWith } from '../search/fixtures.ts'

export const partitionsTotal = 12

export type TestPeer = {
  readonly id: PeerId
  readonly search: FleetSearch
  readonly host: SearchHost
  /** Frames that came in. */
  asked: number
  isUp: boolean
  /** Never answers. */
  isMute: boolean
  phase: OwnIndex['phase']
  entitled: readonly string[]
  /** Partitions below it are indexed. */
  filledTo: number
  damaged: PartitionId[]
}

/**
 * Peers with real indexes, real answers and real bytes between them; only the network and the placement are made up.
 *
 * @param owners - places of the peers that own each partition.
 * @param indexesOf - what each peer keeps.
 */
export async function searchFleet(
  t: TestContext,
  count: number,
  owners: (partition: number) => readonly number[],
  changes: readonly Change[],
  indexesOf: (place: number) => readonly IndexConfiguration[] = () => [mainIndex],
): Promise<TestPeer[]> {
  const ids = Array.from({ length: count }, (_, at) => `peer-${at}` as PeerId)
  const owning = Array.from({ length: partitionsTotal }, (_, partition) => owners(partition))
  const view = {
    members: ids.map((id, at) => ({ id, name: `p${at + 1}` })),
    partitions: owning.map(places => ({ owners: places.map(place => ids[place]!) })),
  } as unknown as View
  const peers: TestPeer[] = []
  const responders = new Map<PeerId, SearchResponder>()
  const clock = {
    wallMs: () => Date.now(),
    monotonicMs: () => performance.now(),
    at: (atMs: number, wake: () => void) => {
      const timer = setTimeout(wake, Math.max(0, atMs - performance.now()))
      return () => clearTimeout(timer)
    },
  }
  for (const [at, id] of ids.entries()) {
    const mine = new Set(owning.flatMap((places, partition) => (places.includes(at) ? [partition] : [])))
    const indexes = indexesOf(at)
    const own = changes.filter(change => change.kind !== 'put' || mine.has(change.document.partition))
    const host = await searchWith(t, own, indexes)
    const keeper: OwnIndex = {
      get phase() {
        return peer.phase
      },
      roles: [developer],
      host,
      feed: {
        covers: partition => partition < peer.filledTo,
        state: () => {
          throw new Error('not asked for here')
        },
      },
    }
    const responder = new SearchResponder({
      keeper,
      entitledTo: other => peers.find(each => each.id === other)?.entitled ?? [],
      answersFor: () => {
        const whole = [...mine].filter(partition => !peer.damaged.includes(partition as PartitionId))
        return new Set(whole as PartitionId[])
      },
      indexes,
    })
    responders.set(id, responder)
    const peerOf = (other: PeerId) => peers.find(each => each.id === other)!
    const exchange: Exchange = {
      serve: () => undefined,
      listen: () => undefined,
      isConnected: other => peerOf(other).isUp,
      async ask(to, question, timeoutMs) {
        const other = peerOf(to)
        other.asked += 1
        if (!other.isUp) return null
        if (!other.isMute) return await responders.get(to)!.answer(id, question)
        await new Promise(resolve => setTimeout(resolve, timeoutMs))
        return null
      },
    }
    const keys = { heldRoles: [developer] as RoleName[], sealedWhy: null }
    const search = new FleetSearch({
      self: id,
      view: () => view,
      exchange,
      responder,
      monotonicMs: clock.monotonicMs,
      keeper,
      indexes,
      desk: { parts: { clock, keys }, access: { checkReader: () => undefined } } as unknown as StoreDesk,
      failed: failure => {
        throw failure
      },
    })
    const peer: TestPeer = {
      id,
      search,
      host,
      asked: 0,
      isUp: true,
      isMute: false,
      phase: 'following',
      entitled: [developer],
      filledTo: partitionsTotal,
      damaged: [],
    }
    peers.push(peer)
  }
  return peers
}
