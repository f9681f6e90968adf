import type { PartitionId, PeerId } from '../../base/ids.ts'
import { acceptorsOf, replicaSetsOf, type View } from '../../dht/view.ts'
import type { Place } from '../../replication/acceptor.ts'
import type { KeyPlace } from '../../replication/context.ts'

/** What the protocols need to know of one partition in this view. */
export function placeIn(view: View, partition: PartitionId, self: PeerId): KeyPlace {
  const assignment = view.partitions[partition]!
  const targets = acceptorsOf(assignment)
  const quorum = { epoch: assignment.epoch, groups: replicaSetsOf(assignment), targets }
  return { partition, accepts: targets.includes(self), quorum }
}

/** The same for the acceptor, which needs no quorum. */
export const toPlace = ({ partition, accepts, quorum }: KeyPlace): Place => ({
  partition,
  accepts,
  epoch: quorum.epoch,
})
