import { createHash } from 'node:crypto'
import type { ContextKey, FleetId, PeerId } from '../../base/ids.ts'
import { initialView, type Member, type View } from '../../dht/view.ts'
import { SimNetwork } from '../network.ts'
import { World } from '../world.ts'
import { Clients, type Workload } from './clients.ts'
import { Counters } from './counters.ts'
import { ScalePeer } from './peer.ts'
import { measuredTimes, type ServiceTimes } from './service-times.ts'

/** Far above what a fleet of 100 peers needs. */
const stepsMax = 200_000_000
/** Virtual time in which every peer finds every other. */
const connectMs = 500

export type FleetOptions = {
  readonly seed: number
  readonly partitions: number
  readonly replicas: number
  readonly workload: Workload
  readonly times: ServiceTimes
}

export const defaultFleet: FleetOptions = {
  seed: 1,
  partitions: 256,
  replicas: 3,
  workload: { clientsPerPeer: 16, writeShare: 0.5, isSkewed: false },
  times: measuredTimes,
}

/** Ids of the length of real ones. */
const idOf = (number: number): PeerId => `12D3KooW${hashOf(`scale ${number}`).slice(0, 44)}` as PeerId

export const hashOf = (text: string): ContextKey =>
  createHash('sha256').update(text).digest('hex') as ContextKey

/** Members `first` to `first + count - 1`, each in a zone of its own. */
export const membersFrom = (first: number, count: number): Member[] =>
  Array.from({ length: count }, (_, at) => {
    const number = first + at
    return { id: idOf(number), name: `p${number}`, weight: 1, zone: `z${number}` }
  })

export const viewOf = (peers: number, replicas: number, partitions: number): View =>
  initialView({
    fleet: 'f'.repeat(64) as FleetId,
    members: membersFrom(1, peers),
    replicas,
    partitionCount: partitions,
    hash: hashOf,
  })

/** One fleet on virtual time, its clients at work. */
export class ScaleFleet {
  readonly world: World
  readonly view: View
  readonly peers: readonly ScalePeer[]
  readonly clients: Clients
  readonly counters = new Counters()

  /** Everybody is connected and the clients have begun when it returns. */
  constructor(peerCount: number, { seed, replicas, partitions, workload, times }: FleetOptions) {
    this.world = new World(seed, stepsMax)
    const { world, counters } = this
    const network = new SimNetwork(world)
    network.speed = times.network
    const view = viewOf(peerCount, replicas, partitions)
    this.view = view
    this.peers = view.members.map(
      ({ id: self }, number) => new ScalePeer({ world, network, view, self, number, times, counters }),
    )
    for (const peer of this.peers) peer.start()
    this.run(connectMs)
    const wayMs = times.network.leastMs + times.network.spreadMs / 2
    this.clients = new Clients(world, workload, wayMs, times.envelopeBytes)
    for (const peer of this.peers) this.clients.start(peer)
  }

  run(forMs: number): void {
    this.world.run(this.world.nowMs + forMs)
  }

  /** Runs until `holds`. @returns how long it took in virtual milliseconds, null when it took longer than `atMostMs`. */
  runUntil(holds: () => boolean, atMostMs: number): number | null {
    const startMs = this.world.nowMs
    this.world.run(startMs + atMostMs, holds)
    return holds() ? this.world.nowMs - startMs : null
  }
}
