/** Byte strings without Buffer: the pure folders run anywhere. */
const digits = '0123456789abcdef'
const texts = Array.from({ length: 256 }, (_, byte) => digits[byte >> 4]! + digits[byte & 15]!)
/** Value of each character code that is a digit, 255 of all others. Keys are turned into bytes on every disk access. */
const values = new Uint8Array(128).fill(255)
for (let value = 0; value < 16; value++) values[digits.charCodeAt(value)] = value

export function toHex(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += texts[byte]!
  return text
}

/** @returns null when the text is not an even number of lowercase hex digits. */
export function fromHex(text: string): Uint8Array | null {
  if (text.length % 2 !== 0) return null
  const bytes = new Uint8Array(text.length / 2)
  for (let i = 0; i < bytes.length; i++) {
    const high = values[text.charCodeAt(i * 2)] ?? 255
    const low = values[text.charCodeAt(i * 2 + 1)] ?? 255
    if (high > 15 || low > 15) return null
    bytes[i] = (high << 4) | low
  }
  return bytes
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

export const noBytes = new Uint8Array(0)
