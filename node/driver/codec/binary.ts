import { assert } from '../../../base/assert.ts'
import { DecodeError, type Reader } from './reader.ts'
import type { Writer } from './writer.ts'

/** One shape of bytes in both directions. `read` throws DecodeError and nothing else; `write` throws InvariantBroken. */
export type Codec<T> = {
  readonly write: (out: Writer, value: T) => void
  readonly read: (input: Reader) => T
}

/** What every codec is assignable to, whatever its type. */
type SomeCodec = {
  readonly write: (out: Writer, value: never) => void
  readonly read: (input: Reader) => unknown
}
type Fields = Readonly<Record<string, SomeCodec>>
type StructOf<F extends Fields> = { readonly [Name in keyof F]: Decoded<F[Name]> }
type Cases = Readonly<Record<string, { readonly tag: number; readonly fields: Fields }>>
type UnionOf<C extends Cases> = {
  [Kind in keyof C]: { readonly kind: Kind } & StructOf<C[Kind]['fields']>
}[keyof C]

/** The type that a codec decodes to. */
export type Decoded<C extends SomeCodec> = ReturnType<C['read']>

export const u8: Codec<number> = { write: (out, value) => out.u8(value), read: input => input.u8() }
export const u32: Codec<number> = { write: (out, value) => out.u32(value), read: input => input.u32() }
/** Whole number from 0 to 2^53 - 1. */
export const varint: Codec<number> = {
  write: (out, value) => out.varint(value),
  read: input => input.varint(),
}

/** A span of milliseconds that may carry a fraction or have run out: rounded up, and 0 for less than nothing. */
export const spanMs: Codec<number> = {
  write: (out, value) => out.varint(Math.ceil(Math.max(0, value))),
  read: input => input.varint(),
}

/** Milliseconds since the epoch, as far as a hybrid logical clock can say them. */
export const instantMs: Codec<number> = {
  write: (out, value) => out.varint(value),
  read: input => {
    const ms = input.varint()
    if (ms >= 2 ** 48) throw new DecodeError('an instant has 48 bits')
    return ms
  },
}

export const flag: Codec<boolean> = {
  write: (out, value) => out.u8(value ? 1 : 0),
  read: input => {
    const byte = input.u8()
    if (byte > 1) throw new DecodeError('a flag is 0 or 1')
    return byte === 1
  },
}

/** `bytes` raw bytes as lowercase hex text of a branded type. */
export const hex = <T extends string>(bytes: number): Codec<T> => ({
  write: (out, value) => out.hex(value, bytes),
  read: input => input.hex(bytes) as T,
})

/** Length and raw bytes; decoding copies once. */
export const blob = (bytesMax: number): Codec<Uint8Array> => ({
  write: (out, value) => {
    assert(value.length <= bytesMax, 'a blob above its cap')
    out.varint(value.length)
    out.raw(value)
  },
  read: input => input.raw(lengthOf(input, bytesMax)),
})

const printable = /^[ -~]*$/

/** Length and printable ASCII. */
export const ascii = <T extends string>(bytesMax: number): Codec<T> => ({
  write: (out, value) => {
    assert(value.length <= bytesMax && printable.test(value), 'text that is not short ASCII')
    out.varint(value.length)
    out.raw(Buffer.from(value, 'latin1'))
  },
  read: input => {
    const text = input.latin1(lengthOf(input, bytesMax))
    if (!printable.test(text)) throw new DecodeError('text that is not ASCII')
    return text as T
  },
})

const utf8Decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Length in bytes and UTF-8. */
export const utf8 = (bytesMax: number): Codec<string> => ({
  write: (out, value) => {
    const bytes = Buffer.from(value, 'utf8')
    assert(bytes.length <= bytesMax && value.isWellFormed(), 'text above its cap or with half a character')
    out.varint(bytes.length)
    out.raw(bytes)
  },
  read: input => {
    const bytes = input.peek(lengthOf(input, bytesMax))
    try {
      return utf8Decoder.decode(bytes)
    } catch (cause) {
      throw new DecodeError('text that is not UTF-8', { cause })
    }
  },
})

export const list = <T>(item: Codec<T>, itemsMax: number): Codec<readonly T[]> => ({
  write: (out, value) => {
    assert(value.length <= itemsMax, 'a list above its cap')
    out.varint(value.length)
    for (const one of value) item.write(out, one)
  },
  read: input => {
    const length = lengthOf(input, itemsMax)
    const items: T[] = []
    for (let index = 0; index < length; index++) items.push(item.read(input))
    return items
  },
})

/** Null or a value. */
export const optional = <T>(item: Codec<T>): Codec<T | null> => oneOfOr<null, T>([null], item)

/** One byte that names one of `choices` by its place: append only. */
export const oneOf = <const T extends string>(choices: readonly T[]): Codec<T> => ({
  write: (out, value) => out.u8(placeOf(choices, value)),
  read: input => chosen(choices, input.u8()),
})

/** One byte: the place of a choice, or the number of choices followed by a value. */
export const oneOfOr = <const C extends string | null, T>(
  choices: readonly C[],
  item: Codec<T>,
): Codec<C | T> => ({
  write: (out, value) => {
    const place = (choices as readonly unknown[]).indexOf(value)
    out.u8(place < 0 ? choices.length : place)
    if (place < 0) item.write(out, value as T)
  },
  read: input => {
    const place = input.u8()
    return place === choices.length ? item.read(input) : chosen(choices, place)
  },
})

/** The fields one after the other, in the order of `fields`. */
export function struct<const F extends Fields>(fields: F): Codec<StructOf<F>> {
  const parts = partsOf(fields)
  return {
    write: (out, value) => writeParts(parts, out, value),
    read: input => readParts(parts, input, {}) as StructOf<F>,
  }
}

/** A tag byte and the fields of that kind. Tags are never given another meaning. */
export function tagged<const C extends Cases>(cases: C): Codec<UnionOf<C>> {
  type Case = { readonly kind: string; readonly tag: number; readonly parts: readonly Part[] }
  const byTag: (Case | undefined)[] = []
  const byKind = new Map<unknown, Case>()
  for (const [kind, { tag, fields }] of Object.entries(cases)) {
    assert(byTag[tag] === undefined && tag >= 1 && tag <= 0xff, 'a tag is one free byte')
    const one = { kind, tag, parts: partsOf(fields) }
    byTag[tag] = one
    byKind.set(kind, one)
  }
  return {
    write: (out, value) => {
      const one = byKind.get(value.kind)
      assert(one !== undefined, 'a kind without a tag')
      out.u8(one.tag)
      writeParts(one.parts, out, value)
    },
    read: input => {
      const tag = input.u8()
      const one = byTag[tag]
      if (one === undefined) throw new DecodeError(`unknown kind ${tag}`)
      return readParts(one.parts, input, { kind: one.kind }) as UnionOf<C>
    },
  }
}

type Part = { readonly name: string; readonly codec: Codec<unknown> }

const partsOf = (fields: Fields): readonly Part[] =>
  Object.entries(fields).map(([name, codec]) => ({ name, codec: codec as Codec<unknown> }))

function writeParts(parts: readonly Part[], out: Writer, value: object): void {
  const record = value as Record<string, unknown>
  for (const { name, codec } of parts) codec.write(out, record[name])
}

function readParts(parts: readonly Part[], input: Reader, into: Record<string, unknown>): unknown {
  for (const { name, codec } of parts) into[name] = codec.read(input)
  return into
}

function lengthOf(input: Reader, max: number): number {
  const length = input.varint()
  if (length > max) throw new DecodeError(`a length of ${length} above the cap of ${max}`)
  return length
}

function placeOf(choices: readonly unknown[], value: unknown): number {
  const place = choices.indexOf(value)
  assert(place >= 0, 'a choice that is not listed')
  return place
}

function chosen<C>(choices: readonly C[], place: number): C {
  const choice = choices[place]
  if (choice === undefined) throw new DecodeError(`unknown choice ${place}`)
  return choice
}
