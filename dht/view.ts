import type { ContextKey, FleetId, PartitionId, PeerId } from '../base/ids.ts'
import { controlPartition, partitionOf } from './keyspace.ts'
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
  /**
   * The epoch of the learn stage in which an owner or next owner came in; who is not named was there from the start.
   * Whatever older copy it has counts for nothing (rule 10).
   */
  readonly entered?: Readonly<Record<PeerId, number>>
}

/** A move that is wanted and has not begun. */
export type PlannedMove = { readonly partition: PartitionId; readonly owners: readonly PeerId[] }

/** What operators may change while the fleet runs. */
export type MoveSettings = {
  /** No move begins and no learner copies; a joint stage is finished all the same. */
  readonly paused: boolean
  /** Bytes a second that one peer copies for moves. */
  readonly bytesPerSecond: number
  /** A member that is down for so long is taken out of the fleet, its partitions go to others; 0 for never. */
  readonly replaceAfterMs: number
  /** Partitions in learn or joint at once. */
  readonly atOnceMax: number
}

export const defaultMoves: MoveSettings = {
  paused: false,
  bytesPerSecond: 16 * 1024 * 1024,
  atOnceMax: 4,
  replaceAfterMs: 15 * 60_000,
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
  /** Who agrees on the view itself, the leader and the state of its duties: 3 to 7 members, fewer in smaller fleets. */
  readonly control: Assignment
  /** Members that are to own nothing; they go from the view when they do not. */
  readonly leaving: readonly PeerId[]
  /** Who was a member before, in the order in which they went: what they wrote stays theirs. */
  readonly former: readonly PeerId[]
  /** In the order in which they will begin. */
  readonly pending: readonly PlannedMove[]
  readonly moves: MoveSettings
  /** Highest token of a leader that changed the view; a lower one changes it no more (rule 11). */
  readonly token: number
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
    ...initialControl(start.members),
  }
}

/** Members of the control group of a fleet that can spare them. */
export const controlSize = (members: number): number => (members >= 7 ? 5 : Math.min(3, members))

/** What a view has besides members and partitions before anybody changed it. The first by id form the control group. */
export function initialControl(
  members: readonly Member[],
): Pick<View, 'control' | 'leaving' | 'former' | 'pending' | 'moves' | 'token'> {
  const ids = members.map(member => member.id).sort()
  const owners = ids.slice(0, controlSize(ids.length))
  return {
    control: { epoch: 1, stage: 'stable', owners, nextOwners: [] },
    leaving: [],
    former: [],
    pending: [],
    moves: defaultMoves,
    token: 0,
  }
}

/** The assignment of one partition, the control partition too. */
export const assignmentAt = (view: View, partition: PartitionId): Assignment =>
  partition === controlPartition ? view.control : view.partitions[partition]!

/** Every partition of a view, the control partition last. */
export function* assignmentsOf(view: View): Generator<PartitionOwners> {
  for (const [number, assignment] of view.partitions.entries())
    yield { partition: number as PartitionId, assignment }
  yield { partition: controlPartition, assignment: view.control }
}

/** Since which epoch of the partition `peer` has been one of its acceptors without a break; 1 for from the start. */
export const enteredAt = (assignment: Assignment, peer: PeerId): number => assignment.entered?.[peer] ?? 1

/** The assignment of the partition that holds `key`. */
export const assignmentOf = (view: View, key: ContextKey): Assignment =>
  assignmentAt(view, partitionOf(key, view.partitions.length))

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
