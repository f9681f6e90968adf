// Goal: the figures of placement are counted right. Method: fleets whose numbers follow by hand.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { measureBalance, measureGrowth } from '../../../sim/scale/placement.ts'

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
