import type { PartitionId, PeerId } from '../base/ids.ts'

/** What the last comparison of one partition with one other owner found. Times are wall-clock milliseconds. */
export type Comparison = {
  readonly partition: PartitionId
  readonly peer: PeerId
  readonly comparedAtMs: number
  /** When they were last found equal, null for never in this boot. */
  readonly equalAtMs: number | null
  /** Keys in which the other one had less, and in which this replica had. */
  readonly peerBehind: number
  readonly selfBehind: number
  /** Buckets that differ and were not looked at, and keys that could not be repaired. */
  readonly left: number
  readonly outcome: 'equal' | 'repaired' | 'left' | 'silent' | 'refused'
}

/** How far one peer is from what this replica has, over all partitions that both own. */
export type PeerLag = {
  readonly peer: PeerId
  readonly partitions: number
  /** Partitions that were compared in this boot. */
  readonly compared: number
  readonly equal: number
  readonly peerBehind: number
  readonly selfBehind: number
  /** The time up to which all partitions are known to have been equal; null when one never was. */
  readonly equalAtMs: number | null
  /** The gravest of what keeps them apart. */
  readonly why: 'equal' | 'repairing' | 'left' | 'refused' | 'silent' | 'notCompared'
}

const gravity = ['equal', 'repairing', 'left', 'refused', 'silent', 'notCompared'] as const

/**
 * @param shared - other owners, and the partitions that each shares with this replica.
 * @returns one entry for each of them, who is furthest behind first.
 */
export function lagOf(
  comparisons: Iterable<Comparison>,
  shared: ReadonlyMap<PeerId, ReadonlySet<PartitionId>>,
): PeerLag[] {
  const known = new Map<PeerId, Comparison[]>()
  for (const comparison of comparisons) {
    if (!shared.get(comparison.peer)?.has(comparison.partition)) continue
    const list = known.get(comparison.peer)
    if (list) list.push(comparison)
    else known.set(comparison.peer, [comparison])
  }
  const lags = [...shared].map(([peer, partitions]) => lag(peer, partitions.size, known.get(peer) ?? []))
  return lags.sort(
    (a, b) =>
      gravity.indexOf(b.why) - gravity.indexOf(a.why) ||
      b.peerBehind - a.peerBehind ||
      (a.peer < b.peer ? -1 : 1),
  )
}

function lag(peer: PeerId, partitions: number, comparisons: readonly Comparison[]): PeerLag {
  const sum = (of: (each: Comparison) => number) => comparisons.reduce((total, each) => total + of(each), 0)
  const missing = comparisons.length < partitions
  let why: PeerLag['why'] = missing ? 'notCompared' : 'equal'
  let equalAtMs: number | null = missing ? null : Number.POSITIVE_INFINITY
  for (const each of comparisons) {
    const its = each.outcome === 'repaired' ? 'repairing' : each.outcome
    if (gravity.indexOf(its) > gravity.indexOf(why)) why = its
    equalAtMs = equalAtMs === null || each.equalAtMs === null ? null : Math.min(equalAtMs, each.equalAtMs)
  }
  return {
    peer,
    partitions,
    compared: comparisons.length,
    equal: comparisons.filter(each => each.outcome === 'equal').length,
    peerBehind: sum(each => each.peerBehind),
    selfBehind: sum(each => each.selfBehind),
    equalAtMs: equalAtMs === Number.POSITIVE_INFINITY ? null : equalAtMs,
    why,
  }
}
