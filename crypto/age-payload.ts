import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'
import { AgeFailure } from './age-failure.ts'

const cipher = 'chacha20-poly1305'
const chunkBytes = 64 * 1024
const tagBytes = 16
const nonceBytes = 16
const tag = { authTagLength: tagBytes }

/** Bytes of the payload of an age file for so much plaintext. */
export const payloadBytes = (plaintextBytes: number): number =>
  nonceBytes + plaintextBytes + tagBytes * Math.max(1, Math.ceil(plaintextBytes / chunkBytes))

/**
 * Writes the encrypted payload of an age v1 file: a nonce, then chunks of 64 KiB that are each authenticated and
 * numbered, the last one marked. Source: C2SP age.md, "Payload"; STREAM of Hoang et al. 2015.
 *
 * @param out - receives exactly `payloadBytes(plaintext.length)` bytes.
 */
export function writePayload(fileKey: Uint8Array, plaintext: Uint8Array, out: Uint8Array): void {
  const nonce = randomBytes(nonceBytes)
  out.set(nonce, 0)
  const key = payloadKey(fileKey, nonce)
  let to = nonceBytes
  for (let from = 0, number = 0; from < plaintext.length || number === 0; from += chunkBytes, number++) {
    const end = Math.min(from + chunkBytes, plaintext.length)
    const sealer = createCipheriv(cipher, key, chunkNonce(number, end === plaintext.length), tag)
    out.set(sealer.update(plaintext.subarray(from, end)), to)
    sealer.final()
    to += end - from
    out.set(sealer.getAuthTag(), to)
    to += tagBytes
  }
}

/**
 * @param payload - from the nonce to the end of the file.
 * @returns the plaintext, and only once all of it proved authentic.
 * @throws AgeFailure `payload` when a chunk is changed, missing, added or out of order; `header` without a nonce.
 */
export function readPayload(fileKey: Uint8Array, payload: Uint8Array): Uint8Array {
  if (payload.length < nonceBytes) throw new AgeFailure('header', 'The nonce of the payload is cut off.')
  const chunks = Math.ceil((payload.length - nonceBytes) / (chunkBytes + tagBytes))
  const lastBytes = payload.length - nonceBytes - (chunks - 1) * (chunkBytes + tagBytes)
  if (chunks === 0 || lastBytes < tagBytes) throw new AgeFailure('payload', 'The payload is cut off.')
  const key = payloadKey(fileKey, payload.subarray(0, nonceBytes))
  const plaintext = new Uint8Array(payload.length - nonceBytes - chunks * tagBytes)
  let from = nonceBytes
  let to = 0
  for (let number = 0; number < chunks; number++) {
    const end = Math.min(from + chunkBytes + tagBytes, payload.length)
    const last = number === chunks - 1
    const chunk = openChunk(key, chunkNonce(number, last), payload.subarray(from, end))
    // An empty last chunk behind others would give one plaintext two files.
    if (chunk === null || (last && number > 0 && chunk.length === 0)) {
      throw new AgeFailure('payload', 'A chunk of the payload is not what was sealed.')
    }
    plaintext.set(chunk, to)
    to += chunk.length
    from = end
  }
  return plaintext
}

function openChunk(key: Uint8Array, nonce: Uint8Array, chunk: Uint8Array): Uint8Array | null {
  const opener = createDecipheriv(cipher, key, nonce, tag)
  opener.setAuthTag(chunk.subarray(chunk.length - tagBytes))
  const plaintext = opener.update(chunk.subarray(0, chunk.length - tagBytes))
  try {
    opener.final()
  } catch (failure) {
    if (isWrongTag(failure)) return null
    throw failure
  }
  return plaintext
}

/** Whether an AEAD cipher of node:crypto refused its tag; nothing else is the sender's fault. */
export const isWrongTag = (failure: unknown): boolean =>
  failure instanceof Error && failure.message === 'Unsupported state or unable to authenticate data'

const payloadKey = (fileKey: Uint8Array, nonce: Uint8Array): Uint8Array =>
  new Uint8Array(hkdfSync('sha256', fileKey, nonce, 'payload', 32))

/** 11 bytes of chunk number, big-endian, and a mark on the last chunk. */
function chunkNonce(number: number, last: boolean): Uint8Array {
  const nonce = Buffer.alloc(12)
  nonce.writeUInt32BE(number, 7)
  nonce[11] = last ? 1 : 0
  return nonce
}
