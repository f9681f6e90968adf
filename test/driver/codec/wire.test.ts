import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { InvariantBroken } from '../../../base/assert.ts'
import type { Hlc } from '../../../base/ids.ts'
import { DecodeError } from '../../../node/driver/codec/reader.ts'
import { dataBytesMax } from '../../../node/driver/codec/replica-shapes.ts'
import { decodeFrame, encodeFrame, frameMessagesMax, wireVersion } from '../../../node/driver/codec/wire.ts'
import type { PeerMessage } from '../../../node/peer/fleet-messages.ts'
import { frame, hlc, messages } from './arbitraries.ts'

const decodedOrRefused = (bytes: Uint8Array) => {
  try {
    return decodeFrame(bytes)
  } catch (failure) {
    assert.ok(failure instanceof DecodeError, `a decoder threw ${failure}`)
    return null
  }
}

// Goal: what one peer sends is what the other gets. Method: random messages of each kind, there and back.
for (const [kind, one] of Object.entries(messages)) {
  test(`${kind} survives the wire`, () => {
    fc.assert(
      fc.property(hlc, one as fc.Arbitrary<PeerMessage>, (clock, message) => {
        const sent = { clock, messages: [message] }
        assert.deepStrictEqual(decodeFrame(encodeFrame(sent)), sent)
      }),
    )
  })
}

// Goal: many messages in one frame keep their order and do not share memory with the next frame.
test('a frame of many messages survives the wire, and the next frame leaves it alone', () => {
  fc.assert(
    fc.property(frame, frame, (first, second) => {
      const bytes = encodeFrame(first)
      encodeFrame(second)
      const met = decodeFrame(bytes)
      bytes.fill(0xff)
      assert.deepStrictEqual(met, first)
    }),
  )
})

// Goal: equal frames have equal bytes and nothing else decodes to them. Method: re-encode whatever decodes.
test('a frame has one encoding', () => {
  fc.assert(
    fc.property(frame, fc.nat(), fc.integer({ min: 1, max: 255 }), (content, place, change) => {
      const bytes = encodeFrame(content)
      bytes[place % bytes.length]! ^= change
      const met = decodedOrRefused(bytes)
      if (met !== null) assert.deepStrictEqual(encodeFrame(met), bytes)
    }),
    { numRuns: 500 },
  )
})

// Goal: nothing that a stranger sends does more than throw DecodeError.
test('random bytes are refused with DecodeError', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), bytes => {
      decodedOrRefused(bytes)
      decodedOrRefused(Uint8Array.of(wireVersion, ...bytes))
    }),
    { numRuns: 2000 },
  )
})

test('cut, lengthened and spliced frames are refused with DecodeError', () => {
  fc.assert(
    fc.property(frame, frame, fc.nat(), fc.nat(), (first, second, cut, join) => {
      const [a, b] = [encodeFrame(first), encodeFrame(second)]
      assert.throws(() => decodeFrame(a.subarray(0, cut % a.length)), DecodeError)
      assert.throws(() => decodeFrame(Uint8Array.of(...a, 0)), DecodeError)
      decodedOrRefused(Uint8Array.of(...a.subarray(0, cut % a.length), ...b.subarray(join % b.length)))
    }),
    { numRuns: 500 },
  )
})

test('a clock beyond what a hybrid logical clock can say is refused', () => {
  const told = (wallMs: number) =>
    encodeFrame({
      clock: '0c'.repeat(12) as Hlc,
      messages: [{ kind: 'clockTold', wallMs, epoch: 1, members: 3 }],
    })
  assert.equal(decodeFrame(told(2 ** 48 - 1)).messages.length, 1)
  assert.throws(() => decodeFrame(told(2 ** 48)), DecodeError)
})

test('another wire version is refused by its number', () => {
  const bytes = encodeFrame({ clock: '0'.repeat(24) as never, messages: [] })
  bytes[0] = 9
  assert.throws(() => decodeFrame(bytes), /version 9/)
})

// Goal: caps hold in both directions. Method: one below and one above each cap, by hand where encoding refuses.
test('data at its cap passes and one byte more is refused', () => {
  const record = {
    version: 'a'.repeat(24),
    parent: null,
    kind: 'live',
    hash: 'b'.repeat(64),
    expiresAtMs: 0,
    data: new Uint8Array(dataBytesMax).fill(7),
  }
  const sent = {
    clock: '1'.repeat(24),
    messages: [{ kind: 'backfill', id: 1, key: 'c'.repeat(64), record }],
  } as never
  assert.deepStrictEqual(decodeFrame(encodeFrame(sent)), sent)
  record.data = new Uint8Array(dataBytesMax + 1)
  assert.throws(() => encodeFrame(sent), InvariantBroken)
  const small = encodeFrame({ clock: '1'.repeat(24), messages: [] } as never)
  assert.throws(() => decodeFrame(small.with(small.length - 1, 0x7f)), DecodeError)
})

test('more messages than the cap are refused before any is read', () => {
  const empty = encodeFrame({ clock: '1'.repeat(24), messages: [] } as never)
  const count = frameMessagesMax + 1
  const bytes = Uint8Array.of(...empty.subarray(0, -1), (count & 0x7f) | 0x80, count >> 7)
  assert.throws(() => decodeFrame(bytes), /cap of 4096/)
})

test('an encoder that threw leaves nothing behind in the next frame', () => {
  const good = { clock: '1'.repeat(24), messages: [] } as never
  const before = encodeFrame(good)
  assert.throws(() => encodeFrame({ clock: '1'.repeat(24), messages: [{ kind: 'nonsense' }] } as never))
  assert.deepStrictEqual(encodeFrame(good), before)
})
