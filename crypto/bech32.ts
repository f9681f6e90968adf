/**
 * Bech32 text of bytes, as age writes its keys: a readable prefix, `1`, five bits a character and a checksum of
 * six characters that finds every mistyped key. Source: BIP 173, without its limit of 90 characters.
 */
const alphabet = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l'
const generators = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3]
const checksumLength = 6
const textLengthMax = 256

/** @param prefix - lowercase. */
export function encodeBech32(prefix: string, bytes: Uint8Array): string {
  const words = regroup(bytes, 8, 5, true)!
  const sum = remainder([...expanded(prefix), ...words, ...new Array<number>(checksumLength).fill(0)]) ^ 1
  for (let place = checksumLength - 1; place >= 0; place--) words.push((sum >>> (5 * place)) & 31)
  return `${prefix}1${words.map(word => alphabet[word]).join('')}`
}

/** @returns null when it is not bech32 in one case; the prefix comes back in lowercase. */
export function decodeBech32(text: string): { prefix: string; bytes: Uint8Array } | null {
  if (text.length > textLengthMax) return null
  const lower = text.toLowerCase()
  if (text !== lower && text !== text.toUpperCase()) return null
  const split = lower.lastIndexOf('1')
  if (split < 1 || lower.length - split - 1 < checksumLength) return null
  const prefix = lower.slice(0, split)
  if (!/^[\x21-\x7e]+$/.test(prefix)) return null
  const words = Array.from(lower.slice(split + 1), character => alphabet.indexOf(character))
  if (words.includes(-1) || remainder([...expanded(prefix), ...words]) !== 1) return null
  const bytes = regroup(words.slice(0, -checksumLength), 5, 8, false)
  return bytes === null ? null : { prefix, bytes: Uint8Array.from(bytes) }
}

/** The prefix as the checksum sees it: high bits of every character, a zero, low bits. */
function expanded(prefix: string): number[] {
  const codes = Array.from(prefix, character => character.charCodeAt(0))
  return [...codes.map(code => code >> 5), 0, ...codes.map(code => code & 31)]
}

function remainder(words: readonly number[]): number {
  let rest = 1
  for (const word of words) {
    const top = rest >>> 25
    rest = ((rest & 0x1ffffff) << 5) ^ word
    for (const [bit, generator] of generators.entries()) if ((top >> bit) & 1) rest ^= generator
  }
  return rest
}

/** @returns null when unpadded input leaves a whole group or a set bit over: such text has a second spelling. */
function regroup(input: Iterable<number>, from: number, to: number, pad: boolean): number[] | null {
  const output: number[] = []
  let held = 0
  let bits = 0
  for (const group of input) {
    held = ((held << from) | group) & 0xfff
    bits += from
    while (bits >= to) {
      bits -= to
      output.push((held >> bits) & ((1 << to) - 1))
    }
  }
  if (pad) {
    if (bits > 0) output.push((held << (to - bits)) & ((1 << to) - 1))
    return output
  }
  return bits >= from || (held & ((1 << bits) - 1)) !== 0 ? null : output
}
