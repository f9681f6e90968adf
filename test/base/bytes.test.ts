// Goal: hex and bytes are the same thing in two forms, and what is no hex is refused.
// Method: round trips over random bytes, compared with Buffer's own conversion.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { fromHex, sameBytes, toHex } from '../../base/bytes.ts'

test('bytes survive the way to hex and back', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), bytes => {
      const text = toHex(bytes)
      assert.equal(text, Buffer.from(bytes).toString('hex'))
      assert.deepEqual(fromHex(text), bytes)
    }),
  )
})

test('text that is not lowercase hex of even length gives null', () => {
  for (const text of ['a', 'abc', 'AB', '0x', 'g0', '0g', ' 0', 'é0', '0\u{1f600}', '\u00000']) {
    assert.equal(fromHex(text), null, text)
  }
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string({ maxLength: 6 }),
        fc.string({ unit: fc.constantFrom(...'0189afAg'), maxLength: 6 }),
      ),
      text => {
        assert.equal(fromHex(text) !== null, /^([0-9a-f]{2})*$/.test(text))
      },
    ),
  )
})

test('bytes are the same when length and every byte are', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 8, max: 2 }), fc.uint8Array({ maxLength: 8, max: 2 }), (a, b) => {
      assert.equal(sameBytes(a, b), Buffer.compare(a, b) === 0)
    }),
  )
})
