import { createPrivateKey, createPublicKey, hkdfSync, type KeyObject, sign } from 'node:crypto'
import { ed25519From, isSignedWith } from '../peer-keys.ts'
import { wipe } from './share.ts'
import { labelled, type SignedShareSet } from './share-set-codec.ts'

const keyLabel = 'slurp/v1/proof key of a shared secret'
const dealingPurpose = 'slurp/v1/dealing\0'
const pkcs8Start = Buffer.from('302e020100300506032b657004220420', 'hex')

/**
 * Who has a shared secret can sign with a key that follows from it, and nobody else can. So a peer that was never given
 * the secret cannot put a dealing of something else in its place, which would be the end of the secret.
 */
export class SecretProver {
  /** 32 bytes, public: the check value of the secret. */
  readonly verifier: Uint8Array
  readonly #key: KeyObject

  /** @param secret - 32 random bytes; a copy is not kept, but the key that follows from it is. */
  constructor(secret: Uint8Array) {
    const seed = new Uint8Array(hkdfSync('sha256', secret, '', keyLabel, 32))
    const der = Buffer.concat([pkcs8Start, seed])
    this.#key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
    wipe(seed, der)
    this.verifier = Buffer.from(createPublicKey(this.#key).export({ format: 'jwk' }).x!, 'base64url')
  }

  /** 64 bytes. The caller puts the purpose in front of `bytes`. */
  sign(bytes: Uint8Array): Uint8Array {
    return sign(null, bytes, this.#key)
  }
}

/** 64 bytes that say: whoever dealt this set has the secret. */
export const proveDealing = (secret: Uint8Array, { hash }: SignedShareSet): Uint8Array =>
  new SecretProver(secret).sign(labelled(dealingPurpose, hash))

/** About 0.13 ms. */
export const isProven = (verifier: Uint8Array, { hash }: SignedShareSet, proof: Uint8Array): boolean =>
  isSignedWith(ed25519From(verifier), labelled(dealingPurpose, hash), proof)
