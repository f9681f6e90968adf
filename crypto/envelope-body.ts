import { SlurpError } from '../base/errors.ts'
import type { RoleName } from '../base/ids.ts'
import { decodeAgeFile } from './age-format.ts'
import { sha256 } from './digest.ts'
import type { Envelope } from './envelope-codec.ts'
import { asRefusal } from './sealing.ts'
import type { X25519Identity } from './x25519.ts'

const bindingPurpose = Buffer.from('slurp/v1/binding\0', 'latin1')

/** What ties sealed bytes to the envelope that they were sealed for. */
export const bindingOf = (subjectBytes: Uint8Array): Uint8Array =>
  sha256(Buffer.concat([bindingPurpose, subjectBytes]))

/** Identities that a process holds for one key version of a role; empty for none. */
export type IdentitiesOf = (role: RoleName, keyVersion: number) => readonly X25519Identity[]

/** What an age file held, and the key of this one file. */
export type OpenedBody = { readonly packed: Uint8Array; readonly fileKey: Uint8Array }

/**
 * The stanza of a role stands where the role does, so a reader tries one stanza and not all of them.
 *
 * @throws SlurpError ROLE_DENIED, INTEGRITY_FAILED.
 */
export function openBody({ header, body }: Envelope, identitiesOf: IdentitiesOf): OpenedBody {
  const held = header.roles.map(role => identitiesOf(role.name, role.keyVersion))
  if (held.every(identities => identities.length === 0)) {
    throw new SlurpError('ROLE_DENIED', 'This peer holds no key of the roles that may read this context.')
  }
  let found: Uint8Array | null = null
  try {
    const packed = decodeAgeFile(body, stanzas => {
      if (stanzas.length !== header.roles.length) return null
      for (const [place, identities] of held.entries()) {
        for (const identity of identities) {
          found = identity.unwrapStanza(stanzas[place]!)
          if (found !== null) return found
        }
      }
      return null
    })
    return { packed, fileKey: found! }
  } catch (failure) {
    throw asWronglySealed(failure)
  }
}

/** Opens an age file with the key of this one file. @throws SlurpError INTEGRITY_FAILED. */
export function openBodyWith(body: Uint8Array, fileKey: Uint8Array): Uint8Array {
  try {
    return decodeAgeFile(body, () => fileKey)
  } catch (failure) {
    throw asWronglySealed(failure)
  }
}

/** A key is held for a role that the author named, and does not open it: the author sealed it wrongly. */
function asWronglySealed(failure: unknown): unknown {
  const refusal = asRefusal(failure)
  if (refusal instanceof SlurpError && refusal.code === 'ROLE_DENIED') {
    return new SlurpError('INTEGRITY_FAILED', 'An envelope is not sealed to the roles that it names.')
  }
  return refusal
}
