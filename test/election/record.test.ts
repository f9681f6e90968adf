// Goal: bytes of the register are read as they were written, and nothing that a peer may write there breaks a reader.
// Method: round trips and random bytes.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { PeerId } from '../../base/ids.ts'
import { decodeLease, encodeLease, holderLengthMax, isToken, tokenMax } from '../../election/record.ts'

const numbers = fc.integer({ min: 1, max: 2 ** 47 })
const holders = fc.stringMatching(/^[1-9A-HJ-NP-Za-km-z]{1,128}$/).map(text => text as PeerId)
const records = fc.record(
  { holder: fc.option(holders), token: numbers, sequence: numbers },
  { noNullPrototype: true },
)

test('a record comes back as it went', () => {
  fc.assert(fc.property(records, record => assert.deepEqual(decodeLease(encodeLease(record)), record)))
})

test('any bytes are a record that encodes to them, or none', () => {
  const nearly = fc
    .tuple(records, fc.nat(140), fc.nat(255))
    .map(([record, at, byte]) => encodeLease(record).with(at % 14, byte))
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), nearly), bytes => {
      const record = decodeLease(bytes)
      if (record !== null) assert.deepEqual([...encodeLease(record)], [...bytes])
    }),
  )
})

test('cut, longer and lying bytes are no record', () => {
  const bytes = encodeLease({ holder: 'peer' as PeerId, token: 1, sequence: 1 })
  for (let length = 0; length < bytes.length; length++)
    assert.equal(decodeLease(bytes.subarray(0, length)), null)
  assert.equal(decodeLease(new Uint8Array([...bytes, 65])), null)
  assert.equal(decodeLease(bytes.with(0, 2)), null)
  assert.equal(decodeLease(bytes.with(14, 0x0a)), null)
  assert.equal(decodeLease(bytes.with(6, 0)), null, 'token 0')
})

test('numbers near their end are a lie, so that taking one over can always count on', () => {
  const lie = encodeLease({ holder: null, token: tokenMax, sequence: 1 })
  assert.equal(decodeLease(lie), null)
})

test('what is out of range is a bug of ours', () => {
  const holder = 'peer' as PeerId
  assert.throws(() => encodeLease({ holder, token: 0, sequence: 1 }))
  assert.throws(() => encodeLease({ holder, token: 1, sequence: tokenMax + 1 }))
  assert.throws(() => encodeLease({ holder: '' as PeerId, token: 1, sequence: 1 }))
  assert.throws(() => encodeLease({ holder: 'é' as PeerId, token: 1, sequence: 1 }))
  const long = 'a'.repeat(holderLengthMax + 1) as PeerId
  assert.throws(() => encodeLease({ holder: long, token: 1, sequence: 1 }))
  for (const token of [0, -1, 1.5, Number.NaN, tokenMax + 1]) assert.equal(isToken(token), false)
})
