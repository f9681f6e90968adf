import { zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { bucketBytes } from '../../../crypto/padding.ts'

const lengthBytes = 4
/** A record holds one context and a little more; this is for what was sealed by us, so it never happens. */
const inflatedBytesMax = 64 * 1024 * 1024

/** Compressed, with zeros up to a size bucket, so that a sealed record says little of the length of its text. */
export function packPadded(text: string): Uint8Array {
  const compressed = zstdCompressSync(Buffer.from(text))
  const packed = Buffer.alloc(bucketBytes(lengthBytes + compressed.length))
  packed.writeUInt32BE(compressed.length, 0)
  packed.set(compressed, lengthBytes)
  return packed
}

export function unpackPadded(packed: Buffer): string {
  const end = lengthBytes + packed.readUInt32BE(0)
  return zstdDecompressSync(packed.subarray(lengthBytes, end), {
    maxOutputLength: inflatedBytesMax,
  }).toString()
}
