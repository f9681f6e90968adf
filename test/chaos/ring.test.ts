// Goal: which owners a call is judged by, and what moved. Method: rings and replicas made by hand.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ContextKey, noBallot, type Version } from '../../base/ids.ts'
import { partitionOf } from '../../dht/keyspace.ts'
import { CopyMeter } from '../../sim/chaos/fleet/copy-meter.ts'
import { type Ring, RingLog } from '../../sim/chaos/fleet/ring.ts'
import { movedFrom } from '../../sim/chaos/report/moved.ts'

/** A version that was made so many milliseconds after the start. */
const versionAt = (ms: number) => `${ms.toString(16).padStart(12, '0')}000000000101` as Version

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
  assert.deepEqual(
    log.moved,
    [{ partition: 0, atMs: 10_000 }],
    'd got what it did not have; that c lost it moves nothing',
  )
})

test('what peers copied is added up over their lives', () => {
  const meter = new CopyMeter()
  for (const bytes of [100, 250, 30, 40]) meter.note('a', bytes)
  meter.note('b', 7)
  assert.equal(meter.total, 250 + 40 + 7)
})

test('bytes that had to move are those that were there when the copies came', () => {
  const key = 'ff'.repeat(32) as ContextKey
  const its = partitionOf(key, 2)
  const chain = [9_000, 2_000, 1_000].map((ms, at) => ({ version: versionAt(ms), bytes: 10 ** at }))
  const head = { accepted: noBallot, version: chain[0]!.version, chain }
  const moved = movedFrom({
    moved: [
      { partition: its, atMs: 1_500 },
      { partition: its, atMs: 2_500 },
      { partition: 1 - its, atMs: 9_500 },
    ],
    leastCopies: 6,
    copiedBytes: 500,
    replicas: [new Map([[key, head]])],
    partitions: 2,
    startWallMs: 0,
  })
  assert.deepEqual(moved, { copies: 3, leastCopies: 6, bytes: 500, leastBytes: (100 + 110) * 2 })
})

test('calls count as moving only when every ring that may have been in force was unsettled', () => {
  const log = new RingLog()
  assert.equal(log.wasMoving(0, 100), false, 'nobody has looked')
  log.note(0, ring(1, ['a', 'b', 'c']))
  log.note(10_000, { ...ring(2, ['a', 'b', 'c'], ['a', 'b', 'd']), unsettled: 1 })
  assert.equal(log.wasMoving(9_000, 9_100), false)
  assert.equal(log.wasMoving(12_500, 12_600), true)
})
