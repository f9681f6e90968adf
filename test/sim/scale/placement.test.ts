// Goal: the figures of placement and of the view are counted right. Method: fleets whose numbers follow by hand.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { viewOf } from '../../../sim/scale/fleet.ts'
import { measureBalance, measureGrowth } from '../../../sim/scale/placement.ts'
import { runScale } from '../../../sim/scale/scale.ts'
import { compactViewBytes } from '../../../sim/scale/view-size.ts'

test('loads and moves of a fleet whose numbers come out even', () => {
  const { loadMean, loadMost, loadLeast, unevenness, join, leave } = measureBalance(6, {
    partitions: 128,
    replicas: 3,
  })
  assert.deepEqual([loadMean, loadMost, loadLeast, unevenness], [64, 64, 64, 1])
  // 384 places shared by seven: 54.86 each.
  assert.ok(join.least === 54 || join.least === 55)
  assert.ok(join.moved >= join.least && join.moved <= join.least * 1.3)
  assert.equal(leave.least, 64)
  assert.ok(leave.moved >= 64 && leave.moved <= 64 * 1.3)
})

test('growing by a tenth moves what the new peers own', () => {
  const { added, movedBytes, leastBytes } = measureGrowth(12, { partitions: 256, replicas: 3 }, 64e6)
  assert.equal(added, 2)
  // 64 places a peer before, so a place has 1 MB; 768 places shared by 14 are 54.86 each.
  assert.ok(leastBytes >= 108e6 && leastBytes <= 110e6)
  assert.ok(movedBytes >= leastBytes && movedBytes <= 1.3 * leastBytes)
})

test('a view grows by its members and by its partitions', () => {
  const bytes = (peers: number, partitions: number) => compactViewBytes(viewOf(peers, 3, partitions))
  // One byte each: epoch, stage, two counts and three owners.
  assert.equal(bytes(3, 64) - bytes(3, 32), 32 * 7)
  // Id of 52, name and zone of 2 letters with their lengths, weight of 8 bytes.
  assert.equal(bytes(4, 32) - bytes(3, 32), 53 + 3 + 3 + 8)
})

test('a whole run has a row for each fleet, and leaves out what peers cannot do yet', () => {
  const { fleets, placements } = runScale({
    seed: 1,
    peers: [3, 4],
    placements: [10],
    clientsPerPeer: 2,
    window: { warmUpMs: 50, measureMs: 100 },
  })
  assert.deepEqual(
    fleets.map(each => [each.peers, each.efficiency === null, each.viewSpreadMs, each.growth.tookMs]),
    [
      [3, true, null, null],
      [4, false, null, null],
    ],
  )
  assert.equal(placements[0]?.unevenness, 1)
})
