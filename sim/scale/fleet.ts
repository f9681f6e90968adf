import { createHash } from 'node:crypto'
import type { ContextKey, FleetId, PeerId } from '../../base/ids.ts'
import { initialView, type Member, type View } from '../../dht/view.ts'
import { SimNetwork } from '../network.ts'
import { World } from '../world.ts'
import { Clients, type Workload } from './clients.ts'
import { Counters } from './counters.ts'
import { ScalePeer } from './peer.ts'
import { measuredTimes, type ServiceTimes } from './service-times.ts'
import { Spread } from './spread.ts'
import type { Stored } from './stored.ts'

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
  /** What the disks have before it starts; nothing where it is left out. */
  readonly stored?: Stored
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
  readonly peers: ScalePeer[] = []
  readonly clients: Clients
  readonly counters = new Counters()
  /** Told of each view: once it is agreed on, and by each peer in which it is in force. */
  readonly spread = new Spread()
  readonly times: ServiceTimes
  readonly stored: Stored | null
  private readonly network: SimNetwork

  /** Everybody is connected and the clients have begun when it returns. */
  constructor(peerCount: number, { seed, replicas, partitions, workload, times, stored }: FleetOptions) {
    this.world = new World(seed, stepsMax)
    this.times = times
    this.stored = stored ?? null
    this.network = new SimNetwork(this.world)
    this.network.speed = times.network
    this.start(membersFrom(1, peerCount), viewOf(peerCount, replicas, partitions))
    const wayMs = times.network.leastMs + times.network.spreadMs / 2
    this.clients = new Clients(this.world, workload, wayMs, times.envelopeBytes)
    for (const peer of this.peers) this.clients.start(peer)
  }

  /** The newest view that is in force anywhere. */
  get view(): View {
    return this.peers.map(({ driver }) => driver.view()).reduce((a, b) => (b.epoch > a.epoch ? b : a))
  }

  /** Starts peers that are no members yet, without clients, and connects them. */
  addPeers(count: number): readonly Member[] {
    const comers = membersFrom(this.peers.length + 1, count)
    this.start(comers, this.view)
    return comers
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

  private start(members: readonly Member[], view: View): void {
    const { world, network, times, counters, spread } = this
    for (const { id: self } of members) {
      const number = this.peers.length
      const stored = this.stored?.changes.get(self) ?? []
      const peer = new ScalePeer({ world, network, view, self, number, times, counters, spread, stored })
      this.peers.push(peer)
      peer.start()
    }
    this.run(connectMs)
  }
}
