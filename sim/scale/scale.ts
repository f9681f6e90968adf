import { partitionCountMax } from '../../dht/keyspace.ts'
import { encodeView } from '../../node/driver/codec/view.ts'
import { defaultFleet, type FleetOptions, membersFrom, ScaleFleet, viewOf } from './fleet.ts'
import { comersOf, type JoinFigures, measureJoin } from './join.ts'
import { defaultWindow, efficiencyPerDoubling, type LoadFigures, type LoadWindow, loadOf } from './load.ts'
import { type BalanceFigures, type GrowthFigures, measureBalance, measureGrowth } from './placement.ts'
import { measuredOn, realFleet, type ServiceTimes } from './service-times.ts'
import { storedFor } from './stored.ts'

/** Peers of the largest fleet that peers join while all clients are at work, where nobody says otherwise. */
const allAtWorkMax = 50
/** Bytes that each peer is taken to store when a tenth more peers join. */
const storedBytes = 10e9
/** Stored before the run for each peer that will join, for each second in which the fleet before was measured. */
const contextsPerSecond = 600

export type ScaleOptions = {
  readonly seed: number
  /** Sizes of the fleets that run, in peers, ascending. */
  readonly peers: readonly number[]
  /** Sizes of the fleets whose placement alone is computed. */
  readonly placements: readonly number[]
  readonly clientsPerPeer: number
  /** Those of them that go on while peers join; else all, and one in fleets so large that all would take hours. */
  readonly joinClientsPerPeer?: number
  /** Of each fleet; else it is shorter the larger the fleet is. */
  readonly window?: LoadWindow
  readonly told?: (progress: string) => void
}

export type FleetRow = LoadFigures & {
  readonly peers: number
  /** What each doubling since the fleet before left of the throughput of a peer; null for the first. */
  readonly efficiency: number | null
  readonly window: LoadWindow
  readonly viewBytes: number
  readonly join: JoinFigures & {
    readonly clientsPerPeer: number
    /** What these clients met before. */
    readonly before: Pick<LoadFigures, 'perSecond' | 'p99Ms'>
    /** Stored before the run for each new peer that got something of it in the first wave of moves. */
    readonly storedBytesEach: number
    /** Of operations while they join, by that of before. */
    readonly p99Ratio: number
    /** The same while they copy what had been stored. */
    readonly copyingP99Ratio: number | null
  }
  readonly growth: GrowthFigures & {
    /** What the join took without its long copies, and each new peer's bytes at the rate of these copies. */
    readonly tookMs: number | null
  }
}

export type ScaleResult = {
  readonly seed: number
  readonly partitions: number
  readonly replicas: number
  readonly clientsPerPeer: number
  readonly writeShare: number
  readonly times: ServiceTimes
  readonly measuredOn: string
  readonly realFleet: typeof realFleet
  /** Bytes that each peer stores before it grows. */
  readonly storedBytes: number
  readonly fleets: readonly FleetRow[]
  readonly placements: readonly BalanceFigures[]
}

/** Fleets of growing size under the same load for each peer, and placement alone for far larger ones. */
export function runScale(wish: ScaleOptions): ScaleResult {
  const { seed, peers, placements, clientsPerPeer, joinClientsPerPeer, window, told } = wish
  const options: FleetOptions = {
    ...defaultFleet,
    seed,
    workload: { ...defaultFleet.workload, clientsPerPeer },
  }
  const { partitions, replicas, workload, times } = options
  const fleets: FleetRow[] = []
  for (const count of peers) {
    const joinClients = joinClientsPerPeer ?? (count > allAtWorkMax ? 1 : clientsPerPeer)
    fleets.push(
      measureFleet(count, options, joinClients, window ?? defaultWindow(count), fleets.at(-1), told),
    )
  }
  const balances = placements.map(count => {
    told?.(`placement on ${count} peers`)
    return measureBalance(count, { partitions: partitionCountMax, replicas })
  })
  const { writeShare } = workload
  return {
    seed,
    partitions,
    replicas,
    clientsPerPeer,
    writeShare,
    times,
    measuredOn,
    realFleet,
    storedBytes,
    fleets,
    placements: balances,
  }
}

/** @param before - the fleet before this one, whose efficiency this one is held against. */
function measureFleet(
  count: number,
  options: FleetOptions,
  joinClients: number,
  window: LoadWindow,
  before: FleetRow | undefined,
  told: (progress: string) => void = () => undefined,
): FleetRow {
  const { partitions, replicas, times } = options
  const view = viewOf(count, replicas, partitions)
  const contextsEach = Math.ceil((contextsPerSecond * window.measureMs) / 1_000)
  const comers = membersFrom(count + 1, comersOf(count))
  const stored = storedFor(view, comers, contextsEach, times.envelopeBytes)
  told(`${count} peers under load`)
  const fleet = new ScaleFleet(count, { ...options, stored })
  const load = loadOf(fleet, window)
  fleet.clients.keep(joinClients)
  const { perSecond, p99Ms } = joinClients === options.workload.clientsPerPeer ? load : loadOf(fleet, window)
  told(`${count} peers take in ${comers.length} more`)
  const join = measureJoin(fleet)
  const { copying } = join
  const growth = measureGrowth(count, { partitions, replicas }, storedBytes)
  return {
    ...load,
    peers: count,
    window,
    efficiency: before ? efficiencyPerDoubling(before, { ...load, peers: count }) : null,
    viewBytes: encodeView(view).length,
    join: {
      ...join,
      clientsPerPeer: joinClients,
      before: { perSecond, p99Ms },
      storedBytesEach: contextsEach * times.envelopeBytes,
      p99Ratio: join.p99Ms / p99Ms,
      copyingP99Ratio: copying && copying.p99Ms / p99Ms,
    },
    growth: {
      ...growth,
      tookMs:
        copying &&
        join.tookMs - copying.tookMs + (growth.leastBytes / growth.added / copying.bytesPerSecond) * 1_000,
    },
  }
}
