import { sameBytes } from '../../base/bytes.ts'
import { SlurpError } from '../../base/errors.ts'
import type { PeerId } from '../../base/ids.ts'
import { sha256 } from '../digest.ts'
import type { Identity } from '../identity.ts'
import { CollectedKey } from './collected-key.ts'
import { unsealed } from './release.ts'
import { decodeReleaseRequest, decodeSealedShare } from './sealed-share-codec.ts'
import { fitsCommitment, type OpenShare, payloadBytes, secretFrom, together, wipe } from './share.ts'
import { ShareRefused } from './share-set.ts'
import type { SignedShareSet } from './share-set-codec.ts'

/** Releases for each holder that are looked at, at most: an answer and its second try. */
const releasesOfHolderMax = 2

/** What came from a peer, as its connection names it, for which request of ours: each asking has one of its own. */
export type Released = {
  readonly from: PeerId
  /** As `askForShares` made it. */
  readonly request: Uint8Array
  readonly bytes: Uint8Array
}
/** A peer that sent what does not count, and why. */
export type BadHolder = { readonly peer: PeerId; readonly why: string }

export type Combination =
  | { readonly kind: 'open'; readonly key: CollectedKey; readonly bad: readonly BadHolder[] }
  /** Ask others: so many good ones of so many. */
  | {
      readonly kind: 'short'
      readonly good: number
      readonly needed: number
      readonly bad: readonly BadHolder[]
    }
  /** Every share is the one that was committed to, and together they are no secret: the dealer's fault. */
  | { readonly kind: 'misdealt'; readonly dealer: PeerId; readonly bad: readonly BadHolder[] }

/**
 * Puts the secret together from releases for requests of ours. Those that are not what they have to be are left out,
 * and their senders named; whoever has sent a good one as well is not. Only a secret that checks is returned.
 *
 * @throws ShareRefused when a request is not one of ours for this record; SlurpError TOO_MANY past 2 for each holder.
 */
export async function combine(
  record: SignedShareSet,
  requester: Identity,
  releases: readonly Released[],
): Promise<Combination> {
  const { threshold, holders, dealer } = record.set
  if (releases.length > holders.length * releasesOfHolderMax)
    throw new SlurpError('TOO_MANY', 'More shares were released than a set has.')
  const good = new Map<PeerId, OpenShare>()
  const failures = new Map<PeerId, string>()
  try {
    for (const released of releases) {
      if (good.has(released.from)) continue
      const share = await opened(record, requester, released)
      if (typeof share === 'string') failures.set(released.from, share)
      else good.set(released.from, share)
    }
    const bad = [...failures].flatMap(([peer, why]) => (good.has(peer) ? [] : [{ peer, why }]))
    if (good.size < threshold) return { kind: 'short', good: good.size, needed: threshold, bad }
    const secret = await secretOf(record, [...good.values()].slice(0, threshold))
    if (secret === null) return { kind: 'misdealt', dealer, bad }
    return { kind: 'open', key: new CollectedKey(record.set, secret), bad }
  } finally {
    for (const { blind, points } of good.values()) wipe(blind, points)
  }
}

function checkRequest(record: SignedShareSet, request: Uint8Array, requester: Identity): void {
  const asked = decodeReleaseRequest(request)
  if (asked.requester !== requester.peerId || !sameBytes(asked.recordHash, record.hash))
    throw new ShareRefused(null, 'A request is not one of this peer for this set.')
}

/** @returns why it does not count, when it does not. */
async function opened(
  record: SignedShareSet,
  requester: Identity,
  { from, request, bytes }: Released,
): Promise<OpenShare | string> {
  checkRequest(record, request, requester)
  const binding = sha256(request)
  const holder = record.set.holders.find(({ peer }) => peer === from)
  if (holder === undefined) return 'It holds no share of this set.'
  let share: ReturnType<typeof decodeSealedShare>
  try {
    share = decodeSealedShare('release', bytes)
  } catch (failure) {
    if (failure instanceof SlurpError) return failure.message
    throw failure
  }
  if (share.signer !== from || share.holder !== from) return 'The share that it sent is not its own.'
  if (!sameBytes(share.binding, binding)) return 'It answered another request.'
  if (share.index !== holder.index) return 'The share that it sent lies elsewhere.'
  const open = await unsealed(share.sealed, binding, requester)
  if (open === null) return 'What it sealed does not open for this request.'
  if (fitsCommitment(record, holder, open)) return open
  wipe(open.blind, open.points)
  return 'The share that it sent does not fit its commitment.'
}

async function secretOf(record: SignedShareSet, shares: readonly OpenShare[]): Promise<Uint8Array | null> {
  // Plain arrays: the library refuses Buffers.
  const raw = shares.map(({ index, points }) => {
    const share = new Uint8Array(payloadBytes + 1)
    share.set(points)
    share[payloadBytes] = index
    return share
  })
  const payload = await together(raw)
  const secret = secretFrom(record.subjectHash, payload)
  wipe(payload, ...raw)
  return secret
}
