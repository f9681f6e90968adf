// Goal: bytes of a duty's register are read as they were written, and nothing that may be found there breaks a reader.
// Method: round trips and random bytes.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { PeerId } from '../../base/ids.ts'
import {
  type DutyRecord,
  decodeDuty,
  encodeDuty,
  runOutcomes,
  stateBytesMax,
} from '../../election/duty-record.ts'
import { recorded } from './duty-seat.ts'

const counts = fc.integer({ min: 0, max: 2 ** 47 })
const records = fc
  .record({
    name: fc.stringMatching(/^[a-z][a-z0-9-]{0,63}$/),
    token: fc.integer({ min: 1, max: 2 ** 47 }),
    paused: fc.boolean(),
    runs: counts,
    lastRunMs: counts,
    lastOutcome: fc.constantFrom(...runOutcomes),
    failures: fc.integer({ min: 0, max: 0xffff }),
    cursor: fc.option(fc.stringMatching(/^[1-9A-HJ-NP-Za-km-z]{1,128}$/)),
    isMidTurn: fc.boolean(),
    state: fc.uint8Array({ maxLength: 300 }),
  })
  .map(({ cursor, isMidTurn, lastOutcome, state, ...rest }): DutyRecord => {
    const isCursor = cursor !== null
    return {
      ...rest,
      lastOutcome: rest.runs === 0 ? null : lastOutcome,
      cursor: cursor as PeerId | null,
      isMidTurn: isCursor && isMidTurn,
      state: new Uint8Array(state),
    }
  })

test('a record comes back as it went', () => {
  fc.assert(fc.property(records, record => assert.deepEqual(decodeDuty(encodeDuty(record)), record)))
})

test('any bytes are a record that encodes to them, or none', () => {
  const nearly = records
    .map(encodeDuty)
    .chain(bytes => fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)).map(([at, byte]) => bytes.with(at, byte)))
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), nearly), bytes => {
      const record = decodeDuty(bytes)
      if (record !== null) assert.deepEqual([...encodeDuty(record)], [...bytes])
    }),
    { numRuns: 2_000 },
  )
})

test('cut and lying bytes are no record', () => {
  const bytes = encodeDuty(recorded({ cursor: 'peer' as PeerId }))
  for (let length = 0; length < bytes.length; length++)
    assert.equal(decodeDuty(bytes.subarray(0, length)), null)
  const largest = encodeDuty(recorded({ state: new Uint8Array(stateBytesMax) }))
  assert.equal(decodeDuty(largest)?.state.length, stateBytesMax)
  assert.equal(decodeDuty(new Uint8Array([...largest, 0])), null)
  assert.equal(decodeDuty(bytes.with(0, 2)), null)
  assert.equal(decodeDuty(bytes.with(1, 4)), null)
  assert.equal(decodeDuty(bytes.with(2, 1)), null, 'an outcome without a run')
  assert.equal(decodeDuty(bytes.with(3, 255)), null, 'a token near its end')
})

test('what is out of range is a bug of ours', () => {
  assert.throws(() => encodeDuty(recorded({ token: 0 })))
  assert.throws(() => encodeDuty(recorded({ name: '' })))
  assert.throws(() => encodeDuty(recorded({ runs: 1 })))
  assert.throws(() => encodeDuty(recorded({ runs: 1.5, lastOutcome: 'done' })))
  assert.throws(() => encodeDuty(recorded({ failures: 65_536 })))
  assert.throws(() => encodeDuty(recorded({ isMidTurn: true })))
  assert.throws(() => encodeDuty(recorded({ cursor: 'é' as PeerId })))
  assert.throws(() => encodeDuty(recorded({ state: new Uint8Array(stateBytesMax + 1) })))
})
