import type { PartitionId } from '../../base/ids.ts'
import type { KeyPlace, Process } from '../../replication/context.ts'
import type { Coordinator } from '../../replication/coordinator.ts'
import type { Acceptor } from '../../replication/partition-state.ts'
import type { Puller } from '../../replication/puller.ts'
import type { Reader } from '../../replication/reader.ts'
import type { Requester } from '../../replication/requester.ts'
import type { Membership } from './membership.ts'
import type { Scans } from './scans.ts'
import type { SelfRepair } from './self-repair.ts'
import type { Effect } from './step.ts'
import type { Upkeep } from './upkeep.ts'

/** The protocols of one peer, which share its process; each wishes for what another does. */
export type Machines = {
  readonly process: Process
  readonly acceptor: Acceptor
  readonly coordinator: Coordinator
  readonly reader: Reader
  readonly requester: Requester
  readonly repair: SelfRepair
  readonly puller: Puller
  readonly membership: Membership
  readonly scans: Scans
  readonly upkeep: Upkeep
  readonly partitionCount: () => number
  readonly placeOf: (partition: PartitionId) => KeyPlace
  readonly emit: (effect: Effect) => void
}
