import { waitsOf } from './clients.ts'
import type { FleetOptions } from './fleet.ts'
import { ScaleFleet } from './fleet.ts'

/** Virtual time before anything is counted, and in which it is. */
export type LoadWindow = { readonly warmUpMs: number; readonly measureMs: number }

const warmUpMs = 500
/** A few ten thousand operations, whose slowest hundredth still says something, and no hours for a large fleet. */
const peerMs = 50_000
const measureMs: readonly [least: number, most: number] = [1_000, 4_000]

export const defaultWindow = (peers: number): LoadWindow => ({
  warmUpMs,
  measureMs: Math.min(measureMs[1], Math.max(measureMs[0], Math.round(peerMs / peers))),
})

/** What one fleet did in the measured time. */
export type LoadFigures = {
  /** Operations that were answered; `failed` of them with something else than was wanted. */
  readonly operations: number
  readonly failed: number
  readonly perSecond: number
  readonly perSecondAndPeer: number
  readonly messagesPerOperation: number
  readonly framesPerOperation: number
  readonly bytesPerOperation: number
  readonly meanMs: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly mostMs: number
  /** Part of the time in which the event loops were busy: mean of the peers, and the busiest. */
  readonly busyMean: number
  readonly busyMost: number
  /** The same of the busiest disk. */
  readonly diskBusyMost: number
  /** What the peers counted: hedged reads, repeated rounds. */
  readonly events: Readonly<Record<string, number>>
  /** Equal for equal options, as long as the code is the same. */
  readonly traceHash: string
}

/** Lets the clients of a new fleet work. The same options give the same figures. */
export const measureLoad = (peerCount: number, options: FleetOptions, window: LoadWindow): LoadFigures =>
  loadOf(new ScaleFleet(peerCount, options), window)

/** Lets the clients of `fleet` work. */
export function loadOf(fleet: ScaleFleet, window: LoadWindow): LoadFigures {
  const { peers, clients, counters } = fleet
  const peerCount = peers.length
  const { measureMs } = window
  fleet.run(window.warmUpMs)
  clients.forget()
  counters.reset()
  const before = peers.map(({ loop, diskBusyMs }) => ({ busyMs: loop.busyMs, diskBusyMs }))
  fleet.run(measureMs)

  const { operations, failed, waitedMs } = clients.served
  const busy = peers.map(({ loop }, number) => (loop.busyMs - before[number]!.busyMs) / measureMs)
  const diskBusy = peers.map(
    ({ diskBusyMs }, number) => (diskBusyMs - before[number]!.diskBusyMs) / measureMs,
  )
  const perSecond = operations / (measureMs / 1_000)
  return {
    operations,
    failed,
    perSecond,
    perSecondAndPeer: perSecond / peerCount,
    messagesPerOperation: counters.messagesCounted / operations,
    framesPerOperation: counters.frames / operations,
    bytesPerOperation: counters.bytes / operations,
    meanMs: waitedMs.reduce((sum, each) => sum + each, 0) / operations,
    ...waitsOf(waitedMs),
    busyMean: busy.reduce((sum, each) => sum + each, 0) / peerCount,
    busyMost: Math.max(...busy),
    diskBusyMost: Math.max(...diskBusy),
    events: Object.fromEntries([...counters.events].sort(([a], [b]) => (a < b ? -1 : 1))),
    traceHash: fleet.world.trace.digest(),
  }
}

/**
 * What each doubling from a fleet to a larger one leaves of the throughput of a peer: 1 when `after` peers do
 * `after / before` times as much. Between sizes that are no doubling apart it is the equal part of each doubling.
 */
export function efficiencyPerDoubling(
  before: { readonly peers: number; readonly perSecond: number },
  after: { readonly peers: number; readonly perSecond: number },
): number {
  const doublings = Math.log2(after.peers / before.peers)
  const kept = after.perSecond / after.peers / (before.perSecond / before.peers)
  return kept ** (1 / doublings)
}
