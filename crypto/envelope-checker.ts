import { SlurpError } from '../base/errors.ts'
import type { FleetId, PeerId } from '../base/ids.ts'
import { sha256Hex } from './digest.ts'
import { type EnvelopeHeader, envelopeBytesMax } from './envelope-codec.ts'
import { verifiedHeader } from './verified-envelopes.ts'

/** What somebody says an envelope is; the port of `node/ports` has the same shape, and this house does not look up to it. */
type Claim = {
  readonly key: string
  readonly version: string
  readonly parent: string | null | 'any'
  readonly kind: 'live' | 'tombstone'
  readonly hash: string
  readonly expiresAtMs: number
  readonly data: Uint8Array
}

/**
 * Decides on receive whether bytes may be stored as what they claim to be: hash, author's signature, fleet, key,
 * version and its clock tag, parent, kind and expiry. The signature of one envelope is checked once a process, all
 * else every time. Implements EnvelopeChecker; passes test/contracts/envelope-checker.ts.
 *
 * @param rules.isAuthor - asked every time, so that who loses the right to write loses it at once.
 * @param rules.isGranted - whether the grant that the envelope names allows what it is; asked every time, as grants end.
 * `isFresh`: somebody writes this now; else it was written before and is only handed on.
 */
export function newEnvelopeChecker(rules: {
  readonly fleet: FleetId
  isAuthor(peerId: PeerId): boolean
  isGranted(header: EnvelopeHeader, isFresh: boolean): boolean
}): {
  accepts(claim: Claim, isFresh?: boolean): boolean
} {
  return {
    accepts(claim, isFresh = false) {
      if (!(claim.data instanceof Uint8Array) || claim.data.length > envelopeBytesMax) return false
      const digest = sha256Hex(claim.data)
      if (digest !== claim.hash) return false
      try {
        const header = verifiedHeader(claim.data, digest)
        return (
          header.fleet === rules.fleet &&
          header.key === claim.key &&
          header.version === claim.version &&
          header.parent === claim.parent &&
          header.kind === claim.kind &&
          header.expiresAtMs === claim.expiresAtMs &&
          rules.isAuthor(header.author) &&
          rules.isGranted(header, isFresh)
        )
      } catch (failure) {
        if (failure instanceof SlurpError) return false
        throw failure
      }
    },
  }
}
