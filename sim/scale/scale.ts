import { partitionCountMax } from '../../dht/keyspace.ts'
import { defaultFleet, type FleetOptions, viewOf } from './fleet.ts'
import {
  defaultWindow,
  efficiencyPerDoubling,
  type LoadFigures,
  type LoadWindow,
  measureLoad,
} from './load.ts'
import { type BalanceFigures, type GrowthFigures, measureBalance, measureGrowth } from './placement.ts'
import { measuredOn, realFleet, type ServiceTimes } from './service-times.ts'
import { compactViewBytes } from './view-size.ts'

/** Bytes that each peer is taken to store when a tenth more peers join. */
const storedBytes = 10e9

/**
 * What a fleet under load is asked for besides its throughput, one function a figure. Null: the peers cannot do it
 * yet, and the figure is left out.
 */
export type Measures = {
  /** Virtual milliseconds from a changed view at one peer until every peer has it. */
  readonly viewSpreadMs: ((peers: number, options: FleetOptions) => number) | null
  /** Virtual milliseconds until a tenth more peers own what they shall. */
  readonly growthMs: ((peers: number, options: FleetOptions) => number) | null
}

export const measures: Measures = { viewSpreadMs: null, growthMs: null }

export type ScaleOptions = {
  readonly seed: number
  /** Sizes of the fleets that run, in peers, ascending. */
  readonly peers: readonly number[]
  /** Sizes of the fleets whose placement alone is computed. */
  readonly placements: readonly number[]
  readonly clientsPerPeer: number
  readonly window?: LoadWindow
  readonly told?: (progress: string) => void
}

export type FleetRow = LoadFigures & {
  readonly peers: number
  /** What each doubling since the fleet before left of the throughput of a peer; null for the first. */
  readonly efficiency: number | null
  readonly viewBytes: number
  readonly viewSpreadMs: number | null
  readonly growth: GrowthFigures & { readonly tookMs: number | null }
}

export type ScaleResult = {
  readonly seed: number
  readonly partitions: number
  readonly replicas: number
  readonly clientsPerPeer: number
  readonly writeShare: number
  readonly window: LoadWindow
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
  const { seed, peers, placements, clientsPerPeer, window = defaultWindow, told } = wish
  const options: FleetOptions = {
    ...defaultFleet,
    seed,
    workload: { ...defaultFleet.workload, clientsPerPeer },
  }
  const { partitions, replicas, workload, times } = options
  const fleets: FleetRow[] = []
  for (const count of peers) {
    told?.(`${count} peers under load`)
    const load = measureLoad(count, options, window)
    const before = fleets.at(-1)
    fleets.push({
      ...load,
      peers: count,
      efficiency: before ? efficiencyPerDoubling(before, { ...load, peers: count }) : null,
      viewBytes: compactViewBytes(viewOf(count, replicas, partitions)),
      viewSpreadMs: measures.viewSpreadMs?.(count, options) ?? null,
      growth: {
        ...measureGrowth(count, { partitions, replicas }, storedBytes),
        tookMs: measures.growthMs?.(count, options) ?? null,
      },
    })
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
    window,
    times,
    measuredOn,
    realFleet,
    storedBytes,
    fleets,
    placements: balances,
  }
}
