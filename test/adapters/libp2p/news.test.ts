import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { PeerId } from '../../../base/ids.ts'
import { decodeNews, encodeNews, type News } from '../../../node/adapters/libp2p/news.ts'

const peer = '12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN' as PeerId
const news: fc.Arbitrary<News> = fc.oneof(
  fc.record({ kind: fc.constant('epoch' as const), epoch: fc.maxSafeNat() }, { noNullPrototype: true }),
  fc.record(
    {
      kind: fc.constant('health' as const),
      peer: fc.constant(peer),
      counters: fc.dictionary(fc.stringMatching(/^[A-Za-z][A-Za-z0-9_]{0,31}$/), fc.maxSafeNat(), {
        maxKeys: 16,
        noNullPrototype: true,
      }),
    },
    { noNullPrototype: true },
  ),
  fc.record(
    { kind: fc.constant('checkpoint' as const), checkpoint: fc.uint8Array({ maxLength: 512 }) },
    { noNullPrototype: true },
  ),
)

test('news come out as they went in', () => {
  fc.assert(fc.property(news, said => assert.deepEqual(decodeNews(encodeNews(said)), said)))
})

// Goal: no bytes of a peer trip the decoder. Method: random bytes, and news with one byte changed.
test('malformed news decode to null or to something valid, never throw', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), bytes => void decodeNews(bytes)))
  fc.assert(
    fc.property(news, fc.nat(), fc.nat(255), (said, at, value) => {
      const bytes = encodeNews(said).slice()
      bytes[at % bytes.length] = value
      const heard = decodeNews(bytes)
      if (heard?.kind === 'epoch') assert.ok(Number.isSafeInteger(heard.epoch) && heard.epoch >= 0)
      if (heard?.kind === 'checkpoint') assert.ok(heard.checkpoint.length <= 512)
      if (heard?.kind === 'health') assert.ok(Object.keys(heard.counters).length <= 16)
    }),
  )
})
