import { decode, encode } from 'cborg'
import { sameBytes } from '../../base/bytes.ts'
import { SlurpError } from '../../base/errors.ts'
import type { FleetId, PeerId } from '../../base/ids.ts'
import { fleetOf } from '../authority.ts'
import { peerKeyOf } from '../peer-keys.ts'
import { isKeyVersion } from '../roles.ts'
import { isRecipient } from '../sealing.ts'
import { isSecretName, type SecretName } from '../shares/secret-name.ts'
import { decodeShareSet } from '../shares/share-set-codec.ts'
import {
  type Entitlement,
  entitlementsMax,
  inOrder,
  isRole,
  keyStates,
  type Registry,
  registryBytesMax,
  type SecretEntry,
  secretsMax,
} from './registry.ts'
import { areEntitled, isGenuine } from './statements.ts'

const format = 1
const namesMax = 64

/** One encoding of every registry. @throws SlurpError TOO_LARGE past `registryBytesMax`. */
export function encodeRegistry({ authority, secrets, entitlements }: Registry): Uint8Array {
  const bytes = encode([format, authority, secrets.map(entryParts), entitlements.map(entitlementParts)])
  if (
    bytes.length <= registryBytesMax &&
    secrets.length <= secretsMax &&
    entitlements.length <= entitlementsMax
  )
    return bytes
  throw new SlurpError('TOO_LARGE', 'The registry of keys would become larger than a register holds.', {
    hint: 'Retire roles that are used no more, and let key versions that nothing is sealed to be dropped.',
  })
}

/**
 * Reads a registry and proves all that it says: every key endorsed, every dealing by somebody who had the secret, every
 * entitlement by somebody who could give it.
 *
 * @throws SlurpError INTEGRITY_FAILED, FORMAT_UNKNOWN.
 */
export function decodeRegistry(bytes: Uint8Array, fleet: FleetId): Registry {
  if (bytes.length > registryBytesMax) throw refused('It is larger than any.')
  const value = decoded(bytes)
  if (!Array.isArray(value)) throw refused('It has another shape than all.')
  if (value[0] !== format)
    throw new SlurpError(
      'FORMAT_UNKNOWN',
      'The registry of keys has a format that this release does not know.',
    )
  const [, authority, secrets, entitlements] = value
  if (!isBytes(authority, 32) || !isList(secrets, secretsMax) || !isList(entitlements, entitlementsMax))
    throw refused('It has another shape than all.')
  if (fleetOf(authority) !== fleet) throw refused('It is of another fleet.')
  const registry: Registry = {
    fleet,
    authority: Uint8Array.from(authority),
    secrets: secrets.map(entryFrom),
    entitlements: entitlements.map(entitlementFrom),
  }
  if (!sameBytes(encodeRegistry({ ...registry, secrets: inOrder(registry.secrets) }), bytes))
    throw refused('It is not in canonical form.')
  const slots = new Set(registry.secrets.map(({ name, keyVersion }) => `${name}/${keyVersion}`))
  if (slots.size !== registry.secrets.length) throw refused('It names a key version twice.')
  if (!registry.secrets.every(entry => isGenuine(registry, entry)))
    throw refused('It names a key that nobody who could has vouched for.')
  if (!areEntitled(registry)) throw refused('It entitles somebody whom nobody could entitle.')
  return registry
}

/** One key version alone, as a dealer shows it to a holder. */
export const encodeEntry = (entry: SecretEntry): Uint8Array => encode(entryParts(entry))

/** Its shape only: whether it is genuine is for `isGenuine` to say. @throws SlurpError INTEGRITY_FAILED. */
export const decodeEntry = (bytes: Uint8Array): SecretEntry => entryFrom(decoded(bytes))

/** One entitlement alone, as who has it shows it to a holder. */
export const encodeEntitlement = (entitlement: Entitlement): Uint8Array =>
  encode(entitlementParts(entitlement))

/** Its shape only: whether it counts is for `areEntitled` to say. @throws SlurpError INTEGRITY_FAILED. */
export const decodeEntitlement = (bytes: Uint8Array): Entitlement => entitlementFrom(decoded(bytes))

const entryParts = (entry: SecretEntry) => [
  entry.name,
  entry.keyVersion,
  keyStates.indexOf(entry.state),
  entry.recipient,
  entry.verifier,
  entry.endorser,
  entry.endorsement,
  entry.set.bytes,
  entry.proof,
  ...(entry.createdAtMs === null ? [] : [entry.createdAtMs]),
]

const entitlementParts = ({ peer, names, by, signature }: Entitlement) => [peer, names, by, signature]

function entryFrom(value: unknown): SecretEntry {
  if (!Array.isArray(value) || (value.length !== 9 && value.length !== 10))
    throw refused('A key has another shape than all.')
  const [name, keyVersion, place, recipient, verifier, endorser, endorsement, set, proof, createdAtMs] = value
  if (value.length === 10 && !(Number.isSafeInteger(createdAtMs) && createdAtMs >= 0))
    throw refused('A key has a broken time.')
  const state = keyStates[place as number]
  if (typeof name !== 'string' || !isSecretName(name) || !isKeyVersion(keyVersion) || state === undefined)
    throw refused('A key has a broken name, version or state.')
  const isRight = isRole(name) ? typeof recipient === 'string' && isRecipient(recipient) : recipient === null
  if (!isRight) throw refused('A key has a broken recipient.')
  if (!isBytes(verifier, 32) || !isBytes(endorser, 32) || !isBytes(endorsement, 64) || !isBytes(proof, 64))
    throw refused('A key has a broken check value or signature.')
  if (!(set instanceof Uint8Array)) throw refused('A key has no dealing.')
  const own = { verifier: Uint8Array.from(verifier), endorser: Uint8Array.from(endorser) }
  const dealing = { set: decodeShareSet(set), proof }
  return {
    name,
    keyVersion,
    state,
    recipient,
    createdAtMs: createdAtMs ?? null,
    ...own,
    endorsement,
    ...dealing,
  }
}

function entitlementFrom(value: unknown): Entitlement {
  const [peer, names, by, signature] = Array.isArray(value) ? value : []
  if (typeof peer !== 'string' || peerKeyOf(peer) === null || !isList(names, namesMax))
    throw refused('An entitlement has a broken peer or list.')
  if (!names.every(name => typeof name === 'string' && isSecretName(name)) || !isAscending(names as string[]))
    throw refused('An entitlement names broken secrets.')
  if (!isBytes(by, 32) || !isBytes(signature, 64)) throw refused('An entitlement has a broken signature.')
  return { peer: peer as PeerId, names: names as SecretName[], by, signature }
}

const isAscending = (names: readonly string[]): boolean =>
  names.every((name, place) => place === 0 || names[place - 1]! < name)

const isBytes = (value: unknown, size: number): value is Uint8Array =>
  value instanceof Uint8Array && value.length === size

const isList = (value: unknown, max: number): value is unknown[] =>
  Array.isArray(value) && value.length <= max

function decoded(bytes: Uint8Array): unknown {
  try {
    return decode(bytes, { strict: true, rejectDuplicateMapKeys: true })
  } catch {
    throw refused('It is not encoded as one.')
  }
}

const refused = (why: string): SlurpError =>
  new SlurpError('INTEGRITY_FAILED', `A registry of keys is refused. ${why}`, {
    hint: 'Copy keys.registry from another peer of this fleet.',
  })
