import { generateKeyPair } from '@libp2p/crypto/keys'
import type { FleetId } from '../base/ids.ts'
import { sha256Hex } from './digest.ts'
import { createSigningKey, loadSigningKey, SigningKey } from './signing-key.ts'

/** The key that a fleet is: who holds it says who its members are. Kept offline. */
export class Authority extends SigningKey {
  get fleet(): FleetId {
    return fleetOf(this.publicKey)
  }
}

/** Id of the fleet of an authority: SHA-256 of its 32-byte public key. */
export const fleetOf = (authorityPublicKey: Uint8Array): FleetId =>
  sha256Hex(authorityPublicKey) as string as FleetId

/** An authority that is in memory only. */
export const newAuthority = async (): Promise<Authority> => new Authority(await generateKeyPair('Ed25519'))

/** Makes the authority of a new fleet, in a file of mode 0600. @throws SlurpError DIRECTORY_TAKEN. */
export const createAuthority = async (path: string): Promise<Authority> =>
  new Authority(await createSigningKey(path))

/** @throws SlurpError DATA_MISSING, CONFIG_INVALID when others may read the file, INTEGRITY_FAILED. */
export const loadAuthority = async (path: string): Promise<Authority> =>
  new Authority(await loadSigningKey(path, 'authority key'))
