import { createCipheriv, createDecipheriv, randomBytes, scryptSync } from 'node:crypto'
import type { Stanza } from 'age-encryption'
import { AgeFailure } from './age-failure.ts'
import type { FileKeyWrapper } from './age-format.ts'
import { isWrongTag } from './age-payload.ts'
import { fromBase64, toBase64 } from './base64.ts'

/** age's recipient kind for passphrases on node:crypto. Source: C2SP age.md, "scrypt". */
const kind = 'scrypt'
const label = 'age-encryption.org/v1/scrypt'
const saltBytes = 16
const wrappedBytes = 32
const tagBytes = 16
const cipher = 'chacha20-poly1305'
const tag = { authTagLength: tagBytes }
// The wrap key is fresh for every salt, so its only nonce may be zero.
const zeroNonce = new Uint8Array(12)

/** log2 of the rounds that we write, as the stock tool does: 256 MiB and about a second for every guess. */
export const workFactor = 18
/** log2 of the rounds that we read, at most: 1 GiB. A file that asks for more is refused before anything is computed. */
export const workFactorMax = 20

/** Seals to a passphrase: the only recipient of its file. */
export const passphraseRecipient = (passphrase: Uint8Array, factor = workFactor): FileKeyWrapper => ({
  wrapFileKey(fileKey) {
    const salt = randomBytes(saltBytes)
    const sealer = createCipheriv(cipher, wrapKey(passphrase, salt, factor), zeroNonce, tag)
    const body = Buffer.concat([sealer.update(fileKey), sealer.final(), sealer.getAuthTag()])
    return [{ args: [kind, toBase64(salt), String(factor)], body }]
  },
})

/**
 * The file key under a passphrase; null when the passphrase is another one. In this thread, for as long as the work
 * factor asks.
 *
 * @throws AgeFailure `header` when the file is not sealed to a passphrase, or asks for more work than the cap.
 */
export function unwrapWithPassphrase(stanzas: readonly Stanza[], passphrase: Uint8Array): Uint8Array | null {
  const { salt, factor, body } = scryptStanza(stanzas)
  const opener = createDecipheriv(cipher, wrapKey(passphrase, salt, factor), zeroNonce, tag)
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

/** @throws AgeFailure `header`. */
export function scryptStanza(stanzas: readonly Stanza[]): {
  salt: Uint8Array
  factor: number
  body: Uint8Array
} {
  const [stanza] = stanzas
  const [type, text = '', factor = '', ...more] = stanza?.args ?? []
  const salt = fromBase64(text)
  const isOne = stanza !== undefined && stanzas.length === 1 && type === kind && more.length === 0
  if (!isOne || salt?.length !== saltBytes || stanza.body.length !== wrappedBytes) {
    throw new AgeFailure('header', 'It is not sealed to a passphrase alone.')
  }
  if (!/^[1-9][0-9]?$/.test(factor) || Number(factor) > workFactorMax) {
    throw new AgeFailure('header', `The work factor is not 1 to ${workFactorMax}.`)
  }
  return { salt, factor: Number(factor), body: stanza.body }
}

function wrapKey(passphrase: Uint8Array, salt: Uint8Array, factor: number): Uint8Array {
  const N = 2 ** factor
  const r = 8
  // OpenSSL counts a little more than the 128 N r of the algorithm.
  const maxmem = 128 * N * r + 2 ** 20
  return scryptSync(passphrase, Buffer.concat([Buffer.from(label), salt]), 32, { N, r, p: 1, maxmem })
}
