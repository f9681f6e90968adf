import type { ContextKey, FleetId, PartitionId, PeerId } from '../base/ids.ts'
import { partitionOf } from './keyspace.ts'
import { placeReplicas } from './placement.ts'

export { checkView } from './check-view.ts'

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

/**
 * The view of a new fleet, at epoch 1 with every partition stable.
 *
 * @param replicas - owners wanted for each partition (N); with fewer members, all of them own every partition.
 * @param hash - SHA-256 of a text.
 */
export function initialView(start: {
  fleet: FleetId
  members: readonly Member[]
  replicas: number
  partitionCount: number
  hash: (text: string) => ContextKey
}): View {
  const placed = placeReplicas(start)
  return {
    fleet: start.fleet,
    epoch: 1,
    replicas: start.replicas,
    members: start.members,
    partitions: placed.map(owners => ({ epoch: 1, stage: 'stable', owners, nextOwners: [] })),
  }
}

/** The assignment of the partition that holds `key`. */
export const assignmentOf = (view: View, key: ContextKey): Assignment =>
  view.partitions[partitionOf(key, view.partitions.length)]!

/** The owners that vote on `key` and are asked first, in order; during a move those before it. */
export const ownersOf = (view: View, key: ContextKey): readonly PeerId[] => assignmentOf(view, key).owners

/** The groups that each have to reach a majority: one, or two in a joint stage (rule 10). */
export const replicaSetsOf = (assignment: Assignment): readonly (readonly PeerId[])[] =>
  assignment.stage === 'joint' ? [assignment.owners, assignment.nextOwners] : [assignment.owners]

/** Everyone who receives accepts: the owners, and from `learn` on the next owners too; each one once. */
export const acceptorsOf = (assignment: Assignment): readonly PeerId[] =>
  assignment.stage === 'stable'
    ? assignment.owners
    : [...new Set([...assignment.owners, ...assignment.nextOwners])]
