import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from 'node:crypto'
import type { ICryptoInterface } from '@libp2p/noise'
import { defaultCrypto } from '@libp2p/noise/crypto'

/*
 * Noise hands over the same 32-byte key for every message of a connection, so OpenSSL's key is made once a key
 * instead of once a message. The library's own ciphers stay for short messages, where they win
 * (docs/decisions/010 has the measurements).
 */

const algorithm = 'chacha20-poly1305'
const tagBytes = 16
const lengths = { authTagLength: tagBytes } as const
/** Shorter than this the library's own ciphers are faster. */
const nativeFromBytes = 800
const keys = new WeakMap<Uint8Array, KeyObject>()

type Text = Parameters<ICryptoInterface['chaCha20Poly1305Encrypt']>[0]

/** Where pieces are put together for a cipher, which is done with them when it returns: one message at a time. */
const assembly = Buffer.allocUnsafe(64 * 1024)

function flat(text: Text): Uint8Array {
  if (text instanceof Uint8Array || text.byteLength > assembly.length) return text.subarray()
  let filled = 0
  for (const piece of text) {
    assembly.set(piece, filled)
    filled += piece.length
  }
  return assembly.subarray(0, filled)
}

function keyOf(raw: Uint8Array): KeyObject {
  let key = keys.get(raw)
  if (key === undefined) {
    key = createSecretKey(raw)
    keys.set(raw, key)
  }
  return key
}

/** The library's own crypto with the ciphers of long messages on cached keys: same bytes on the wire. */
export const cachedKeyCrypto: ICryptoInterface = {
  ...defaultCrypto,

  chaCha20Poly1305Encrypt(plaintext, nonce, ad, k) {
    if (plaintext.byteLength < nativeFromBytes) {
      return defaultCrypto.chaCha20Poly1305Encrypt(plaintext, nonce, ad, k)
    }
    const text = flat(plaintext)
    const cipher = createCipheriv(algorithm, keyOf(k), nonce, lengths)
    if (ad.length > 0) cipher.setAAD(ad, { plaintextLength: text.length })
    const sealed = cipher.update(text)
    cipher.final()
    return Buffer.concat([sealed, cipher.getAuthTag()], text.length + tagBytes)
  },

  /** @throws when the tag does not fit, as Noise expects. */
  chaCha20Poly1305Decrypt(ciphertext, nonce, ad, k, dst) {
    if (ciphertext.byteLength < nativeFromBytes) {
      return defaultCrypto.chaCha20Poly1305Decrypt(ciphertext, nonce, ad, k, dst)
    }
    const sealed = flat(ciphertext)
    const textLength = sealed.length - tagBytes
    const decipher = createDecipheriv(algorithm, keyOf(k), nonce, lengths)
    if (ad.length > 0) decipher.setAAD(ad, { plaintextLength: textLength })
    decipher.setAuthTag(sealed.subarray(textLength))
    const text = decipher.update(sealed.subarray(0, textLength))
    decipher.final()
    return text
  },
}
