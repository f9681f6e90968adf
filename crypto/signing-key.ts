import { createPrivateKey, hkdfSync, type KeyObject, sign } from 'node:crypto'
import { generateKeyPair, privateKeyFromProtobuf, privateKeyToProtobuf } from '@libp2p/crypto/keys'
import type { Ed25519PrivateKey } from '@libp2p/interface'
import { sameBytes } from '../base/bytes.ts'
import { SlurpError } from '../base/errors.ts'
import { isSealedKey, openSealedKey, type PassphraseSource, sealKey } from './sealed-key.ts'
import { damagedFile, readSecretFile, writeNewSecretFile } from './secret-file.ts'
import { X25519Identity, type X25519Recipient } from './x25519.ts'

const seedBytes = 32
const pkcs8Start = Buffer.from('302e020100300506032b657004220420', 'hex')
const sealingLabel = 'slurp/v1/sealing key of a signing key'

/**
 * An Ed25519 key that lives in a file of its own: of a process, or of the fleet's authority. Everything secret is
 * out of reach of inspection, so that a logged key shows nothing.
 */
export class SigningKey {
  readonly #privateKey: Ed25519PrivateKey
  readonly #key: KeyObject
  readonly #sealing: X25519Identity

  constructor(privateKey: Ed25519PrivateKey) {
    const seed = privateKey.raw.subarray(0, seedBytes)
    this.#privateKey = privateKey
    this.#key = createPrivateKey({ key: Buffer.concat([pkcs8Start, seed]), format: 'der', type: 'pkcs8' })
    // Not the birational map of the same scalar: signing and opening never share a key.
    this.#sealing = new X25519Identity(new Uint8Array(hkdfSync('sha256', seed, '', sealingLabel, 32)))
  }

  /** The key as libp2p wants it. */
  get privateKey(): Ed25519PrivateKey {
    return this.#privateKey
  }

  /** 32 bytes. */
  get publicKey(): Uint8Array {
    return this.#privateKey.publicKey.raw
  }

  /** What is sealed to this opens with `ageIdentity`, on this key's process only. */
  get ageRecipient(): X25519Recipient {
    return this.#sealing.recipient
  }

  /** X25519 identity derived from the Ed25519 seed: HKDF-SHA-256, no salt, a label of its own. */
  get ageIdentity(): X25519Identity {
    return this.#sealing
  }

  /** 32 bytes that only who has this key can make. @param label - what they are for: no two uses share one. */
  secretFor(label: string): Uint8Array {
    const seed = this.#privateKey.raw.subarray(0, seedBytes)
    return new Uint8Array(hkdfSync('sha256', seed, '', label, 32))
  }

  /** As node:crypto wants it. */
  get keyObject(): KeyObject {
    return this.#key
  }

  /** A copy of the secret, 32 bytes, to be dealt in shares. The caller wipes it. */
  seed(): Uint8Array {
    return this.#privateKey.raw.slice(0, seedBytes)
  }

  /** Forgets what can be forgotten: what the crypto library copied goes when it is collected. */
  wipe(): void {
    this.#privateKey.raw.fill(0)
    this.#sealing.wipe()
  }

  /** 64 bytes. The caller puts the purpose in front of `bytes`. About 0.07 ms. */
  sign(bytes: Uint8Array): Uint8Array {
    return sign(null, bytes, this.#key)
  }
}

/**
 * Makes a key and writes it, sealed where there is a passphrase.
 *
 * @throws SlurpError DIRECTORY_TAKEN when the file exists, CONFIG_INVALID for a passphrase that is none.
 */
export async function createSigningKey(path: string, passphrase?: Uint8Array): Promise<Ed25519PrivateKey> {
  const privateKey = await generateKeyPair('Ed25519')
  const bytes = privateKeyToProtobuf(privateKey)
  await writeNewSecretFile(path, passphrase === undefined ? bytes : sealKey(bytes, passphrase))
  return privateKey
}

/**
 * @param passphrase - asked only when the file is sealed.
 * @throws SlurpError DATA_MISSING, CONFIG_INVALID when others may read it, INTEGRITY_FAILED, PASSPHRASE_NEEDED,
 * PASSPHRASE_WRONG.
 */
export async function loadSigningKey(
  path: string,
  what: string,
  passphrase?: PassphraseSource,
): Promise<Ed25519PrivateKey> {
  const file = await readSecretFile(path, what)
  if (!isSealedKey(file)) return signingKeyFrom(file, path, what)
  if (passphrase === undefined) {
    throw new SlurpError('PASSPHRASE_NEEDED', `The ${what} ${path} is sealed by a passphrase.`)
  }
  return signingKeyFrom(openSealedKey(file, await passphrase(path), path), path, what)
}

/** @throws SlurpError INTEGRITY_FAILED unless the bytes are one Ed25519 key as `createSigningKey` writes it. */
export function signingKeyFrom(bytes: Uint8Array, path: string, what: string): Ed25519PrivateKey {
  let privateKey: ReturnType<typeof privateKeyFromProtobuf>
  try {
    privateKey = privateKeyFromProtobuf(bytes)
  } catch {
    // Its text may quote the bytes, which are secret: nothing of it goes on.
    throw damagedFile(what, path)
  }
  if (
    privateKey.type !== 'Ed25519' ||
    !sameBytes(privateKeyToProtobuf(privateKey), bytes) ||
    !isPair(privateKey)
  ) {
    throw damagedFile(what, path)
  }
  return privateKey
}

/** The file holds both halves; a key signed with halves that differ can give the secret away. */
function isPair(privateKey: Ed25519PrivateKey): boolean {
  const half = new SigningKey(privateKey).sign(new Uint8Array(0))
  return privateKey.publicKey.verify(new Uint8Array(0), half) === true
}
