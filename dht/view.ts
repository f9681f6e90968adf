import type { FleetId, PartitionId, PeerId } from '../base/ids.ts'

/** Where one partition stands on its way from owners to next owners (rule 10). */
export type Stage = 'stable' | 'learn' | 'joint'

export type Member = {
  readonly id: PeerId
  /** Short name for people, unique in the fleet: `p1`. */
  readonly name: string
  /** Share of the data relative to the other members; 1 is the norm. */
  readonly weight: number
  /** Failure zone; replicas of one partition sit in distinct zones while there are enough. */
  readonly zone: string
}

export type Assignment = {
  /** Grows by one with every change of stage; a round of the protocol lies in one epoch. */
  readonly epoch: number
  readonly stage: Stage
  /** Nearest first. In `learn` and `joint`: the owners before the move. */
  readonly owners: readonly PeerId[]
  /** The owners after the move; empty in `stable`. */
  readonly nextOwners: readonly PeerId[]
}

/** The fleet as agreed on: members, parameters and the owner of every partition. A value, never changed in place. */
export type View = {
  readonly fleet: FleetId
  /** Grows by one with every change of the view. */
  readonly epoch: number
  /** Owners wanted for each partition (N). */
  readonly replicas: number
  readonly members: readonly Member[]
  /** Indexed by partition number; the length is a power of two from 1 to 4096. */
  readonly partitions: readonly Assignment[]
}

export type PartitionOwners = { readonly partition: PartitionId; readonly assignment: Assignment }
