// Goal: reports are read as they were written, and nothing that a peer may send breaks a reader. Method: round trips and
// random bytes.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { PeerId } from '../../base/ids.ts'
import { decodeReport, encodeReport, forMaxMs, isSoundReport, suspectedMax } from '../../election/report.ts'

const suspicions = fc
  .uniqueArray(fc.stringMatching(/^[1-9A-HJ-NP-Za-km-z]{1,128}$/), { maxLength: 20 })
  .chain(ids =>
    fc.tuple(...ids.map(id => fc.record({ peer: fc.constant(id as PeerId), forMs: fc.nat(forMaxMs) }))),
  )
const reports = fc.record({ sequence: fc.nat(2 ** 31), suspected: suspicions }, { noNullPrototype: true })

test('a report comes back as it went', () => {
  fc.assert(
    fc.property(reports, report => {
      const back = decodeReport(encodeReport(report))
      assert.equal(back?.sequence, report.sequence)
      assert.deepEqual(
        back?.suspected.map(({ peer, forMs }) => [peer, forMs]),
        report.suspected.map(({ peer, forMs }) => [peer, forMs]),
      )
    }),
  )
})

test('any bytes are a report that encodes to them, or none', () => {
  const nearly = reports
    .map(encodeReport)
    .chain(bytes => fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)).map(([at, byte]) => bytes.with(at, byte)))
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 100 }), nearly), bytes => {
      const report = decodeReport(bytes)
      if (report !== null) assert.deepEqual([...encodeReport(report)], [...bytes])
    }),
    { numRuns: 1_000 },
  )
})

test('cut, longer, repeated and too many suspicions are no report', () => {
  const one = { peer: 'a' as PeerId, forMs: 5 }
  const bytes = encodeReport({ sequence: 1, suspected: [one, { ...one, peer: 'b' as PeerId }] })
  for (let length = 0; length < bytes.length; length++)
    assert.equal(decodeReport(bytes.subarray(0, length)), null)
  assert.equal(decodeReport(new Uint8Array([...bytes, 0])), null)
  assert.equal(decodeReport(encodeReport({ sequence: 1, suspected: [one, one] })), null)
  assert.equal(decodeReport(bytes.with(7, 255)), null)
  const many = Array.from({ length: suspectedMax + 1 }, (_, number) => ({
    ...one,
    peer: `p${number}` as PeerId,
  }))
  assert.equal(isSoundReport({ sequence: 1, suspected: many }), false)
  assert.equal(isSoundReport({ sequence: 1, suspected: many.slice(1) }), true)
  assert.throws(() => encodeReport({ sequence: 1, suspected: many }))
  for (const forMs of [-1, Number.NaN, forMaxMs + 1]) {
    assert.equal(isSoundReport({ sequence: 1, suspected: [{ ...one, forMs }] }), false)
    assert.throws(() => encodeReport({ sequence: 1, suspected: [{ ...one, forMs }] }))
  }
  assert.equal(isSoundReport({ sequence: 0.5, suspected: [] }), false)
})
