import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { InvariantBroken } from '../../../base/assert.ts'
import {
  ascii,
  blob,
  type Codec,
  flag,
  list,
  oneOf,
  oneOfOr,
  spanMs,
  tagged,
  u8,
  u32,
  utf8,
  varint,
} from '../../../node/driver/codec/binary.ts'
import { DecodeError, Reader } from '../../../node/driver/codec/reader.ts'
import { Writer } from '../../../node/driver/codec/writer.ts'

function encode<T>(codec: Codec<T>, value: T): Uint8Array {
  const out = new Writer(1)
  codec.write(out, value)
  return out.take()
}

function decode<T>(codec: Codec<T>, bytes: ArrayLike<number>): T {
  const input = new Reader(Uint8Array.from(bytes))
  const value = codec.read(input)
  input.end()
  return value
}

const refuses = <T>(codec: Codec<T>, bytes: readonly number[]) =>
  assert.throws(() => decode(codec, bytes), DecodeError)

// Goal: each building block gives back what it was given, whatever the writer's buffer size. Method: properties.
test('numbers survive', () => {
  fc.assert(fc.property(fc.maxSafeNat(), value => assert.equal(decode(varint, encode(varint, value)), value)))
  for (const value of [0, 127, 128, 16383, 16384, 2 ** 32, Number.MAX_SAFE_INTEGER]) {
    assert.equal(decode(varint, encode(varint, value)), value)
  }
  fc.assert(fc.property(fc.nat(255), value => assert.equal(decode(u8, encode(u8, value)), value)))
  assert.equal(decode(u32, encode(u32, 0xffffffff)), 0xffffffff)
})

test('texts and blobs survive', () => {
  const text = utf8(10_000)
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), value =>
      assert.equal(decode(text, encode(text, value)), value),
    ),
  )
  assert.equal(decode(text, encode(text, '\ufeffmark')), '\ufeffmark')
  const bytes = blob(1000)
  fc.assert(
    fc.property(fc.uint8Array(), value => assert.deepStrictEqual(decode(bytes, encode(bytes, value)), value)),
  )
})

test('a span is rounded up and never negative', () => {
  assert.equal(decode(spanMs, encode(spanMs, 12.01)), 13)
  assert.equal(decode(spanMs, encode(spanMs, -3)), 0)
})

test('a blob is a copy and no view', () => {
  const source = Uint8Array.of(2, 5, 6)
  const value = blob(9).read(new Reader(source))
  source.fill(0)
  assert.deepStrictEqual(value, Uint8Array.of(5, 6))
  assert.equal(value.buffer.byteLength, 2)
})

// Goal: one value has one encoding and nothing beyond a cap is believed. Method: the forbidden bytes by hand.
test('needless, endless and too large varints are refused', () => {
  refuses(varint, [0x80, 0x00])
  refuses(varint, [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x10])
  refuses(varint, [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01])
  refuses(varint, [0x80])
  refuses(varint, [])
})

test('values outside their shape are refused', () => {
  refuses(flag, [2])
  refuses(oneOf(['a', 'b']), [2])
  refuses(oneOfOr(['a', 'b'], u8), [3, 0])
  refuses(ascii(10), [1, 0x1f])
  refuses(ascii(10), [1, 0xc3])
  refuses(utf8(10), [2, 0xc3, 0x28])
  refuses(blob(2), [3, 0, 0, 0])
  refuses(list(u8, 2), [3, 0, 0, 0])
  refuses(tagged({ a: { tag: 1, fields: {} } }), [2])
  refuses(u8, [1, 2])
  refuses(u32, [1, 2, 3])
})

test('a length beyond the bytes at hand allocates nothing', () => {
  refuses(blob(2 ** 40), [0xff, 0xff, 0xff, 0xff, 0xff, 0x1f])
  refuses(list(u8, 2 ** 40), [0xff, 0xff, 0xff, 0xff, 0xff, 0x1f])
})

test('what does not fit its own cap is a bug', () => {
  assert.throws(() => encode(blob(1), Uint8Array.of(1, 2)), InvariantBroken)
  assert.throws(() => encode(list(u8, 1), [1, 2] as readonly number[]), InvariantBroken)
  assert.throws(() => encode(varint, 1.5), InvariantBroken)
  assert.throws(() => encode(u8, 256), InvariantBroken)
  assert.throws(() => encode(ascii(9), 'ä'), InvariantBroken)
  assert.throws(() => encode(utf8(9), '\ud800'), InvariantBroken)
})

// Goal: small records share memory, and none changes another. Method: many records of one writer, looked at in the end.
test('what was taken stays as it was while the writer goes on', () => {
  const out = new Writer(64)
  const record = (seed: number) =>
    Uint8Array.from({ length: (seed * 37) % 300 }, (_, at) => (seed + at) & 0xff)
  const seeds = Array.from({ length: 200 }, (_, at) => at)
  const taken = seeds.map(seed => {
    out.raw(Uint8Array.of(1, 2, 3))
    out.clear()
    out.raw(record(seed))
    return out.take()
  })
  for (const seed of seeds) assert.deepStrictEqual(taken[seed], record(seed))
})
