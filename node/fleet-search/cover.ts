import type { PartitionId, PeerId } from '../../base/ids.ts'

/** Somebody who could answer for partitions. */
export type Candidate = { readonly peer: PeerId; readonly partitions: ReadonlySet<PartitionId> }

/** Who is asked for what. */
export type Pick = { readonly peer: PeerId; readonly partitions: readonly PartitionId[] }

/**
 * As few peers as there need be, roughly: each time the one that covers the most of what is left. Each partition is
 * given to one of them.
 *
 * @param candidates - of equals the first is taken.
 */
export function cover(wanted: ReadonlySet<PartitionId>, candidates: readonly Candidate[]): Pick[] {
  const left = new Set(wanted)
  const picks: Pick[] = []
  while (left.size > 0) {
    let best: Pick = { peer: '' as PeerId, partitions: [] }
    for (const { peer, partitions } of candidates) {
      const useful = [...left].filter(partition => partitions.has(partition))
      if (useful.length > best.partitions.length) best = { peer, partitions: useful }
    }
    if (best.partitions.length === 0) break
    for (const partition of best.partitions) left.delete(partition)
    picks.push(best)
  }
  return picks
}
