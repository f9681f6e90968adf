/** Byte strings without Buffer: the pure folders run anywhere. */
const digits = '0123456789abcdef'
const values = new Map([...digits].map((digit, value) => [digit, value]))

export function toHex(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += digits[byte >> 4]! + digits[byte & 15]!
  return text
}

/** @returns null when the text is not an even number of lowercase hex digits. */
export function fromHex(text: string): Uint8Array | null {
  if (text.length % 2 !== 0) return null
  const bytes = new Uint8Array(text.length / 2)
  for (let i = 0; i < bytes.length; i++) {
    const high = values.get(text[i * 2]!)
    const low = values.get(text[i * 2 + 1]!)
    if (high === undefined || low === undefined) return null
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
