import { SlurpError } from '../base/errors.ts'
import type { FleetId, PeerId } from '../base/ids.ts'
import { sha256Hex } from './digest.ts'
import { envelopeBytesMax } from './envelope-codec.ts'
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
 */
export function newEnvelopeChecker(rules: { readonly fleet: FleetId; isAuthor(peerId: PeerId): boolean }): {
  accepts(claim: Claim): boolean
} {
  return {
    accepts(claim) {
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
          rules.isAuthor(header.author)
        )
      } catch (failure) {
        if (failure instanceof SlurpError) return false
        throw failure
      }
    },
  }
}
