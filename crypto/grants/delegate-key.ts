import { generateKeyPair, privateKeyFromProtobuf, privateKeyToProtobuf } from '@libp2p/crypto/keys'
import type { Ed25519PrivateKey } from '@libp2p/interface'
import { openWith, sealTo } from '../sealing.ts'
import { damagedFile, readSecretFile } from '../secret-file.ts'
import { SigningKey } from '../signing-key.ts'
import type { X25519Recipient } from '../x25519.ts'

const what = 'key that signs grants'

/** The key that signs the grants of a fleet; its private half is seen only sealed to one process. */
export const newDelegateKey = async (): Promise<SigningKey> =>
  new SigningKey(await generateKeyPair('Ed25519'))

/** The bytes of `delegate.age` for whoever holds the identity behind `recipient`. */
export const sealDelegateKey = (recipient: X25519Recipient, key: SigningKey): Promise<Uint8Array> =>
  sealTo([recipient], privateKeyToProtobuf(key.privateKey))

/** @throws SlurpError DATA_MISSING, CONFIG_INVALID when others may read it, INTEGRITY_FAILED. */
export async function openDelegateKey(path: string, identity: SigningKey): Promise<SigningKey> {
  const file = await readSecretFile(path, what)
  let key: ReturnType<typeof privateKeyFromProtobuf>
  try {
    key = privateKeyFromProtobuf(await openWith([identity.ageIdentity], file))
  } catch {
    // A decoder's error may quote what it read, and that is secret: nothing of it goes on.
    throw damagedFile(what, path)
  }
  if (key.type !== 'Ed25519') throw damagedFile(what, path)
  return new SigningKey(key as Ed25519PrivateKey)
}
