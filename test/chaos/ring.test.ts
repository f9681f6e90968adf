// Goal: which owners a call is judged by, and how many copies moved. Method: rings made by hand.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Ring, RingLog } from '../../sim/chaos/fleet/ring.ts'

const ring = (epoch: number, owners: string[], next: string[] = []): Ring => ({
  epoch,
  replicas: 3,
  unsettled: 0,
  parts: [{ owners, next, ids: new Set([...owners, ...next]) }],
})

test('a call is judged by every ring that may have been in force, looks being seconds apart', () => {
  const log = new RingLog()
  log.note(0, ring(1, ['a', 'b', 'c']))
  log.note(2_000, ring(1, ['a', 'b', 'c']))
  log.note(10_000, ring(2, ['a', 'b', 'c'], ['a', 'b', 'd']))
  log.note(20_000, ring(3, ['a', 'b', 'd']))
  const epochs = (fromMs: number, toMs: number) => log.during(fromMs, toMs).map(({ epoch }) => epoch)
  assert.deepEqual(epochs(1_000, 1_100), [1])
  assert.deepEqual(epochs(9_000, 9_100), [1, 2], 'the second may have been there already')
  assert.deepEqual(epochs(12_000, 12_500), [2])
  assert.deepEqual(epochs(30_000, 30_100), [3])
  assert.equal(log.movedCopies, 1, 'd got what it did not have; that c lost it moves nothing')
})
