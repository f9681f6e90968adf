import { SlurpError } from '../base/errors.ts'
import type { ContextKey, PartitionId, PeerId } from '../base/ids.ts'
import { formerMax } from './check-view.ts'
import { controlPartition } from './keyspace.ts'
import { placeReplicas } from './placement.ts'
import { type MoveReports, movesToBegin, nextStages, withAssignments } from './stages.ts'
import {
  type Assignment,
  assignmentAt,
  assignmentsOf,
  controlSize,
  type Member,
  type MoveSettings,
  type PlannedMove,
  type View,
} from './view.ts'

/** SHA-256 of a text. */
export type Hash = (text: string) => ContextKey

/** The members that are to own something. */
export const stayingMembers = (view: View): readonly Member[] =>
  view.members.filter(member => !view.leaving.includes(member.id))

/**
 * A new member, and the moves that give it its share.
 * @throws SlurpError MEMBER_KNOWN for an id or a name that the fleet has.
 */
export function joined(view: View, member: Member, hash: Hash): View {
  if (isThere(view, member)) return view
  refuseKnown(view, member)
  return replanned({ ...view, epoch: view.epoch + 1, members: [...view.members, member] }, hash)
}

/**
 * A member that is to own nothing any more, dead or alive: its partitions go to the others, then it goes itself.
 * @throws SlurpError MEMBER_UNKNOWN, TOO_FEW_PEERS when fewer would be left than there are replicas, LAST_COPY when it
 * alone owns a partition and is not there to give it away.
 */
export function left(view: View, peer: PeerId, isAlive: boolean, hash: Hash): View {
  const member = memberOf(view, peer)
  if (view.leaving.includes(peer)) return view
  const rest = stayingMembers(view).length - 1
  if (rest < view.replicas) {
    throw new SlurpError(
      'TOO_FEW_PEERS',
      `Without ${member.name} ${rest} ${rest === 1 ? 'peer' : 'peers'} would be left for ${view.replicas} replicas of everything.`,
    )
  }
  if (!isAlive) refuseLastCopy(view, member)
  return replanned({ ...view, epoch: view.epoch + 1, leaving: [...view.leaving, peer] }, hash)
}

/**
 * A new member in the place of another one: it gets what that one had, and nothing else moves.
 * @throws SlurpError MEMBER_UNKNOWN, MEMBER_KNOWN; MEMBER_LEAVING when others take its place already.
 */
export function replaced(view: View, old: PeerId, member: Member, isAlive: boolean): View {
  if (isThere(view, member)) return view
  const before = memberOf(view, old)
  refuseKnown(view, member)
  if (view.leaving.includes(old))
    throw new SlurpError('MEMBER_LEAVING', `${before.name} is on its way out of the fleet already.`)
  if (!isAlive) refuseLastCopy(view, before)
  const taken = (owners: readonly PeerId[]) => owners.map(owner => (owner === old ? member.id : owner))
  const later = new Map(view.pending.map(move => [move.partition, taken(move.owners)]))
  for (const { partition, assignment } of assignmentsOf(view)) {
    const aim = later.get(partition) ?? aimOf(assignment)
    if (aim.includes(old)) later.set(partition, taken(aim))
  }
  return {
    ...view,
    epoch: view.epoch + 1,
    members: [...view.members, member],
    leaving: [...view.leaving, old],
    pending: plansOf(view, later),
  }
}

/**
 * Another weight or zone of a member.
 * @throws SlurpError MEMBER_UNKNOWN.
 */
export function reweighed(
  view: View,
  peer: PeerId,
  change: { readonly weight?: number; readonly zone?: string },
  hash: Hash,
): View {
  memberOf(view, peer)
  const members = view.members.map(member => (member.id === peer ? { ...member, ...change } : member))
  return replanned({ ...view, epoch: view.epoch + 1, members }, hash)
}

/** Other settings of the moves: paused, bytes a second, how many at once. */
export const withMoves = (view: View, moves: Partial<MoveSettings>): View => ({
  ...view,
  epoch: view.epoch + 1,
  moves: { ...view.moves, ...moves },
})

/** The moves from where things stand, or are on their way to, to where placement wants them. */
export function planOf(view: View, hash: Hash): PlannedMove[] {
  const members = stayingMembers(view)
  const previous = view.partitions.map(aimOf)
  const placed = placeReplicas({
    members,
    replicas: view.replicas,
    partitionCount: view.partitions.length,
    hash,
    previous,
  })
  const wanted = new Map<PartitionId, readonly PeerId[]>(
    placed.map((owners, number) => [number as PartitionId, owners]),
  )
  wanted.set(controlPartition, controlOwners(view, members))
  return plansOf(view, wanted)
}

/** The view with its planned moves made anew. The epoch stays: it is part of another change. */
export const replanned = (view: View, hash: Hash): View => ({ ...view, pending: planOf(view, hash) })

/**
 * What the leader does next: stages that are done go on, planned moves begin, who owns nothing and leaves is gone.
 *
 * @param token - of the leader.
 * @returns null when there is nothing to do, or a later leader has changed the view.
 */
export function advanced(
  view: View,
  reports: MoveReports,
  isPatient: (partition: PartitionId) => boolean,
  token: number,
): View | null {
  // Rule 11: a leader of before does nothing more.
  if (token < view.token) return null
  const onward = nextStages(view, reports, isPatient)
  const begun = movesToBegin(view)
  const gone = view.leaving.filter(peer => !isNeeded(view, peer))
  if (onward.size + begun.size + gone.length === 0 && token === view.token) return null
  const next = withAssignments(view, new Map([...onward, ...begun]))
  const left = next.pending.filter(move => !begun.has(move.partition))
  return {
    ...next,
    token,
    members: next.members.filter(member => !gone.includes(member.id)),
    leaving: next.leaving.filter(peer => !gone.includes(peer)),
    former: [...next.former.filter(peer => !gone.includes(peer)), ...gone].slice(-formerMax),
    pending: plansOf(next, new Map(left.map(move => [move.partition, move.owners]))),
  }
}

/** Whether a member owns something, is on its way to, or is planned to. */
function isNeeded(view: View, peer: PeerId): boolean {
  for (const { assignment } of assignmentsOf(view)) {
    if (assignment.owners.includes(peer) || assignment.nextOwners.includes(peer)) return true
  }
  return view.pending.some(move => move.owners.includes(peer))
}

/** Those who will own it when a move that is under way is over. */
const aimOf = (assignment: Assignment): readonly PeerId[] =>
  assignment.stage === 'stable' ? assignment.owners : assignment.nextOwners

/** As few changes as possible: those who stay, filled up with the members of the lowest ids. */
function controlOwners(view: View, members: readonly Member[]): readonly PeerId[] {
  const ids = members.map(member => member.id)
  const size = controlSize(ids.length)
  const staying = aimOf(view.control).filter(peer => ids.includes(peer))
  const others = ids.filter(peer => !staying.includes(peer)).sort()
  return [...staying, ...others].slice(0, size)
}

function plansOf(view: View, wanted: ReadonlyMap<PartitionId, readonly PeerId[]>): PlannedMove[] {
  const plans: PlannedMove[] = []
  for (const [partition, owners] of wanted) {
    if (!isSameGroup(aimOf(assignmentAt(view, partition)), owners)) plans.push({ partition, owners })
  }
  return plans
}

/** The same members, whoever is first. */
const isSameGroup = (a: readonly PeerId[], b: readonly PeerId[]): boolean =>
  a.length === b.length && a.every(peer => b.includes(peer))

function memberOf(view: View, peer: PeerId): Member {
  const member = view.members.find(each => each.id === peer)
  if (member === undefined) throw new SlurpError('MEMBER_UNKNOWN', 'The fleet has no such peer.')
  return member
}

/** The same change again: its first answer was lost. */
const isThere = (view: View, { id, name }: Member): boolean =>
  view.members.some(member => member.id === id && member.name === name)

function refuseKnown(view: View, { id, name }: Member): void {
  if (view.members.some(member => member.id === id)) {
    throw new SlurpError('MEMBER_KNOWN', `A peer with the id of ${name} is in the fleet already.`)
  }
  if (view.members.some(member => member.name === name)) {
    throw new SlurpError('MEMBER_KNOWN', `The fleet has a peer named ${name} already.`)
  }
}

function refuseLastCopy(view: View, { id, name }: Member): void {
  const alone = view.partitions.filter(({ owners }) => owners.length === 1 && owners[0] === id).length
  if (alone === 0) return
  throw new SlurpError('LAST_COPY', `${name} holds the only copy of ${alone} partitions.`)
}
