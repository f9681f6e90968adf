import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { SlurpError } from '../base/errors.ts'
import { codeOf } from './failure-code.ts'

/** Plaintext of one context, at most: the 1 MiB that a context may have, and room for what the store adds. */
export const plaintextBytesMax = 1024 * 1024 + 16 * 1024
/** The smallest size bucket, in bytes. */
export const bucketBytesMin = 256

const bindingBytes = 32
const lengthBytes = 4
const startBytes = bindingBytes + 1 + lengthBytes
const packing = { plain: 0, zstd: 1 } as const
const deflating = { params: { [constants.ZSTD_c_compressionLevel]: 3 } }
/** The cap is on the output, as a few bytes can inflate to gigabytes, and on the window, which is memory too. */
const inflating = {
  maxOutputLength: plaintextBytesMax,
  params: { [constants.ZSTD_d_windowLogMax]: 22 },
}

/**
 * The size that `bytes` is padded to: Padmé buckets. At most 12 % more, less with size, and of an object of n bytes
 * only log2(log2 n) bits of its length show. Powers of two would show less and cost up to 100 %.
 * Source: Nikitin et al. 2019 (PURBs), section 4.
 */
export function bucketBytes(bytes: number): number {
  if (bytes <= bucketBytesMin) return bucketBytesMin
  const exponent = Math.floor(Math.log2(bytes))
  const step = 2 ** (exponent - (Math.floor(Math.log2(exponent)) + 1))
  return Math.ceil(bytes / step) * step
}

/**
 * What is sealed: binding, how it is packed, length, the payload (zstd only where that is smaller), zeros up to
 * the next bucket.
 *
 * @param binding - 32 bytes that tie it to its envelope.
 * @throws SlurpError TOO_LARGE past `plaintextBytesMax`.
 */
export function pack(binding: Uint8Array, plaintext: Uint8Array): Uint8Array {
  if (plaintext.length > plaintextBytesMax) {
    throw new SlurpError('TOO_LARGE', `A context holds at most ${plaintextBytesMax} bytes.`)
  }
  const compressed = zstdCompressSync(plaintext, deflating)
  const smaller = compressed.length < plaintext.length
  const payload = smaller ? compressed : plaintext
  const packed = Buffer.alloc(bucketBytes(startBytes + payload.length))
  packed.set(binding, 0)
  packed[bindingBytes] = smaller ? packing.zstd : packing.plain
  packed.writeUInt32BE(payload.length, bindingBytes + 1)
  packed.set(payload, startBytes)
  return packed
}

/** @throws SlurpError INTEGRITY_FAILED for anything that `pack` does not make, and for a payload that inflates past the cap. */
export function unpack(packed: Uint8Array): { binding: Uint8Array; plaintext: Uint8Array } {
  if (packed.length < bucketBytesMin) throw malformed()
  const view = Buffer.from(packed.buffer, packed.byteOffset, packed.length)
  const end = startBytes + view.readUInt32BE(bindingBytes + 1)
  if (end > packed.length || bucketBytes(end) !== packed.length) throw malformed()
  // Authentic zeros, or the padding would carry what nobody looks at.
  if (view.subarray(end).some(byte => byte !== 0)) throw malformed()
  const payload = view.subarray(startBytes, end)
  const how = view[bindingBytes]
  if (how === packing.plain && payload.length > plaintextBytesMax) throw malformed()
  if (how !== packing.plain && how !== packing.zstd) throw malformed()
  const plaintext = how === packing.zstd ? inflate(payload) : Uint8Array.from(payload)
  return { binding: view.subarray(0, bindingBytes), plaintext }
}

function inflate(payload: Uint8Array): Uint8Array {
  try {
    return zstdDecompressSync(payload, inflating)
  } catch (failure) {
    const code = codeOf(failure)
    if (code === 'ERR_BUFFER_TOO_LARGE' || (typeof code === 'string' && /^Z(STD)?_/.test(code))) {
      throw malformed()
    }
    throw failure
  }
}

const malformed = () =>
  new SlurpError('INTEGRITY_FAILED', 'What was sealed in this envelope is not packed as a context is.')
