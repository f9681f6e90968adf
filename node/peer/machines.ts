import type { Clock } from '../../base/hlc.ts'
import type { PartitionId, PeerId } from '../../base/ids.ts'
import type { Random } from '../../base/random.ts'
import type { View } from '../../dht/view.ts'
import type { KeyPlace, Process } from '../../replication/context.ts'
import type { Coordinator } from '../../replication/coordinator.ts'
import type { Deliverer } from '../../replication/hints.ts'
import type { Limits } from '../../replication/limits.ts'
import type { Acceptor } from '../../replication/partition-state.ts'
import type { Puller } from '../../replication/puller.ts'
import type { Reader } from '../../replication/reader.ts'
import type { Records } from '../../replication/records.ts'
import type { Requester } from '../../replication/requester.ts'
import type { Membership } from './membership.ts'
import type { Scans } from './scans.ts'
import type { SelfRepair } from './self-repair.ts'
import type { Effect } from './step.ts'
import type { Upkeep } from './upkeep.ts'
import type { Watch } from './watch.ts'

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
  readonly deliverer: Deliverer
  readonly watch: Watch
  readonly partitionCount: () => number
  readonly placeOf: (partition: PartitionId) => KeyPlace
  readonly emit: (effect: Effect) => void
}

export type PeerOptions = {
  readonly self: PeerId
  readonly view: View
  /** Shared with whoever makes operation ids in this process. */
  readonly clock: Clock
  readonly incarnation: number
  readonly records: Records
  readonly limits: Limits
  readonly random: Random
}
