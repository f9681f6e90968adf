import { SlurpError } from '../../base/errors.ts'
import type { FleetId, PeerId } from '../../base/ids.ts'
import { ByteReader } from '../byte-reader.ts'
import { sha256 } from '../digest.ts'
import type { Identity } from '../identity.ts'
import { peerKeyFrom, peerKeyOf, verifyBy } from '../peer-keys.ts'
import { isSecretName } from './secret-name.ts'
import { type Holder, holdersMax, holdersMin, ShareRefused, type ShareSet, setIdBytes } from './share-set.ts'

const magic = 'SK'
const format = 1
const purpose = 'slurp/v1/share set\0'
const subjectPurpose = 'slurp/v1/share set subject\0'
const hashBytes = 32
const signatureBytes = 64
/** Bytes of one record, at most: the longest role name and all holders. */
export const shareSetBytesMax = 3 + 32 + 33 + 8 + setIdBytes + 1 + 32 + 1 + holdersMax * 65 + signatureBytes

/** A record that its dealer signed. Whether the dealer was allowed to is for the caller to say. */
export type SignedShareSet = {
  readonly set: ShareSet
  /** As published. */
  readonly bytes: Uint8Array
  /** 32 bytes, SHA-256 of `bytes`: names this very record. */
  readonly hash: Uint8Array
  /** 32 bytes: hash of all but holders and signature. Shares and commitments are bound to it. */
  readonly subjectHash: Uint8Array
}

type Subject = Omit<ShareSet, 'holders'>

/** What commitments and shares are bound to; known before there are any. */
export const subjectHashOf = (subject: Subject): Uint8Array => hashOfSubject(encodeSubject(subject))

/** Signs and encodes a set, and reads it back. @throws SlurpError CONFIG_INVALID for a set that breaks a cap. */
export function signShareSet(dealer: Identity, set: ShareSet): SignedShareSet {
  const signed = Buffer.concat([
    encodeSubject(set),
    Buffer.of(set.holders.length & 0xff),
    ...set.holders.flatMap(({ peer, index, commitment }) => [
      rawKeyOf(peer),
      Buffer.of(index & 0xff),
      commitment,
    ]),
  ])
  const bytes = Buffer.concat([signed, dealer.sign(labelled(purpose, signed))])
  try {
    return decodeShareSet(bytes)
  } catch (failure) {
    if (!(failure instanceof SlurpError)) throw failure
    throw new SlurpError('CONFIG_INVALID', failure.message)
  }
}

/**
 * Reads a record, and proves that its dealer signed it. There is one encoding of every set.
 *
 * @throws ShareRefused, or SlurpError FORMAT_UNKNOWN for one of a later release.
 */
export function decodeShareSet(bytes: Uint8Array): SignedShareSet {
  if (bytes.length > shareSetBytesMax) throw malformed('is larger than any')
  // What is kept must not change with the frame that it came in.
  const kept = Uint8Array.from(bytes)
  const reader = new ByteReader(kept, 'A share set')
  try {
    return read(kept, reader)
  } catch (failure) {
    if (failure instanceof SlurpError && failure.code === 'INTEGRITY_FAILED') {
      throw failure instanceof ShareRefused ? failure : malformed('is cut off')
    }
    throw failure
  }
}

function read(bytes: Uint8Array, reader: ByteReader): SignedShareSet {
  const subject = readSubject(reader)
  const subjectHash = hashOfSubject(bytes.subarray(0, reader.at))
  const holders = readHolders(reader)
  if (subject.threshold > holders.length) throw malformed('needs more shares than there are')
  if (subject.threshold < Math.min(2, holders.length)) throw malformed('needs fewer than two shares')
  const signed = bytes.subarray(0, reader.at)
  const signature = reader.take(signatureBytes)
  if (reader.left !== 0) throw malformed('has bytes after its end')
  if (!verifyBy(subject.dealer, labelled(purpose, signed), signature))
    throw malformed('is not signed by its dealer')
  return { set: { ...subject, holders }, bytes, hash: sha256(bytes), subjectHash }
}

function readSubject(reader: ByteReader): Subject {
  if (reader.ascii(2) !== magic) throw malformed('does not begin as one')
  if (reader.u8() !== format) {
    throw new SlurpError('FORMAT_UNKNOWN', 'A share set has a format that this release does not know.')
  }
  const fleet = reader.hex(32) as FleetId
  const secret = reader.ascii(reader.u8())
  const keyVersion = reader.u32()
  const setVersion = reader.u32()
  const setId = reader.hex(setIdBytes)
  const threshold = reader.u8()
  const dealer = peerKeyFrom(reader.take(32)).peerId
  if (!isSecretName(secret)) throw malformed('names a broken secret')
  if (keyVersion === 0 || setVersion === 0) throw malformed('has a broken version')
  return { fleet, secret, keyVersion, setVersion, setId, threshold, dealer }
}

function readHolders(reader: ByteReader): Holder[] {
  const count = reader.u8()
  if (count < holdersMin) throw malformed('has too few holders')
  const holders: Holder[] = []
  const peers = new Set<PeerId>()
  for (let place = 0; place < count; place++) {
    const peer = peerKeyFrom(reader.take(32)).peerId
    const index = reader.u8()
    // At zero lies the secret: a share that claims that point would replace it.
    if (index === 0) throw malformed('has a share at zero')
    if (index <= (holders.at(-1)?.index ?? 0)) throw malformed('has an index twice or out of order')
    if (peers.size === peers.add(peer).size) throw malformed('has a holder twice')
    holders.push({ peer, index, commitment: Uint8Array.from(reader.take(hashBytes)) })
  }
  return holders
}

function encodeSubject(subject: Subject): Buffer {
  const versions = Buffer.alloc(8)
  versions.writeUInt32BE(subject.keyVersion, 0)
  versions.writeUInt32BE(subject.setVersion, 4)
  return Buffer.concat([
    Buffer.from(magic, 'latin1'),
    Buffer.of(format),
    Buffer.from(subject.fleet, 'hex'),
    Buffer.of(subject.secret.length),
    Buffer.from(subject.secret, 'latin1'),
    versions,
    Buffer.from(subject.setId, 'hex'),
    Buffer.of(subject.threshold),
    rawKeyOf(subject.dealer),
  ])
}

/** 32 raw bytes of the key inside a peer id. @throws SlurpError CONFIG_INVALID when it is no Ed25519 peer id. */
export function rawKeyOf(peer: PeerId): Uint8Array {
  const key = peerKeyOf(peer)
  if (key === null)
    throw new SlurpError('CONFIG_INVALID', 'A holder of a share has an id that is no Ed25519 peer id.')
  return key.publicKey
}

/** A purpose in front of bytes that are signed or hashed. */
export const labelled = (label: string, ...parts: readonly Uint8Array[]): Uint8Array =>
  Buffer.concat([Buffer.from(label, 'latin1'), ...parts])

const hashOfSubject = (bytes: Uint8Array): Uint8Array => sha256(labelled(subjectPurpose, bytes))

const malformed = (how: string) => new ShareRefused(null, `A share set ${how}.`)
