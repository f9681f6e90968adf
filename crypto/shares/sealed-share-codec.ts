import { SlurpError } from '../../base/errors.ts'
import type { PeerId } from '../../base/ids.ts'
import { ByteReader } from '../byte-reader.ts'
import type { Identity } from '../identity.ts'
import { peerKeyFrom, verifyBy } from '../peer-keys.ts'
import { isRecipient } from '../sealing.ts'
import { nonceBytes, ShareRefused } from './share-set.ts'
import { labelled, rawKeyOf } from './share-set-codec.ts'

const format = 1
const hashBytes = 32
const signatureBytes = 64
const recipientBytes = 62
const ageBytesMax = 1024

/** Bytes of one sealed share and of one release, at most. */
export const sealedShareBytesMax = 3 + hashBytes + 32 + 32 + 1 + 2 + ageBytesMax + signatureBytes
/** Bytes of every request. */
export const releaseRequestBytes = 3 + hashBytes + 32 + recipientBytes + nonceBytes + signatureBytes

const kinds = {
  share: { magic: 'SS', what: 'A sealed share', purpose: 'slurp/v1/sealed share\0' },
  release: { magic: 'SR', what: 'A released share', purpose: 'slurp/v1/released share\0' },
} as const
const request = { magic: 'SQ', what: 'A request for a share', purpose: 'slurp/v1/share request\0' } as const

/** A share under way: `share` from the dealer to its holder, `release` from the holder to who asked. */
export type SealedShare = {
  /** 32 bytes: of a share the subject of its set, of a release the hash of the request. */
  readonly binding: Uint8Array
  readonly holder: PeerId
  /** Who sealed and signed it: the dealer, or the holder. */
  readonly signer: PeerId
  readonly index: number
  /** age file to the holder, or to who asked. */
  readonly sealed: Uint8Array
}

/** Asks one holder, or all, for their share of one record. */
export type ReleaseRequest = {
  /** 32 bytes: hash of the record as published. */
  readonly recordHash: Uint8Array
  readonly requester: PeerId
  /** `age1…`, to which a holder seals its share. */
  readonly recipient: string
  /** 32 bytes, drawn for this request. */
  readonly nonce: Uint8Array
}

export function encodeSealedShare(
  kind: keyof typeof kinds,
  signer: Identity,
  share: SealedShare,
): Uint8Array {
  const size = Buffer.alloc(2)
  size.writeUInt16BE(share.sealed.length)
  const { magic, purpose } = kinds[kind]
  return signed(signer, purpose, [
    Buffer.from(magic, 'latin1'),
    Buffer.of(format),
    share.binding,
    rawKeyOf(share.holder),
    rawKeyOf(share.signer),
    Buffer.of(share.index),
    size,
    share.sealed,
  ])
}

/**
 * Reads its shape and proves that `signer` signed it.
 *
 * @throws ShareRefused without a culprit: who sent it is for the caller to say. SlurpError FORMAT_UNKNOWN.
 */
export function decodeSealedShare(kind: keyof typeof kinds, bytes: Uint8Array): SealedShare {
  const { what, purpose } = kinds[kind]
  if (bytes.length > sealedShareBytesMax) throw new ShareRefused(null, `${what} is larger than any.`)
  return checked(bytes, kinds[kind], reader => {
    const binding = Uint8Array.from(reader.take(hashBytes))
    const holder = peerKeyFrom(reader.take(32)).peerId
    const signer = peerKeyFrom(reader.take(32)).peerId
    const index = reader.u8()
    const size = reader.u8() * 256 + reader.u8()
    const share = { binding, holder, signer, index, sealed: Uint8Array.from(reader.take(size)) }
    checkSignature(reader, bytes, signer, purpose, what)
    if (index === 0) throw new ShareRefused(null, `${what} lies at zero.`)
    return share
  })
}

export const encodeReleaseRequest = (requester: Identity, asked: ReleaseRequest): Uint8Array =>
  signed(requester, request.purpose, [
    Buffer.from(request.magic, 'latin1'),
    Buffer.of(format),
    asked.recordHash,
    rawKeyOf(asked.requester),
    Buffer.from(asked.recipient, 'latin1'),
    asked.nonce,
  ])

/** Reads a request and proves that who asks signed it. @throws ShareRefused, SlurpError FORMAT_UNKNOWN. */
export function decodeReleaseRequest(bytes: Uint8Array): ReleaseRequest {
  if (bytes.length !== releaseRequestBytes)
    throw new ShareRefused(null, `${request.what} has another size than all.`)
  return checked(bytes, request, reader => {
    const recordHash = Uint8Array.from(reader.take(hashBytes))
    const requester = peerKeyFrom(reader.take(32)).peerId
    const recipient = reader.ascii(recipientBytes)
    const nonce = Uint8Array.from(reader.take(nonceBytes))
    checkSignature(reader, bytes, requester, request.purpose, request.what)
    if (!isRecipient(recipient)) throw new ShareRefused(null, `${request.what} names no age recipient.`)
    return { recordHash, requester, recipient, nonce }
  })
}

function signed(signer: Identity, purpose: string, parts: readonly Uint8Array[]): Uint8Array {
  const bytes = Buffer.concat(parts)
  return Buffer.concat([bytes, signer.sign(labelled(purpose, bytes))])
}

function checkSignature(
  reader: ByteReader,
  bytes: Uint8Array,
  signer: PeerId,
  purpose: string,
  what: string,
): void {
  const end = reader.at
  const signature = reader.take(signatureBytes)
  if (reader.left !== 0) throw new ShareRefused(null, `${what} has bytes after its end.`)
  if (!verifyBy(signer, labelled(purpose, bytes.subarray(0, end)), signature))
    throw new ShareRefused(null, `${what} is not signed by who it says.`)
}

function checked<T>(
  bytes: Uint8Array,
  { magic, what }: { readonly magic: string; readonly what: string },
  read: (reader: ByteReader) => T,
): T {
  const reader = new ByteReader(bytes, what)
  try {
    if (reader.ascii(2) !== magic) throw new ShareRefused(null, `${what} does not begin as one.`)
    if (reader.u8() !== format)
      throw new SlurpError('FORMAT_UNKNOWN', `${what} has a format that this release does not know.`)
    return read(reader)
  } catch (failure) {
    if (!(failure instanceof SlurpError) || failure.code !== 'INTEGRITY_FAILED') throw failure
    throw failure instanceof ShareRefused ? failure : new ShareRefused(null, failure.message)
  }
}
