import type { PartitionId, PeerId } from '../../base/ids.ts'
import { acceptorsOf, assignmentAt, enteredAt, replicaSetsOf, type View } from '../../dht/view.ts'
import type { KeyPlace } from '../../replication/context.ts'

/** What the protocols need to know of one partition in this view. */
export function placeIn(view: View, partition: PartitionId, self: PeerId): KeyPlace {
  const assignment = assignmentAt(view, partition)
  const targets = acceptorsOf(assignment)
  const quorum = { epoch: assignment.epoch, groups: replicaSetsOf(assignment), targets }
  const accepts = targets.includes(self)
  return { partition, accepts, since: accepts ? enteredAt(assignment, self) : 0, quorum }
}
