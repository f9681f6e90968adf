import {
  generateKeyPair,
  generateKeyPairFromSeed,
  privateKeyFromProtobuf,
  privateKeyToProtobuf,
} from '@libp2p/crypto/keys'
import type { Ed25519PrivateKey } from '@libp2p/interface'
import { openWith, sealTo } from '../sealing.ts'
import { damagedFile, readSecretFile } from '../secret-file.ts'
import { SigningKey } from '../signing-key.ts'
import type { X25519Recipient } from '../x25519.ts'

const what = 'key that signs grants'

/**
 * A new key that signs the grants of a fleet. No member keeps it whole: its `seed` is dealt in shares as `@signing`, or as
 * `@members` where all are blind.
 */
export const newDelegateKey = async (): Promise<SigningKey> =>
  new SigningKey(await generateKeyPair('Ed25519'))

/** @param secret - 32 bytes, as they were put together from shares; they are copied. The caller wipes the key after use. */
export const delegateKeyFrom = async (secret: Uint8Array): Promise<SigningKey> =>
  new SigningKey(await generateKeyPairFromSeed('Ed25519', secret))

/** The bytes of `granter.age` for the agent that holds the identity behind `recipient`. */
export const sealDelegateKey = (recipient: X25519Recipient, key: SigningKey): Promise<Uint8Array> =>
  sealTo([recipient], privateKeyToProtobuf(key.privateKey))

/**
 * Opens `granter.age`, or `delegate.age`, in which a former release kept the key of a peer whole.
 *
 * @throws SlurpError DATA_MISSING, CONFIG_INVALID when others may read it, INTEGRITY_FAILED.
 */
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
