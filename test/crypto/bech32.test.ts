// Goal: keys are written as age writes them and have one spelling. Method: published vectors, round trips of random
// bytes, and every single-character change refused.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodeBech32, encodeBech32 } from '../../crypto/bech32.ts'

test('strings of BIP 173 are read or refused as it says', () => {
  for (const valid of [
    'A12UEL5L',
    'a12uel5l',
    '?1ezyfcl',
    'split1checkupstagehandshakeupstreamerranterredcaperred2y9e3w',
  ]) {
    const decoded = decodeBech32(valid)
    assert.ok(decoded, valid)
  }
  for (const invalid of [
    'A12uEL5L',
    'pzry9x0s0muk',
    '1pzry9x0s0muk',
    'x1b4n0q5v',
    'li1dgmt3',
    'A1G7SGD8',
    '10a06t8',
    '1qzzfhee',
    '',
  ]) {
    assert.equal(decodeBech32(invalid), null, invalid)
  }
})

test('bytes come back as they went in', () => {
  fc.assert(
    fc.property(
      fc.stringMatching(/^[a-z][a-z0-9-]{0,15}$/),
      fc.uint8Array({ maxLength: 100 }),
      (prefix, bytes) => {
        const decoded = decodeBech32(encodeBech32(prefix, bytes))
        assert.equal(decoded?.prefix, prefix)
        assert.deepEqual(Buffer.from(decoded!.bytes), Buffer.from(bytes))
      },
    ),
  )
})

test('a changed character is noticed wherever it is', () => {
  const text = encodeBech32('age', new Uint8Array(32).fill(7))
  for (let at = 4; at < text.length; at++) {
    const wrong = text.slice(0, at) + (text[at] === 'q' ? 'p' : 'q') + text.slice(at + 1)
    assert.equal(decodeBech32(wrong), null)
  }
})
