import { createHmac } from 'node:crypto'
import { combine } from 'shamir-secret-sharing'
import { sameBytes } from '../../base/bytes.ts'
import { sha256 } from '../digest.ts'
import { type Holder, secretBytes } from './share-set.ts'
import { labelled, rawKeyOf, type SignedShareSet } from './share-set-codec.ts'

const commitmentPurpose = 'slurp/v1/share commitment\0'
const checkPurpose = 'slurp/v1/check of a shared secret\0'
const checkBytes = 32

/** What is split: the secret and its check. */
export const payloadBytes = secretBytes + checkBytes
export const blindBytes = 32

/** A share in the clear: in memory only, and wiped after use. */
export type OpenShare = {
  /** x coordinate, 1 to 255. */
  readonly index: number
  /** 32 random bytes: without them a guess of the secret could be tested on the commitment. */
  readonly blind: Uint8Array
  /** y coordinates, one for each byte of the payload. */
  readonly points: Uint8Array
}

export function commitmentOf(
  subjectHash: Uint8Array,
  holder: Pick<Holder, 'peer'>,
  { index, blind, points }: OpenShare,
): Uint8Array {
  return sha256(
    labelled(commitmentPurpose, subjectHash, rawKeyOf(holder.peer), Buffer.of(index), blind, points),
  )
}

/** Whether a share is the one that its holder was dealt by this set. */
export const fitsCommitment = (record: SignedShareSet, holder: Holder, share: OpenShare): boolean =>
  share.index === holder.index &&
  sameBytes(commitmentOf(record.subjectHash, holder, share), holder.commitment)

/**
 * What was split, from as many raw shares as it takes: points, and the index behind them. The library asks for two; the
 * share of one alone is what was split.
 */
export const together = async (raw: readonly Uint8Array[]): Promise<Uint8Array> =>
  raw.length === 1 ? raw[0]!.slice(0, -1) : await combine([...raw])

/** The secret, and a hash keyed with it: shares that do not belong together give something that does not check. */
export function payloadOf(subjectHash: Uint8Array, secret: Uint8Array): Uint8Array {
  const payload = new Uint8Array(payloadBytes)
  payload.set(secret)
  payload.set(checkOf(subjectHash, secret), secretBytes)
  return payload
}

/** @returns a copy of the secret; null when the payload does not check. */
export function secretFrom(subjectHash: Uint8Array, payload: Uint8Array): Uint8Array | null {
  const secret = payload.slice(0, secretBytes)
  if (
    payload.length === payloadBytes &&
    sameBytes(checkOf(subjectHash, secret), payload.subarray(secretBytes))
  )
    return secret
  wipe(secret)
  return null
}

const checkOf = (subjectHash: Uint8Array, secret: Uint8Array): Uint8Array =>
  createHmac('sha256', secret).update(checkPurpose, 'latin1').update(subjectHash).digest()

/** Writes zeros over secrets that were used. What the runtime copied meanwhile stays until it is collected. */
export function wipe(...secrets: readonly (Uint8Array | undefined)[]): void {
  for (const secret of secrets) secret?.fill(0)
}

/** Index, blind and points behind 32 bytes that say what they are sealed for. */
export const sealedBytes = 32 + 1 + blindBytes + payloadBytes

export function packShare(binding: Uint8Array, { index, blind, points }: OpenShare): Uint8Array {
  const packed = new Uint8Array(sealedBytes)
  packed.set(binding, 0)
  packed[32] = index
  packed.set(blind, 33)
  packed.set(points, 33 + blindBytes)
  return packed
}

/** @returns null for another size or another binding. The parts are copies. */
export function unpackShare(binding: Uint8Array, packed: Uint8Array): OpenShare | null {
  if (packed.length !== sealedBytes || !sameBytes(packed.subarray(0, 32), binding)) return null
  return {
    index: packed[32]!,
    blind: Uint8Array.from(packed.subarray(33, 33 + blindBytes)),
    points: Uint8Array.from(packed.subarray(33 + blindBytes)),
  }
}
