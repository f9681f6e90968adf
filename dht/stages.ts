import { assert } from '../base/assert.ts'
import type { PartitionId, PeerId } from '../base/ids.ts'
import { controlPartition } from './keyspace.ts'
import { type Assignment, assignmentAt, assignmentsOf, enteredAt, type View } from './view.ts'

/** The view with some assignments replaced and its epoch raised by one. */
export function withAssignments(view: View, changed: ReadonlyMap<PartitionId, Assignment>): View {
  return {
    ...view,
    epoch: view.epoch + 1,
    partitions: view.partitions.map((assignment, number) => changed.get(number as PartitionId) ?? assignment),
    control: changed.get(controlPartition) ?? view.control,
  }
}

/** Rule 10, learn: who comes in gets everything from now on and does not vote; its older copies count for nothing. */
export function toLearn(assignment: Assignment, nextOwners: readonly PeerId[]): Assignment {
  assert(assignment.stage === 'stable', 'a move begins from a stable stage')
  const epoch = assignment.epoch + 1
  const comers = nextOwners.filter(peer => !assignment.owners.includes(peer))
  const entered = { ...assignment.entered }
  for (const peer of comers) entered[peer] = epoch
  return { epoch, stage: 'learn', owners: assignment.owners, nextOwners, entered }
}

/** Rule 10, joint: from here on a majority of both has to agree. */
export function toJoint(assignment: Assignment): Assignment {
  assert(assignment.stage === 'learn', 'owners learn before they vote')
  return { ...assignment, epoch: assignment.epoch + 1, stage: 'joint' }
}

/** Rule 10, stable: only when a majority of the next owners is synced. */
export function toStable(assignment: Assignment): Assignment {
  assert(assignment.stage === 'joint', 'a move ends from a joint stage')
  return stableWith(assignment, assignment.nextOwners)
}

/** Rule 10, abort: back to the owners of before, without a sync. */
export function aborted(assignment: Assignment): Assignment {
  assert(assignment.stage !== 'stable', 'only a move can be given up')
  return stableWith(assignment, assignment.owners)
}

function stableWith(assignment: Assignment, owners: readonly PeerId[]): Assignment {
  const entered: Record<PeerId, number> = {}
  for (const peer of owners) if (enteredAt(assignment, peer) > 1) entered[peer] = enteredAt(assignment, peer)
  return { epoch: assignment.epoch + 1, stage: 'stable', owners, nextOwners: [], entered }
}

/** How far an acceptor of a moving partition is, as it says itself. */
export type MoveState =
  /** It drops an older copy, or takes over the floors: it accepts nothing yet. */
  | 'entering'
  /** It accepts, and lists what the owners before it have. */
  | 'copying'
  /** It holds what a majority of the owners held when it listed them. */
  | 'copied'
  /** In this joint epoch: what a fenced majority of the owners held is here, durably, and their promises bind it. */
  | 'synced'

/** What an acceptor said of a partition in a stage; null when it said nothing. */
export type MoveReports = (partition: PartitionId, epoch: number, peer: PeerId) => MoveState | null

/** What has to be told about stages that are not over: who is waited for. */
export type Waiting = {
  readonly partition: PartitionId
  readonly stage: 'learn' | 'joint'
  readonly peers: readonly PeerId[]
}

const majority = (size: number): number => Math.floor(size / 2) + 1

/** An owner that says nothing has what it has; one that came in lately may say that it is still copying. */
const hasCopied = (state: MoveState | null, isOwner: boolean): boolean =>
  state === null ? isOwner : state === 'copied' || state === 'synced'

/** Whether nothing is left to wait for: then the next stage may follow. In `learn` safety needs nobody; the joint stage is short only if the copies are there. */
function isDone(
  partition: PartitionId,
  assignment: Assignment,
  reports: MoveReports,
  patient: boolean,
): boolean {
  const { epoch, stage, owners, nextOwners } = assignment
  if (stage === 'joint') {
    const synced = nextOwners.filter(peer => reports(partition, epoch, peer) === 'synced').length
    return synced >= majority(nextOwners.length)
  }
  const copied = nextOwners.filter(peer =>
    hasCopied(reports(partition, epoch, peer), owners.includes(peer)),
  ).length
  return copied >= (patient ? nextOwners.length : majority(nextOwners.length))
}

/** @param isPatient - whether a learner that is not there yet is still waited for. */
export function nextStages(
  view: View,
  reports: MoveReports,
  isPatient: (partition: PartitionId) => boolean,
): Map<PartitionId, Assignment> {
  const changed = new Map<PartitionId, Assignment>()
  for (const { partition, assignment } of assignmentsOf(view)) {
    if (assignment.stage === 'stable') continue
    const lost = assignment.nextOwners.filter(peer => view.leaving.includes(peer))
    // Nobody is moved to a member that leaves meanwhile; what it was needed for is planned anew.
    if (lost.length > 0) changed.set(partition, aborted(assignment))
    else if (isDone(partition, assignment, reports, isPatient(partition)))
      changed.set(partition, assignment.stage === 'learn' ? toJoint(assignment) : toStable(assignment))
  }
  return changed
}

/** The planned moves that may begin now. The control group moves alone: it carries all the others. */
export function movesToBegin(view: View): Map<PartitionId, Assignment> {
  const begun = new Map<PartitionId, Assignment>()
  if (view.moves.paused || view.control.stage !== 'stable') return begun
  const control = view.pending.find(move => move.partition === controlPartition)
  if (control !== undefined) return begun.set(controlPartition, toLearn(view.control, control.owners))
  let running = view.partitions.filter(assignment => assignment.stage !== 'stable').length
  for (const { partition, owners } of view.pending) {
    if (running >= view.moves.atOnceMax) break
    const assignment = assignmentAt(view, partition)
    if (assignment.stage !== 'stable') continue
    begun.set(partition, toLearn(assignment, owners))
    running += 1
  }
  return begun
}

/** Whose word is missing, partition by partition. */
export function waitedFor(view: View, reports: MoveReports): Waiting[] {
  const waiting: Waiting[] = []
  for (const { partition, assignment } of assignmentsOf(view)) {
    const { epoch, stage, owners, nextOwners } = assignment
    if (stage === 'stable') continue
    const peers = nextOwners.filter(peer => {
      const state = reports(partition, epoch, peer)
      return stage === 'joint' ? state !== 'synced' : !hasCopied(state, owners.includes(peer))
    })
    waiting.push({ partition, stage, peers })
  }
  return waiting
}
