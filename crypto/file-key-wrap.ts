import { createCipheriv, createDecipheriv } from 'node:crypto'
import { isWrongTag } from './age-payload.ts'

const cipher = 'chacha20-poly1305'
const tagBytes = 16
const tag = { authTagLength: tagBytes }
// A wrap key is fresh for every stanza, so its only nonce may be zero.
const zeroNonce = new Uint8Array(12)

/** Bytes of a file key of age in the body of a stanza. */
export const wrappedBytes = 32

/** The body of a stanza of age: the file key under a wrap key that is used once. Source: C2SP age.md. */
export function wrap(wrapKey: Uint8Array, fileKey: Uint8Array): Uint8Array {
  const sealer = createCipheriv(cipher, wrapKey, zeroNonce, tag)
  return Buffer.concat([sealer.update(fileKey), sealer.final(), sealer.getAuthTag()])
}

/** @param body - `wrappedBytes` bytes. @returns the file key; null when it is under another wrap key. */
export function unwrap(wrapKey: Uint8Array, body: Uint8Array): Uint8Array | null {
  const opener = createDecipheriv(cipher, wrapKey, zeroNonce, tag)
  opener.setAuthTag(body.subarray(wrappedBytes - tagBytes))
  const fileKey = opener.update(body.subarray(0, wrappedBytes - tagBytes))
  try {
    opener.final()
  } catch (failure) {
    if (isWrongTag(failure)) return null
    throw failure
  }
  return fileKey
}
