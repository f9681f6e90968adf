import { randomBytes } from 'node:crypto'
import { split } from 'shamir-secret-sharing'
import { assert } from '../../base/assert.ts'
import { sameBytes } from '../../base/bytes.ts'
import { SlurpError } from '../../base/errors.ts'
import type { FleetId, PeerId } from '../../base/ids.ts'
import type { Identity } from '../identity.ts'
import { sealTo } from '../sealing.ts'
import type { X25519Recipient } from '../x25519.ts'
import type { CollectedKey } from './collected-key.ts'
import { encodeSealedShare } from './sealed-share-codec.ts'
import type { SecretName } from './secret-name.ts'
import { blindBytes, commitmentOf, type OpenShare, packShare, payloadOf, together, wipe } from './share.ts'
import { type Holder, type ShareSet, secretBytes, setIdBytes, thresholdFor } from './share-set.ts'
import { rawKeyOf, type SignedShareSet, signShareSet, subjectHashOf } from './share-set-codec.ts'

/** Who gets a share, and the key of that peer alone that it is sealed to. */
export type ShareRecipient = { readonly peer: PeerId; readonly recipient: X25519Recipient | string }

export type DealPlan = {
  readonly fleet: FleetId
  readonly secret: SecretName
  readonly keyVersion: number
  /** From 1; above that of the set that stands. */
  readonly setVersion: number
  /** 32 hex digits, drawn for this dealing. */
  readonly setId: string
  /** By default `thresholdFor` the holders. */
  readonly threshold?: number
  /** 1 to 255, each once. */
  readonly holders: readonly ShareRecipient[]
  /** Signs the set and every share. */
  readonly dealer: Identity
}

export type Dealing = {
  /** To publish, when enough holders have their shares on disk. */
  readonly record: SignedShareSet
  /** For each holder the bytes that only it can open. */
  readonly shares: ReadonlyMap<PeerId, Uint8Array>
}

/**
 * Splits a secret so that `threshold` holders together have it and fewer know nothing of it. The caller wipes `secret`.
 * About 0.6 ms a holder.
 *
 * @param secret - 32 bytes.
 * @throws SlurpError CONFIG_INVALID for a plan that breaks a cap.
 */
export async function deal(secret: Uint8Array, plan: DealPlan): Promise<Dealing> {
  const { holders, dealer, ...rest } = plan
  const subject = { ...rest, threshold: thresholdOf(plan), dealer: dealer.peerId }
  checkPlan(secret, subject, holders)
  const subjectHash = subjectHashOf(subject)
  const open = await splitChecked(payloadOf(subjectHash, secret), holders.length, subject.threshold)
  try {
    const dealt = holders.map((holder, place) => ({ holder, share: open[place]! }))
    const record = signShareSet(dealer, { ...subject, holders: holdersOf(subjectHash, dealt) })
    const shares = new Map<PeerId, Uint8Array>()
    for (const { holder, share } of dealt)
      shares.set(holder.peer, await sealShare(subjectHash, dealer, holder, share))
    return { record, shares }
  } finally {
    for (const { blind, points } of open) wipe(blind, points)
  }
}

/**
 * Deals a collected key anew, when members came or went: a new set for the same key, above the one that stands. Shares of
 * the old set fit no commitment of the new one. It is no rotation: whoever had enough old shares has the key.
 *
 * @throws SlurpError CONFIG_INVALID for a plan that breaks a cap, or a key that was wiped.
 */
export function redeal(
  key: CollectedKey,
  plan: Pick<DealPlan, 'setId' | 'threshold' | 'holders' | 'dealer'>,
): Promise<Dealing> {
  const { fleet, secret, keyVersion, setVersion, setId } = key.set
  if (plan.setId === setId) throw broken('needs an id of its own')
  return deal(key.secret, { ...plan, fleet, secret, keyVersion, setVersion: setVersion + 1 })
}

function thresholdOf({ threshold, holders }: DealPlan): number {
  const majority = thresholdFor(holders.length)
  if (threshold === undefined) return majority
  if (Number.isInteger(threshold) && threshold >= Math.min(2, holders.length) && threshold <= holders.length)
    return threshold
  throw broken('needs from 2 shares to as many as there are holders')
}

function checkPlan(
  secret: Uint8Array,
  subject: Omit<ShareSet, 'holders'>,
  holders: readonly ShareRecipient[],
): void {
  if (secret.length !== secretBytes || secret.every(byte => byte === 0)) {
    throw broken(`is for a secret of ${secretBytes} bytes that are not all zero`)
  }
  if (!isVersion(subject.keyVersion) || !isVersion(subject.setVersion))
    throw broken('has a version from 1 to 2^32 − 1')
  if (!/^[0-9a-f]+$/.test(subject.setId) || subject.setId.length !== setIdBytes * 2)
    throw broken(`has an id of ${setIdBytes * 2} hex digits`)
  for (const { peer } of holders) rawKeyOf(peer)
  if (new Set(holders.map(({ peer }) => peer)).size !== holders.length)
    throw broken('names every holder once')
}

const isVersion = (value: number): boolean => Number.isSafeInteger(value) && value >= 1 && value < 2 ** 32

/** The library's shares taken apart. Its work is checked before anybody relies on it: the key may exist nowhere else. */
async function splitChecked(payload: Uint8Array, holders: number, threshold: number): Promise<OpenShare[]> {
  let raw: Uint8Array[] = []
  try {
    raw = holders === 1 ? [Uint8Array.of(...payload, 1)] : await split(payload, holders, threshold)
    for (const some of [raw.slice(0, threshold), raw.slice(-threshold)]) {
      const again = await together(some)
      assert(sameBytes(again, payload), 'shares that were just dealt combine to what was split')
      wipe(again)
    }
    return raw.map(share => ({
      index: share.at(-1)!,
      blind: randomBytes(blindBytes),
      points: share.slice(0, -1),
    }))
  } finally {
    wipe(payload, ...raw)
  }
}

function holdersOf(
  subjectHash: Uint8Array,
  dealt: readonly { readonly holder: ShareRecipient; readonly share: OpenShare }[],
): Holder[] {
  return dealt
    .map(({ holder: { peer }, share }) => ({
      peer,
      index: share.index,
      commitment: commitmentOf(subjectHash, { peer }, share),
    }))
    .sort((a, b) => a.index - b.index)
}

async function sealShare(
  subjectHash: Uint8Array,
  dealer: Identity,
  { peer, recipient }: ShareRecipient,
  share: OpenShare,
): Promise<Uint8Array> {
  const packed = packShare(subjectHash, share)
  try {
    return encodeSealedShare('share', dealer, {
      binding: subjectHash,
      holder: peer,
      signer: dealer.peerId,
      index: share.index,
      sealed: await sealTo([recipient], packed),
    })
  } finally {
    wipe(packed)
  }
}

const broken = (how: string) => new SlurpError('CONFIG_INVALID', `A dealing of a key ${how}.`)
