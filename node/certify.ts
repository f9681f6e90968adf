import { readFileSync } from 'node:fs'
import { SlurpError } from '../base/errors.ts'
import { type Authority, loadAuthority } from '../crypto/authority.ts'
import { joinAuthority } from '../crypto/authority-shares.ts'
import { openDelegate } from '../crypto/grants/grant-chain.ts'
import { certify } from '../crypto/grants/membership.ts'

/** Where the authority is: a file that holds it whole, or texts of shares that custodians opened. */
export type AuthoritySource = { readonly authority: string | null; readonly shares: readonly string[] }

/**
 * Signs that the key of a certificate may go on. The authority is put together in memory for this signature only.
 *
 * @throws SlurpError USAGE, DATA_MISSING, INTEGRITY_FAILED; GRANT_INVALID when the certificate is of another fleet.
 */
export async function certifyAgain(certificate: string, source: AuthoritySource): Promise<string> {
  const authority = await authorityFrom(source)
  const { id, publicKey, grantlessBeforeMs } = await openDelegate(certificate, authority.publicKey)
  return await certify(authority, Buffer.from(publicKey, 'hex'), Date.now(), { id, grantlessBeforeMs })
}

/** @throws SlurpError USAGE, DATA_MISSING, INTEGRITY_FAILED. */
export function authorityFrom({ authority, shares }: AuthoritySource): Promise<Authority> {
  if (authority !== null && shares.length > 0) {
    throw new SlurpError('USAGE', 'Name the file of the authority or those of its shares, not both.')
  }
  return authority === null ? joinAuthority(shares.map(readShare)) : loadAuthority(authority)
}

function readShare(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    throw new SlurpError('DATA_MISSING', `The share ${path} cannot be read.`, { cause })
  }
}
