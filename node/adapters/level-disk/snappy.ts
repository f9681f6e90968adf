/**
 * Undoes Snappy. We write tables without compression, but Level's own repair compresses, and the index of such a
 * table must be read to check its blocks. Source: Snappy's format_description.txt.
 *
 * @returns null when the bytes are no Snappy, or more than `bytesMax` come out.
 */
export function unsnappied(input: Uint8Array, bytesMax: number): Uint8Array | null {
  let at = 0
  const next = (): number => input[at++] ?? Number.NaN
  const little = (count: number): number => {
    let value = 0
    for (let index = 0; index < count; index++) value += next() * 2 ** (8 * index)
    return value
  }

  let length = 0
  for (let scale = 1; ; scale *= 0x80) {
    const byte = next()
    length += (byte & 0x7f) * scale
    if (byte < 0x80) break
    if (!(byte >= 0x80) || scale > 2 ** 21) return null
  }
  if (length > bytesMax) return null

  const output = new Uint8Array(length)
  let filled = 0
  while (at < input.length) {
    const tag = next()
    const high = tag >> 2
    if ((tag & 3) === 0) {
      const count = 1 + (high < 60 ? high : little(high - 59))
      if (!(count <= length - filled) || count > input.length - at) return null
      output.set(input.subarray(at, at + count), filled)
      at += count
      filled += count
      continue
    }
    const short = (tag & 3) === 1
    const count = short ? 4 + (high & 7) : high + 1
    const back = short ? (high >> 3) * 256 + next() : little((tag & 3) === 2 ? 2 : 4)
    if (!(back >= 1 && back <= filled) || count > length - filled) return null
    // One by one: source and target overlap where a pattern repeats.
    for (let index = 0; index < count; index++, filled++) output[filled] = output[filled - back]!
  }
  return filled === length ? output : null
}
