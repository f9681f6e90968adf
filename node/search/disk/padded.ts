import { zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { bucketBytes } from '../../../crypto/padding.ts'

const lengthBytes = 4
/** A record holds one context and a little more; this is for what was sealed by us, so it never happens. */
const inflatedBytesMax = 64 * 1024 * 1024

/** Smaller texts are packed as they are: to set up the decompression takes longer than to open them. */
const compressedFrom = 4096
const packing = { plain: 0, zstd: 1 } as const
const startBytes = lengthBytes + 1

/** Compressed when it is long, with zeros up to a size bucket, so that a sealed record says little of the length of its text. */
export function packPadded(text: string): Uint8Array {
  const plain = Buffer.from(text)
  const compress = plain.length >= compressedFrom
  const payload = compress ? zstdCompressSync(plain) : plain
  const packed = Buffer.alloc(bucketBytes(startBytes + payload.length))
  packed.writeUInt32BE(payload.length, 0)
  packed[lengthBytes] = compress ? packing.zstd : packing.plain
  packed.set(payload, startBytes)
  return packed
}

export function unpackPadded(packed: Buffer): string {
  const payload = packed.subarray(startBytes, startBytes + packed.readUInt32BE(0))
  if (packed[lengthBytes] === packing.plain) return payload.toString()
  return zstdDecompressSync(payload, { maxOutputLength: inflatedBytesMax }).toString()
}
