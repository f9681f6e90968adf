import { privateKeyToProtobuf } from '@libp2p/crypto/keys'
import type { Ed25519PrivateKey } from '@libp2p/interface'
import type { PeerId } from '../base/ids.ts'
import { peerKeyFrom } from './peer-keys.ts'
import { isSealedKey, type PassphraseSource, sealKey, workFactorOf } from './sealed-key.ts'
import { readSecretFile, replaceSecretFile } from './secret-file.ts'
import { createSigningKey, loadSigningKey, SigningKey, signingKeyFrom } from './signing-key.ts'

export { sha256Hex } from './digest.ts'
export { clockTagOf, verifyBy } from './peer-keys.ts'

const what = 'identity key'

/** Who this process is: its libp2p key, which also signs what it writes and opens what is sealed to it alone. */
export class Identity extends SigningKey {
  readonly peerId: PeerId

  constructor(privateKey: Ed25519PrivateKey) {
    super(privateKey)
    this.peerId = peerKeyFrom(this.publicKey).peerId
  }
}

/**
 * Makes the identity of a new process and writes it, in libp2p's protobuf form, to a file of mode 0600; sealed where
 * there is a passphrase.
 *
 * @throws SlurpError DIRECTORY_TAKEN when the file exists, CONFIG_INVALID for a passphrase that is none.
 */
export const createIdentity = async (path: string, passphrase?: Uint8Array): Promise<Identity> =>
  new Identity(await createSigningKey(path, passphrase))

/**
 * @param passphrase - asked only when the file is sealed.
 * @throws SlurpError DATA_MISSING, CONFIG_INVALID when others may read the file, INTEGRITY_FAILED, PASSPHRASE_NEEDED,
 * PASSPHRASE_WRONG.
 */
export const loadIdentity = async (path: string, passphrase?: PassphraseSource): Promise<Identity> =>
  new Identity(await loadSigningKey(path, what, passphrase))

export type IdentityFile = {
  readonly isSealed: boolean
  /** log2 of the rounds that opening it takes; null for a bare key. */
  readonly workFactor: number | null
  /** Null for a sealed one: its key has to be opened for that. */
  readonly peerId: PeerId | null
}

/** What can be told about the file of an identity without its passphrase. @throws SlurpError as `loadIdentity` does. */
export async function inspectIdentity(path: string): Promise<IdentityFile> {
  const file = await readSecretFile(path, what)
  if (isSealedKey(file)) return { isSealed: true, workFactor: workFactorOf(file, path), peerId: null }
  const { peerId } = new Identity(signingKeyFrom(file, path, what))
  return { isSealed: false, workFactor: null, peerId }
}

/**
 * Writes the same key again, sealed by another passphrase or bare. A crash leaves the old file or the new one, whole.
 *
 * @param passphrase - of the file as it is, asked only when it is sealed.
 * @param next - null: bare.
 * @throws SlurpError as `loadIdentity` does; CONFIG_INVALID for a passphrase that is none.
 */
export async function resealIdentity(
  path: string,
  passphrase: PassphraseSource,
  next: PassphraseSource | null,
): Promise<Identity> {
  const identity = await loadIdentity(path, passphrase)
  const bare = privateKeyToProtobuf(identity.privateKey)
  await replaceSecretFile(path, next === null ? bare : sealKey(bare, await next(path)))
  return identity
}
