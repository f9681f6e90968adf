import { SlurpError } from '../../base/errors.ts'
import type { FleetId, PeerId } from '../../base/ids.ts'
import type { SecretName } from './secret-name.ts'

/** Bytes of every secret that is shared: an X25519 scalar, an Ed25519 seed, a fleet secret. */
export const secretBytes = 32
/** Holders of one set, at least. A fleet of one peer cannot share: its "share" is the secret, sealed to its own key. */
export const holdersMin = 1
/** Holders of one set, at most: points of the field that are not zero. */
export const holdersMax = 255
export const setIdBytes = 16
export const nonceBytes = 32

/** Who holds one share. */
export type Holder = {
  readonly peer: PeerId
  /** Where the polynomials were evaluated, 1 to 255: the library's x coordinate. */
  readonly index: number
  /** 32 bytes: hash of set, holder, index, blind and share. Hides the share even from who guesses the secret. */
  readonly commitment: Uint8Array
}

/** What everybody may know of one dealing of one key. The newest `setVersion` of a key is the one in force. */
export type ShareSet = {
  readonly fleet: FleetId
  /** Whose secret: a role, or one of the names that are no role. */
  readonly secret: SecretName
  readonly keyVersion: number
  /** From 1; grows with every dealing of the same key. */
  readonly setVersion: number
  /** 32 hex digits, drawn for this dealing. */
  readonly setId: string
  /** Shares that it takes, 2 to the number of holders; 1 of one alone. */
  readonly threshold: number
  /** Who split the secret and signed the set. */
  readonly dealer: PeerId
  /** 1 to 255, ascending by index; indices and peers each once. */
  readonly holders: readonly Holder[]
}

/**
 * Shares that it takes with so many holders: a majority. The fleet needs one for its registers anyway, and of an odd
 * number as many may be down as may be stolen.
 *
 * @throws SlurpError CONFIG_INVALID for no holder or more than 255.
 */
export function thresholdFor(holders: number): number {
  if (!Number.isInteger(holders) || holders < holdersMin || holders > holdersMax) {
    throw new SlurpError('CONFIG_INVALID', `A key is shared among ${holdersMin} to ${holdersMax} peers.`)
  }
  return Math.floor(holders / 2) + 1
}

/** Whether `next` may take the place of `current`: a later dealing of the same key. */
export const supersedes = (next: ShareSet, current: ShareSet): boolean =>
  next.fleet === current.fleet &&
  next.secret === current.secret &&
  next.keyVersion === current.keyVersion &&
  next.setVersion > current.setVersion

/** Something is wrong with a share, a set or a release, and this peer is to blame; null where nobody can say. */
export class ShareRefused extends SlurpError {
  override name = 'ShareRefused'
  readonly culprit: PeerId | null

  constructor(culprit: PeerId | null, message: string) {
    super('INTEGRITY_FAILED', message, {
      hint: 'Deal the key anew to the peers, from a process that holds it; `slurp status` shows the peers.',
    })
    this.culprit = culprit
  }
}
