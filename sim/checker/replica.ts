import type { Ballot, ContextKey, PartitionId } from '../../base/ids.ts'
import type { View } from '../../dht/view.ts'

/** What is durable at one peer. */
export type Replica = {
  readonly heads: Map<ContextKey, Ballot>
  /** Keys whose record was there and damaged when the running boot began. */
  readonly damaged: Set<ContextKey>
  /** Partitions of which it knows that records are lost: it has no vote there before they were read back. */
  readonly doubtful: Set<PartitionId>
  readonly ceilings: Map<PartitionId, Ballot>
  /** The newest view on its disk: the epochs in which it answers. */
  view: View
  /** What was stepped before the view was durable may be in the batch that follows it. */
  isBetween: boolean
}

export const newReplica = (view: View): Replica => ({
  heads: new Map(),
  damaged: new Set(),
  doubtful: new Set(),
  ceilings: new Map(),
  view,
  isBetween: false,
})

export function doubt({ doubtful }: Replica, partition: PartitionId, isDoubtful: boolean): void {
  if (isDoubtful) doubtful.add(partition)
  else doubtful.delete(partition)
}
