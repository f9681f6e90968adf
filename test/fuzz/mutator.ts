import type { Random } from '../../base/random.ts'

/** Bytes of one input, at most: enough for every cap but those of whole bodies, which have tests of their own. */
export const inputBytesMax = 16 * 1024
const inputBytesTypical = 2_048

const edges = [0, 1, 2, 0x0a, 0x20, 0x22, 0x2f, 0x5c, 0x7f, 0x80, 0xbf, 0xc0, 0xfe, 0xff]
const numbers = [0, 1, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff]

type Change = (
  bytes: Buffer,
  random: Random,
  others: readonly Uint8Array[],
  words: readonly string[],
) => Buffer

/** A place to cut, the end among them. */
const place = (bytes: Buffer, random: Random): number => random.below(bytes.length + 1)

/** Mostly short: a long range destroys what is around it. */
const range = (bytes: Buffer, random: Random): [from: number, to: number] => {
  const from = place(bytes, random)
  const length = random.below(random.chance(0.8) ? 16 : bytes.length + 1)
  return [from, Math.min(bytes.length, from + length)]
}

const put = (bytes: Buffer, at: number, until: number, piece: Uint8Array): Buffer =>
  Buffer.concat([bytes.subarray(0, at), piece, bytes.subarray(until)])

function overwritten(bytes: Buffer, at: number, piece: Uint8Array): Buffer {
  bytes.set(piece.subarray(0, Math.max(0, bytes.length - at)), at)
  return bytes
}

const changes: readonly Change[] = [
  function turnBit(bytes, random) {
    if (bytes.length > 0) bytes[random.below(bytes.length)]! ^= 1 << random.below(8)
    return bytes
  },
  function setByte(bytes, random) {
    const value = random.chance(0.5) ? random.pick(edges) : random.below(256)
    if (bytes.length > 0) bytes[random.below(bytes.length)] = value
    return bytes
  },
  function setNumber(bytes, random) {
    const piece = Buffer.alloc(8)
    const width = random.pick([1, 2, 4, 6, 8])
    piece.writeUInt32BE(random.pick(numbers), 4)
    return overwritten(bytes, place(bytes, random), piece.subarray(8 - width))
  },
  function count(bytes, random) {
    if (bytes.length > 0) bytes[random.below(bytes.length)]! += random.chance(0.5) ? 1 : 255
    return bytes
  },
  function drop(bytes, random) {
    const [from, to] = range(bytes, random)
    return put(bytes, from, to, Buffer.alloc(0))
  },
  function cutOff(bytes, random) {
    return bytes.subarray(0, place(bytes, random))
  },
  function insert(bytes, random) {
    const piece = Buffer.from(Array.from({ length: 1 + random.below(8) }, () => random.below(256)))
    return put(bytes, ...twice(place(bytes, random)), piece)
  },
  function repeat(bytes, random) {
    const [from, to] = range(bytes, random)
    const times = random.chance(0.9) ? 1 + random.below(3) : random.below(200)
    return put(
      bytes,
      from,
      from,
      Buffer.concat(Array.from({ length: times }, () => bytes.subarray(from, to))),
    )
  },
  function swap(bytes, random) {
    const [from, to] = range(bytes, random)
    const piece = bytes.subarray(from, to)
    const rest = put(bytes, from, to, Buffer.alloc(0))
    return put(rest, ...twice(place(rest, random)), piece)
  },
  function splice(bytes, random, others) {
    const other = Buffer.from(random.pick(others))
    const [from, to] = range(other, random)
    const at = place(bytes, random)
    return put(
      bytes,
      at,
      random.chance(0.5) ? at : Math.min(bytes.length, at + to - from),
      other.subarray(from, to),
    )
  },
  function cross(bytes, random, others) {
    const other = random.pick(others)
    return Buffer.concat([
      bytes.subarray(0, place(bytes, random)),
      other.subarray(random.below(other.length + 1)),
    ])
  },
  function word(bytes, random, _, words) {
    if (words.length === 0) return bytes
    const at = place(bytes, random)
    const until = random.chance(0.5) ? at : Math.min(bytes.length, at + random.below(12))
    return put(bytes, at, until, Buffer.from(random.pick(words)))
  },
]

const twice = (at: number): [number, number] => [at, at]

/** One input: chance alone now and then, a seed as it is rarely, else a seed with one to eight changes. */
export function nextInput(
  random: Random,
  seeds: readonly Uint8Array[],
  words: readonly string[] = [],
): Uint8Array {
  if (random.chance(0.05)) {
    const length = random.below(random.chance(0.9) ? 64 : inputBytesTypical)
    return Uint8Array.from({ length }, () => random.below(256))
  }
  let bytes: Buffer = Buffer.from(random.pick(seeds))
  const count = random.chance(0.02) ? 0 : random.chance(0.5) ? 1 : 1 + random.below(8)
  for (let i = 0; i < count; i++) bytes = random.pick(changes)(bytes, random, seeds, words)
  return Uint8Array.from(bytes.subarray(0, inputBytesMax))
}

/** Smaller inputs that may fail as well: with a piece left out, then with a byte made plain. Biggest steps first. */
export function* smaller(input: Uint8Array): Generator<Uint8Array> {
  for (let size = Math.ceil(input.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < input.length; at += size) {
      yield Buffer.concat([input.subarray(0, at), input.subarray(at + size)])
    }
  }
  for (let at = 0; at < input.length; at++) {
    if (input[at] === 0x30) continue
    const plain = Uint8Array.from(input)
    plain[at] = 0x30
    yield plain
  }
}
