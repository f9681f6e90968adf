import { LRUCache } from 'lru-cache'
import { SlurpError } from '../base/errors.ts'
import { peerTagOf } from '../base/hlc.ts'
import type { Digest } from '../base/ids.ts'
import {
  decodeEnvelope,
  decodeSigned,
  type Envelope,
  type EnvelopeHeader,
  type SignedPart,
} from './envelope-codec.ts'
import { isSignedWith, peerKeyOf } from './peer-keys.ts'

/** Purpose in front of what an author signs: the signature means nothing anywhere else. */
const purpose = Buffer.from('slurp/v1/envelope\0', 'latin1')
const verifiedMax = 4096

/**
 * Envelopes whose signature this process has checked, by the hash of all their bytes: a signature costs more than
 * sealing, so it is checked once (FACTS). Only true answers are kept; whoever asks has hashed the bytes itself.
 */
const verified = new LRUCache<Digest, EnvelopeHeader>({ max: verifiedMax })

export const signingBytes = (signedBytes: Uint8Array): Buffer => Buffer.concat([purpose, signedBytes])

/** Notes an envelope that this process signed itself. */
export function noteSigned(digest: Digest, header: EnvelopeHeader): void {
  verified.set(digest, header)
}

/**
 * The header of an envelope that is whole and signed by the author that it names.
 *
 * @param digest - SHA-256 of `data`, computed by the caller from these very bytes.
 * @throws SlurpError INTEGRITY_FAILED, FORMAT_UNKNOWN.
 */
export function verifiedHeader(data: Uint8Array, digest: Digest): EnvelopeHeader {
  return verified.get(digest) ?? verify(decodeEnvelope(data), digest)
}

/** As `verifiedHeader`, with the parts. */
export function verifiedEnvelope(data: Uint8Array, digest: Digest): Envelope {
  const envelope = decodeEnvelope(data)
  if (!verified.has(digest)) verify(envelope, digest)
  return envelope
}

/** As `verifiedHeader`, of the signed part of an envelope alone. @param digest - SHA-256 of `data`. */
export const verifiedPart = (data: Uint8Array, digest: Digest): EnvelopeHeader =>
  verified.get(digest) ?? verify(decodeSigned(data), digest)

function verify({ header, signedBytes, signature }: SignedPart, digest: Digest): EnvelopeHeader {
  const author = peerKeyOf(header.author)
  if (author === null || peerTagOf(header.version) !== author.clockTag) {
    throw new SlurpError('INTEGRITY_FAILED', 'An envelope has a version that its author cannot have made.')
  }
  if (!isSignedWith(author.key, signingBytes(signedBytes), signature)) {
    throw new SlurpError('INTEGRITY_FAILED', 'An envelope is not signed by the author that it names.')
  }
  verified.set(digest, header)
  return header
}
