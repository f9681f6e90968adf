import { controlPartition, isPartitionCount, partitionCountMax } from './keyspace.ts'

/** Members of one fleet, at most. */
export const membersMax = 1024
/** Replicas of one partition, at most. */
export const replicasMax = 15
/** Weight of one member, at most, and the step in which weights are kept. */
export const weightMax = 1024
export const weightStep = 0.000_001
/** Former members, at most. */
export const formerMax = 8192
const peerIdCharactersMax = 128
const nameShape = /^[a-zA-Z0-9][a-zA-Z0-9._-]{0,62}$/

/**
 * Checks a view that came from outside, a decoded message or a file: shapes, caps, and that owners are distinct
 * members. Fields that it does not know are let through.
 *
 * @returns null when it is a `View`, else one sentence that says what is wrong.
 */
export function checkView(view: unknown): string | null {
  if (!isObject(view)) return 'A view must be an object.'
  if (typeof view.fleet !== 'string' || !/^[0-9a-f]{64}$/.test(view.fleet)) {
    return 'The fleet id of a view must have 64 hex digits.'
  }
  if (!isCount(view.epoch)) return 'The epoch of a view must be a whole number from 1.'
  if (!isCount(view.replicas) || view.replicas > replicasMax) {
    return `The replicas of a view must be a whole number from 1 to ${replicasMax}.`
  }
  const { members, partitions } = view
  if (!Array.isArray(members) || members.length < 1 || members.length > membersMax) {
    return `A view must have 1 to ${membersMax} members.`
  }
  for (const [index, member] of members.entries()) {
    const wrong = checkMember(member)
    if (wrong !== null) return `Member ${index} of the view: ${wrong}`
  }
  const ids = new Set<string>(members.map(member => member.id))
  if (ids.size < members.length) return 'Two members of the view have one id.'
  if (new Set(members.map(member => member.name)).size < members.length) {
    return 'Two members of the view have one name.'
  }
  if (!Array.isArray(partitions) || !isPartitionCount(partitions.length)) {
    return `The number of partitions of a view must be a power of two from 1 to ${partitionCountMax}.`
  }
  const wanted = { ids, epoch: view.epoch }
  for (const [index, assignment] of partitions.entries()) {
    const wrong = checkAssignment(assignment, wanted)
    if (wrong !== null) return `Partition ${index} of the view: ${wrong}`
  }
  const wrongControl = checkAssignment(view.control, wanted)
  if (wrongControl !== null) return `The control group of the view: ${wrongControl}`
  return checkPlans(view, ids, partitions.length)
}

function checkPlans(
  view: Record<string, unknown>,
  ids: ReadonlySet<string>,
  partitions: number,
): string | null {
  const { leaving, former, pending, moves, token } = view
  if (!Array.isArray(former) || former.length > formerMax || !former.every(isPeerText)) {
    return `Former members must be a list of at most ${formerMax} ids.`
  }
  if (
    !Array.isArray(leaving) ||
    !leaving.every(peer => ids.has(peer)) ||
    new Set(leaving).size < leaving.length
  ) {
    return 'Those who leave must be members of the view, each once.'
  }
  if (!Array.isArray(pending) || pending.length > partitions + 1) return 'The planned moves must be a list.'
  if (new Set(pending.map(move => move?.partition)).size < pending.length) {
    return 'A partition has one planned move at most.'
  }
  for (const move of pending) {
    const known = isObject(move) && Number.isSafeInteger(move.partition) && (move.partition as number) >= 0
    if (!known || ((move.partition as number) >= partitions && move.partition !== controlPartition)) {
      return 'A planned move must name a partition of the view.'
    }
    const wrong = checkOwners(move.owners, ids)
    if (wrong !== null) return `The owners of a planned move ${wrong}`
  }
  if (!isObject(moves) || typeof moves.paused !== 'boolean')
    return 'The view must say whether moves are paused.'
  if (!Number.isSafeInteger(moves.replaceAfterMs) || (moves.replaceAfterMs as number) < 0) {
    return 'The time after which a member is replaced must be whole milliseconds from 0.'
  }
  if (!isCount(moves.bytesPerSecond) || !isCount(moves.atOnceMax)) {
    return 'Bytes a second and moves at once must be whole numbers from 1.'
  }
  if (!Number.isSafeInteger(token) || (token as number) < 0)
    return 'The token of a view must be a whole number from 0.'
  return null
}

function checkMember(member: unknown): string | null {
  if (!isObject(member)) return 'a member must be an object.'
  const { id, name, weight, zone } = member
  if (typeof id !== 'string' || id === '' || id.length > peerIdCharactersMax) {
    return `its id must be a text of 1 to ${peerIdCharactersMax} characters.`
  }
  if (typeof name !== 'string' || !nameShape.test(name)) {
    return 'its name must have 1 to 63 of letters, digits, dot, dash and underscore.'
  }
  if (typeof weight !== 'number' || !(weight >= weightStep) || weight > weightMax) {
    return `its weight must be a number above 0 (0.000001 at least) and up to ${weightMax}.`
  }
  if (typeof zone !== 'string' || !nameShape.test(zone)) {
    return 'its zone must have 1 to 63 of letters, digits, dot, dash and underscore.'
  }
  return null
}

function checkAssignment(
  assignment: unknown,
  wanted: { ids: ReadonlySet<string>; epoch: number },
): string | null {
  if (!isObject(assignment)) return 'an assignment must be an object.'
  const { epoch, stage, owners, nextOwners, entered } = assignment
  if (!isCount(epoch) || epoch > wanted.epoch) {
    return 'its epoch must be a whole number from 1, and not above that of the view.'
  }
  if (stage !== 'stable' && stage !== 'learn' && stage !== 'joint') {
    return 'its stage must be `stable`, `learn` or `joint`.'
  }
  const wrongOwners = checkOwners(owners, wanted.ids)
  if (wrongOwners !== null) return `its owners ${wrongOwners}`
  if (stage === 'stable') {
    if (!Array.isArray(nextOwners) || nextOwners.length > 0) return 'a stable one must have no next owners.'
  } else {
    const wrongNext = checkOwners(nextOwners, wanted.ids)
    if (wrongNext !== null) return `its next owners ${wrongNext}`
  }
  return checkEntered(entered, [...(owners as string[]), ...(nextOwners as string[])], epoch)
}

function checkEntered(entered: unknown, acceptors: readonly string[], epoch: number): string | null {
  if (entered === undefined) return null
  if (!isObject(entered)) return 'the epochs of entering must be an object.'
  for (const [peer, at] of Object.entries(entered)) {
    if (!acceptors.includes(peer)) return 'who entered must be an owner or a next owner.'
    if (!isCount(at) || at > epoch) return 'the epoch of entering must be a whole number from 1 to its epoch.'
  }
  return null
}

function checkOwners(owners: unknown, ids: ReadonlySet<string>): string | null {
  if (!Array.isArray(owners) || owners.length < 1 || owners.length > replicasMax) {
    return `must be a list of 1 to ${replicasMax} members.`
  }
  if (!owners.every(owner => ids.has(owner))) return 'must all be members of the view.'
  return new Set(owners).size === owners.length ? null : 'must be distinct.'
}

const isPeerText = (peer: unknown): boolean =>
  typeof peer === 'string' && peer !== '' && peer.length <= peerIdCharactersMax

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 1
