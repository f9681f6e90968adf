import { SlurpError } from '../base/errors.ts'
import {
  type ContextKey,
  type Digest,
  type FleetId,
  isControlKey,
  isRoleName,
  type PeerId,
  type RoleName,
  type Version,
} from '../base/ids.ts'
import { ByteReader } from './byte-reader.ts'
import { sha256Hex } from './digest.ts'
import type { ProjectScope } from './grants/project-scope.ts'
import { peerKeyFrom, peerKeyOf } from './peer-keys.ts'

/** Roles of one context, at most. */
export const rolesOfContextMax = 32
/** Bytes of one envelope, at most; the wire carries no more. */
export const envelopeBytesMax = 1024 * 1024 + 64 * 1024

const magic = 'SE'
/**
 * What this release writes: 2, and 3 for what stands for an earlier version. The one before had no grants, and is read:
 * their places are not there.
 */
const format = 2
const formerFormat = 1
const resealFormat = 3
const kinds = ['live', 'tombstone'] as const
const signatureBytes = 64

export type RoleKeyName = { readonly name: RoleName; readonly keyVersion: number }

/** The version that a reseal holds, sealed anew: whoever reads sees that one. */
export type StandsFor = {
  readonly version: Version
  /** What it replaced. */
  readonly parent: Version | null
  /** Who signed it. */
  readonly author: PeerId
}

/** What an envelope is about, known before anything is sealed; the sealed bytes are bound to all of it. */
export type EnvelopeSubject = {
  readonly fleet: FleetId
  readonly key: ContextKey
  /** The operation that wrote it; its clock tag is the author's. */
  readonly version: Version
  /** The version that it replaces; null over an absent key. */
  readonly parent: Version | null
  readonly kind: 'live' | 'tombstone'
  /** Wall-clock milliseconds after which readers treat it as gone; 0 for never. */
  readonly expiresAtMs: number
  /** The process that signed it. */
  readonly author: PeerId
  /** SHA-256 of the grant under which it was written; null for none, which no fleet takes. */
  readonly grant: Digest | null
  /** Stands for the project of its address; there only when the grant is held to projects. */
  readonly scope: ProjectScope | null
  /** Null but for a reseal. */
  readonly standsFor: StandsFor | null
  /** Who can open it, in the order of the stanzas: by name, each once. Empty for a tombstone and a control register. */
  readonly roles: readonly RoleKeyName[]
}

/** What everybody may see of a context: all but the sealed bytes. */
export type EnvelopeHeader = EnvelopeSubject & {
  /** 1: of a release without grants; it names none. 3: a reseal. */
  readonly format: 1 | 2 | 3
  /** Size of the age file, in bytes; 0 for a tombstone. */
  readonly bodyBytes: number
  readonly bodyHash: Digest
}

/** An envelope without its body, taken apart; the byte strings lie in the envelope's own memory. */
export type SignedPart = {
  readonly header: EnvelopeHeader
  readonly subjectBytes: Uint8Array
  /** What the author signed. */
  readonly signedBytes: Uint8Array
  readonly signature: Uint8Array
}

export type Envelope = SignedPart & { readonly body: Uint8Array }

/** @param authorKey - 32 raw bytes of the Ed25519 key of `subject.author`. */
export function encodeSubject(subject: Omit<EnvelopeSubject, 'author'>, authorKey: Uint8Array): Buffer {
  const { parent, roles, standsFor } = subject
  const start = Buffer.alloc(3)
  start.write(magic, 0, 'latin1')
  start[2] = standsFor === null ? format : resealFormat
  const end = Buffer.alloc(9)
  end[0] = kinds.indexOf(subject.kind)
  end.writeBigUInt64BE(BigInt(subject.expiresAtMs), 1)
  const roleParts = roles.flatMap(({ name, keyVersion }) => {
    const part = Buffer.alloc(1 + name.length + 4)
    part[0] = name.length
    part.write(name, 1, 'latin1')
    part.writeUInt32BE(keyVersion, 1 + name.length)
    return part
  })
  return Buffer.concat([
    start,
    Buffer.from(subject.fleet + subject.key + subject.version, 'hex'),
    parentPart(parent),
    end,
    authorKey,
    Buffer.of((subject.grant === null ? 0 : 1) + (subject.scope === null ? 0 : 2)),
    Buffer.from(`${subject.grant ?? ''}${subject.scope ?? ''}`, 'hex'),
    ...(standsFor === null ? [] : standsForParts(standsFor)),
    Buffer.of(roles.length),
    ...roleParts,
  ])
}

const parentPart = (parent: Version | null): Buffer =>
  Buffer.from(parent === null ? '00' : `01${parent}`, 'hex')

const standsForParts = ({ version, parent, author }: StandsFor): Uint8Array[] => [
  Buffer.from(version, 'hex'),
  parentPart(parent),
  peerKeyOf(author)!.publicKey,
]

/** Subject, size and hash of the body: what the author signs. */
export function encodeSigned(subjectBytes: Uint8Array, body: Uint8Array): Buffer {
  const size = Buffer.alloc(4)
  size.writeUInt32BE(body.length, 0)
  return Buffer.concat([subjectBytes, size, Buffer.from(sha256Hex(body), 'hex')])
}

/**
 * Takes an envelope apart and checks its shape, its caps and the hash of its body, not its signature.
 * There is one encoding of everything: what this takes of the format of now, `encodeSubject` and `encodeSigned` give back.
 *
 * @throws SlurpError INTEGRITY_FAILED, or FORMAT_UNKNOWN for an envelope of a later release.
 */
export function decodeEnvelope(data: Uint8Array): Envelope {
  if (data.length > envelopeBytesMax) throw malformed('is larger than any envelope')
  const reader = new ByteReader(data)
  const { subjectBytes, ...signed } = readSigned(data, reader)
  const { header } = signed
  if (header.bodyBytes !== reader.left) throw malformed('has a body of another size')
  const body = reader.take(header.bodyBytes)
  if (sha256Hex(body) !== header.bodyHash) throw malformed('has a body that was changed')
  return { ...signed, subjectBytes, body }
}

/**
 * As `decodeEnvelope`, of an envelope without its body: what its author signed, and the signature.
 *
 * @throws SlurpError INTEGRITY_FAILED, FORMAT_UNKNOWN.
 */
export function decodeSigned(data: Uint8Array): SignedPart {
  const reader = new ByteReader(data)
  const signed = readSigned(data, reader)
  if (reader.left !== 0) throw malformed('has more than its signed part')
  return signed
}

function readSigned(data: Uint8Array, reader: ByteReader): SignedPart {
  if (reader.ascii(2) !== magic) throw malformed('does not begin as one')
  const found = reader.u8()
  if (found !== format && found !== formerFormat && found !== resealFormat) {
    throw new SlurpError('FORMAT_UNKNOWN', 'An envelope has a format that this release does not know.')
  }
  const fleet = reader.hex(32) as FleetId
  const key = reader.hex(32) as ContextKey
  const version = reader.hex(12) as Version
  const parent = readParent(reader)
  const kind = kinds[reader.u8()]
  const expiresAtMs = reader.u64()
  if (kind === undefined || !Number.isSafeInteger(expiresAtMs)) throw malformed('has a broken kind or expiry')
  const author = peerKeyFrom(reader.take(32)).peerId
  const named = found === formerFormat ? 0 : reader.u8()
  if (named > 3 || named === 2) throw malformed('names a broken grant')
  const grant = (named & 1) === 1 ? (reader.hex(32) as Digest) : null
  const scope = (named & 2) === 2 ? (reader.hex(32) as ProjectScope) : null
  const standsFor = found === resealFormat ? readStandsFor(reader, parent) : null
  const roles = readRoles(reader)
  const subjectBytes = data.subarray(0, reader.at)
  const bodyBytes = reader.u32()
  const bodyHash = reader.hex(32) as Digest
  const signedBytes = data.subarray(0, reader.at)
  const signature = reader.take(signatureBytes)
  const isLive = kind === 'live'
  // What a control register holds is for every member's eyes: a body, and nobody that it is sealed to.
  const isSealed = isLive && !isControlKey(key)
  if (isSealed !== roles.length > 0 || isLive !== bodyBytes > 0 || (standsFor !== null && !isSealed))
    throw malformed('has a body that its kind denies')
  const subject = { fleet, key, version, parent, kind, expiresAtMs, author, grant, scope, standsFor, roles }
  return {
    header: { format: found, ...subject, bodyBytes, bodyHash },
    subjectBytes,
    signedBytes,
    signature,
  }
}

function readParent(reader: ByteReader): Version | null {
  const hasParent = reader.u8()
  if (hasParent > 1) throw malformed('has a broken parent')
  return hasParent === 1 ? (reader.hex(12) as Version) : null
}

/** It stands for what it replaces, or for what that stands for. */
function readStandsFor(reader: ByteReader, replaced: Version | null): StandsFor {
  const version = reader.hex(12) as Version
  const parent = readParent(reader)
  const author = peerKeyFrom(reader.take(32)).peerId
  if (replaced === null || version > replaced || (parent !== null && parent >= version))
    throw malformed('stands for what it cannot stand for')
  return { version, parent, author }
}

/**
 * What a reseal stands for; null for every other envelope. Only the part of a stored envelope that says so is looked at:
 * whether it is whole and signed is for others to check.
 *
 * @throws SlurpError INTEGRITY_FAILED.
 */
export function standsForOf(data: Uint8Array | null): StandsFor | null {
  if (data === null || data[2] !== resealFormat) return null
  return decodeEnvelope(data).header.standsFor
}

function readRoles(reader: ByteReader): RoleKeyName[] {
  const count = reader.u8()
  if (count > rolesOfContextMax) throw malformed('names too many roles')
  const roles: RoleKeyName[] = []
  for (let place = 0; place < count; place++) {
    const name = reader.ascii(reader.u8())
    const keyVersion = reader.u32()
    const before = roles.at(-1)
    if (!isRoleName(name) || keyVersion === 0) throw malformed('names a broken role')
    if (before !== undefined && before.name >= name) throw malformed('names its roles out of order')
    roles.push({ name, keyVersion })
  }
  return roles
}

const malformed = (how: string) => new SlurpError('INTEGRITY_FAILED', `An envelope ${how}.`)
