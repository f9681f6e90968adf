import type { Ed25519PrivateKey } from '@libp2p/interface'
import type { PeerId } from '../base/ids.ts'
import { peerKeyFrom } from './peer-keys.ts'
import { createSigningKey, loadSigningKey, SigningKey } from './signing-key.ts'

export { sha256Hex } from './digest.ts'
export { clockTagOf, verifyBy } from './peer-keys.ts'

/** Who this process is: its libp2p key, which also signs what it writes and opens what is sealed to it alone. */
export class Identity extends SigningKey {
  readonly peerId: PeerId

  constructor(privateKey: Ed25519PrivateKey) {
    super(privateKey)
    this.peerId = peerKeyFrom(this.publicKey).peerId
  }
}

/**
 * Makes the identity of a new process and writes it, in libp2p's protobuf form, to a file of mode 0600.
 *
 * @throws SlurpError DIRECTORY_TAKEN when the file exists.
 */
export const createIdentity = async (path: string): Promise<Identity> =>
  new Identity(await createSigningKey(path))

/** @throws SlurpError DATA_MISSING, CONFIG_INVALID when others may read the file, INTEGRITY_FAILED. */
export const loadIdentity = async (path: string): Promise<Identity> =>
  new Identity(await loadSigningKey(path, 'identity key'))
