import type { PartitionId, PeerId } from '../../base/ids.ts'
import { acceptorsOf, assignmentsOf, replicaSetsOf, type View } from '../../dht/view.ts'
import { PairMap } from '../pair-map.ts'

/** Who votes and who accepts in every epoch of every partition, as far as a view of it was seen on a disk. */
export class Epochs {
  private readonly groups = new Map<PartitionId, Map<number, readonly (readonly PeerId[])[]>>()
  private readonly acceptors = new PairMap<PartitionId, number, readonly PeerId[]>()
  private readonly seenViews = new Set<number>()

  /** @returns whether it is a view that was not seen before. */
  saw(view: View): boolean {
    if (this.seenViews.has(view.epoch)) return false
    this.seenViews.add(view.epoch)
    for (const { partition, assignment } of assignmentsOf(view)) {
      this.groupsOf(partition).set(assignment.epoch, replicaSetsOf(assignment))
      this.acceptors.set(partition, assignment.epoch, acceptorsOf(assignment))
    }
    return true
  }

  /** The groups of each epoch of a partition: a map that grows with what is seen. */
  groupsOf(partition: PartitionId): Map<number, readonly (readonly PeerId[])[]> {
    let groups = this.groups.get(partition)
    if (groups === undefined) {
      groups = new Map()
      this.groups.set(partition, groups)
    }
    return groups
  }

  accepts(peer: PeerId, partition: PartitionId, epoch: number): boolean {
    return this.acceptors.get(partition, epoch)?.includes(peer) ?? false
  }
}
