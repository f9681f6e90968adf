// Goal: sizes tell little, cost little, and what is packed comes back or is refused. Method: every size up to a few
// thousand and samples up to the cap against the promised overhead; round trips; a bomb; mutated packings.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { zstdCompressSync } from 'node:zlib'
import fc from 'fast-check'
import { SlurpError } from '../../base/errors.ts'
import { bucketBytes, bucketBytesMin, pack, plaintextBytesMax, unpack } from '../../crypto/padding.ts'
import { refusedAs } from './fixtures.ts'

const binding = new Uint8Array(32).fill(0xb1)

test('a bucket holds its object, costs at most 12 % more, and is its own bucket', () => {
  const sizes = [...Array(5000).keys(), ...Array.from({ length: 400 }, (_, i) => 5000 + i * 2741)]
  const buckets = new Set<number>()
  for (const size of sizes) {
    const bucket = bucketBytes(size)
    assert.ok(bucket >= size)
    assert.ok(bucket === bucketBytesMin || bucket <= size * 1.12, `${size} -> ${bucket}`)
    assert.equal(bucketBytes(bucket), bucket)
    buckets.add(bucket)
  }
  assert.ok(buckets.size < 256, `${buckets.size} sizes can be told apart`)
})

test('a payload comes back with its binding, whatever it is', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 3000 }), fc.nat(200), (noise, repeats) => {
      const plaintext = Buffer.concat([noise, Buffer.from('why '.repeat(repeats))])
      const unpacked = unpack(pack(binding, plaintext))
      assert.deepEqual(Buffer.from(unpacked.plaintext), plaintext)
      assert.deepEqual(Buffer.from(unpacked.binding), Buffer.from(binding))
    }),
  )
})

test('zstd is kept only where it is smaller', () => {
  const noise = randomBytes(4096)
  assert.equal(pack(binding, noise)[32], 0)
  assert.equal(pack(binding, noise).length, bucketBytes(4096 + 37))
  assert.equal(pack(binding, Buffer.from('again '.repeat(700)))[32], 1)
})

test('the largest context fits, one byte more is refused', () => {
  assert.equal(unpack(pack(binding, randomBytes(plaintextBytesMax))).plaintext.length, plaintextBytesMax)
  assert.equal(unpack(pack(binding, Buffer.alloc(plaintextBytesMax))).plaintext.length, plaintextBytesMax)
  assert.throws(() => pack(binding, Buffer.alloc(plaintextBytesMax + 1)), refusedAs('TOO_LARGE'))
})

/** As `pack` lays it out, around any payload. */
function packed(payload: Uint8Array, how: number): Buffer {
  const bytes = Buffer.alloc(bucketBytes(37 + payload.length))
  bytes.set(binding, 0)
  bytes[32] = how
  bytes.writeUInt32BE(payload.length, 33)
  bytes.set(payload, 37)
  return bytes
}

test('a payload that inflates past the cap is refused', () => {
  const bomb = zstdCompressSync(Buffer.alloc(64 * 1024 * 1024))
  assert.ok(bomb.length < 16_384)
  assert.throws(() => unpack(packed(bomb, 1)), refusedAs('INTEGRITY_FAILED'))
  assert.throws(() => unpack(packed(zstdCompressSync(Buffer.alloc(plaintextBytesMax + 1)), 1)), SlurpError)
})

test('what `pack` does not write is refused: padding, size, kind of packing, broken zstd', () => {
  const whole = Buffer.from(pack(binding, Buffer.from('short')))
  const dirty = Buffer.from(whole)
  dirty[whole.length - 1] = 1
  const tooLong = Buffer.concat([whole, Buffer.alloc(16)])
  const lying = Buffer.from(whole)
  lying.writeUInt32BE(4_000_000_000, 33)
  for (const wrong of [
    dirty,
    tooLong,
    lying,
    packed(Buffer.from('x'), 2),
    packed(Buffer.from('no zstd'), 1),
  ]) {
    assert.throws(() => unpack(wrong), refusedAs('INTEGRITY_FAILED'))
  }
})

test('any bytes unpack or end in a SlurpError', () => {
  const compressed = pack(binding, Buffer.from('mutate me '.repeat(300)))
  const mutated = fc.tuple(fc.nat(compressed.length - 1), fc.nat(255)).map(([at, byte]) => {
    const copy = Uint8Array.from(compressed)
    copy[at] = byte
    return copy
  })
  fc.assert(
    fc.property(fc.oneof(mutated, fc.uint8Array({ minLength: 200, maxLength: 600 })), bytes => {
      try {
        unpack(bytes)
      } catch (failure) {
        assert.ok(failure instanceof SlurpError, String(failure))
      }
    }),
    { numRuns: 500 },
  )
})
