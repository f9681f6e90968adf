import { fromHex, toHex } from '../base/bytes.ts'
import { type FleetId, isRoleName, type PeerId } from '../base/ids.ts'
import { checkView } from '../dht/check-view.ts'
import { type Assignment, initialControl, type Member, type Stage, type View } from '../dht/view.ts'
import { peerKeyOf } from './peer-keys.ts'
import { isKeyVersion, type RoleRecipient, roleKeysMax } from './roles.ts'
import { isRecipient } from './sealing.ts'

/** Number of the form that `toJson` writes. */
export const fleetRecordFormat = 1
const publicKeyBytes = 32

/** What the authority says of its fleet. */
export type FleetStatement = {
  readonly view: View
  /** Public halves of every key version of every role. */
  readonly roles: readonly RoleRecipient[]
  /** 32 bytes; the fleet id is their hash. */
  readonly authorityPublicKey: Uint8Array
}

/** As JSON values in a fixed order. Owners are places in the list of members: ids would be most of the record. */
export function toJson({ view, roles, authorityPublicKey }: FleetStatement) {
  const places = new Map(view.members.map((member, place) => [member.id, place]))
  const placesOf = (owners: readonly PeerId[]) => owners.map(owner => places.get(owner)!)
  return {
    format: fleetRecordFormat,
    fleet: view.fleet as string,
    authority: toHex(authorityPublicKey),
    epoch: view.epoch,
    replicas: view.replicas,
    members: view.members.map(({ id, name, weight, zone }) => ({ id, name, weight, zone })),
    roles: roles.map(({ name, keyVersion, recipient }) => ({ name, keyVersion, recipient })),
    partitions: view.partitions.map(({ epoch, stage, owners, nextOwners }) => [
      epoch,
      stage,
      placesOf(owners),
      placesOf(nextOwners),
    ]),
  }
}

/** @returns one sentence that says what is wrong when it is no statement of a fleet. */
export function fromJson(json: Record<string, unknown>): FleetStatement | string {
  const { fleet, authority, epoch, replicas, members, roles, partitions } = json
  const authorityPublicKey = typeof authority === 'string' ? fromHex(authority) : null
  if (authorityPublicKey?.length !== publicKeyBytes) return 'The authority must be a key of 64 hex digits.'
  if (!Array.isArray(members) || !Array.isArray(partitions)) return 'Members and partitions must be lists.'
  const owned = partitions.map(partition => assignmentFrom(partition, members))
  // The record is the view of a new fleet; what a running one agreed on since is in its register.
  const start = { fleet: fleet as FleetId, epoch, replicas, members, partitions: owned } as unknown as View
  const view: View = { ...start, ...initialControl(namedMembers(members)) }
  const wrong = checkView(view) ?? checkClockTags(view.members)
  if (wrong !== null) return wrong
  const checkedRoles = rolesFrom(roles)
  return typeof checkedRoles === 'string' ? checkedRoles : { view, roles: checkedRoles, authorityPublicKey }
}

function assignmentFrom(partition: unknown, members: readonly unknown[]): Assignment | null {
  if (!Array.isArray(partition) || partition.length !== 4) return null
  const [epoch, stage, owners, nextOwners] = partition
  const idsOf = (places: unknown) =>
    Array.isArray(places) ? places.map(place => (members[place] as Member | undefined)?.id as PeerId) : []
  return { epoch, stage: stage as Stage, owners: idsOf(owners), nextOwners: idsOf(nextOwners) }
}

/** Those that have an id at all; whether they are members is for `checkView` to say. */
const namedMembers = (members: readonly unknown[]): readonly Member[] =>
  (members as readonly Member[]).filter(member => typeof member?.id === 'string')

/** Versions are told apart by the tag of their process (rule 13): two members must not share one. */
function checkClockTags(members: readonly Member[]): string | null {
  const tags = new Set<string>()
  for (const member of members) {
    const peer = peerKeyOf(member.id)
    if (peer === null) return `Member ${member.name} has an id that is no Ed25519 peer id.`
    tags.add(peer.clockTag)
  }
  return tags.size === members.length ? null : 'Two members share the tag of their clocks.'
}

function rolesFrom(roles: unknown): RoleRecipient[] | string {
  if (!Array.isArray(roles) || roles.length > roleKeysMax)
    return `Roles must be a list of at most ${roleKeysMax}.`
  const seen = new Set<string>()
  const checked: RoleRecipient[] = []
  for (const role of roles) {
    const { name, keyVersion, recipient } = (role ?? {}) as Record<string, unknown>
    if (typeof name !== 'string' || !isRoleName(name)) return 'A role must have the name of one.'
    if (!isKeyVersion(keyVersion)) return 'The key version of a role must be a whole number from 1.'
    if (typeof recipient !== 'string' || !isRecipient(recipient)) return 'A role must have an age recipient.'
    if (seen.size === seen.add(`${name}/${keyVersion}`).size) return 'A role has one key version twice.'
    checked.push({ name, keyVersion, recipient })
  }
  return checked
}
