import { sameBytes } from '../../base/bytes.ts'
import { SlurpError } from '../../base/errors.ts'
import { sha256 } from '../digest.ts'
import type { Identity } from '../identity.ts'
import { openWith, sealTo } from '../sealing.ts'
import {
  decodeReleaseRequest,
  decodeSealedShare,
  encodeReleaseRequest,
  encodeSealedShare,
} from './sealed-share-codec.ts'
import { fitsCommitment, type OpenShare, packShare, unpackShare, wipe } from './share.ts'
import { nonceBytes, ShareRefused } from './share-set.ts'
import type { SignedShareSet } from './share-set-codec.ts'

/**
 * Asks the holders of a set for their shares, to be sealed to the own key of who asks.
 *
 * @param nonce - 32 bytes, drawn for this request: a release that was made for another one is refused.
 */
export function askForShares(record: SignedShareSet, requester: Identity, nonce: Uint8Array): Uint8Array {
  if (nonce.length !== nonceBytes)
    throw new SlurpError('CONFIG_INVALID', `A request needs a nonce of ${nonceBytes} bytes.`)
  return encodeReleaseRequest(requester, {
    recordHash: record.hash,
    requester: requester.peerId,
    recipient: requester.ageRecipient.text,
    nonce,
  })
}

/**
 * Opens a share with the key of its holder: on receipt, so that a dealer's fault shows while the secret is still there,
 * and before every release. The caller wipes what it is given.
 *
 * @throws ShareRefused naming the dealer when the dealer signed something that the set denies; without a culprit for what
 * anybody can have brought about. SlurpError FORMAT_UNKNOWN.
 */
export async function openShare(
  record: SignedShareSet,
  sealedShare: Uint8Array,
  holder: Identity,
): Promise<OpenShare> {
  const { dealer, holders } = record.set
  const share = decodeSealedShare('share', sealedShare)
  if (share.signer !== dealer || !sameBytes(share.binding, record.subjectHash))
    throw new ShareRefused(null, 'A share is of another set than the one in force.')
  if (share.holder !== holder.peerId) throw new ShareRefused(null, 'A share is that of another peer.')
  const own = holders.find(({ peer }) => peer === holder.peerId)
  if (own === undefined || own.index !== share.index)
    throw new ShareRefused(dealer, 'The dealer signed a share that its set does not name.')
  const open = await unsealed(share.sealed, share.binding, holder)
  if (open === null) throw new ShareRefused(dealer, 'The dealer signed a share that its holder cannot open.')
  if (fitsCommitment(record, own, open)) return open
  wipe(open.blind, open.points)
  throw new ShareRefused(dealer, 'The dealer signed a share that does not fit its commitment.')
}

/**
 * Releases the own share to who asks. Whether that process may have the key (grant, limits, revocation), and the audit,
 * come before this and are the caller's; so is that `record` is the set in force.
 *
 * @returns bytes that only who asked can open, bound to this one request.
 * @throws ShareRefused as `openShare`, and for a request that is broken or for another record. SlurpError FORMAT_UNKNOWN.
 */
export async function release(
  record: SignedShareSet,
  sealedShare: Uint8Array,
  request: Uint8Array,
  holder: Identity,
): Promise<Uint8Array> {
  const { recordHash, recipient } = decodeReleaseRequest(request)
  if (!sameBytes(recordHash, record.hash))
    throw new ShareRefused(null, 'A request is for a share of another set than the one in force.')
  const open = await openShare(record, sealedShare, holder)
  const binding = sha256(request)
  const packed = packShare(binding, open)
  try {
    const sealed = await sealTo([recipient], packed)
    const { peerId } = holder
    return encodeSealedShare('release', holder, {
      binding,
      holder: peerId,
      signer: peerId,
      index: open.index,
      sealed,
    })
  } finally {
    wipe(packed, open.blind, open.points)
  }
}

/** @returns null when it does not open, or says that it is for something else. */
export async function unsealed(
  sealed: Uint8Array,
  binding: Uint8Array,
  { ageIdentity }: Identity,
): Promise<OpenShare | null> {
  let packed: Uint8Array
  try {
    packed = await openWith([ageIdentity], sealed)
  } catch (failure) {
    if (failure instanceof SlurpError) return null
    throw failure
  }
  const open = unpackShare(binding, packed)
  wipe(packed)
  return open
}
