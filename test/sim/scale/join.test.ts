// Goal: a fleet under load takes in more peers, and the figures of that mean what they say. Method: a whole run on few
// peers and short virtual time; figures that follow from others.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runScale } from '../../../sim/scale/scale.ts'

const told: string[] = []
const { fleets, placements } = runScale({
  seed: 1,
  peers: [3, 4],
  placements: [10],
  clientsPerPeer: 2,
  window: { warmUpMs: 50, measureMs: 300 },
  told: progress => told.push(progress),
})

test('a whole run has a row for each fleet, and says what it does', () => {
  assert.deepEqual(
    fleets.map(each => [each.peers, each.efficiency === null]),
    [
      [3, true],
      [4, false],
    ],
  )
  assert.equal(placements[0]?.unevenness, 1)
  assert.deepEqual(told, [
    '3 peers under load',
    '3 peers take in 1 more',
    '4 peers under load',
    '4 peers take in 1 more',
    'placement on 10 peers',
  ])
})

test('everything that has to be copied is, little of it twice, and nothing fails meanwhile', () => {
  for (const { join } of fleets) {
    assert.equal(join.failed, 0)
    assert.ok(join.operations > 100)
    assert.ok(join.leastBytes >= join.storedBytesEach)
    // A key that is written while its partition begins to move is sent to its new owner, not copied.
    const ratio = join.copiedBytes / join.leastBytes
    assert.ok(ratio > 0.97 && ratio < 1.2, `copied ${ratio} of the least`)
  }
})

test('fewer clients may go on while peers join, and are held against what they met before', () => {
  const [whole] = fleets
  const [row] = runScale({
    seed: 1,
    peers: [3],
    placements: [],
    clientsPerPeer: 2,
    joinClientsPerPeer: 1,
    window: { warmUpMs: 50, measureMs: 300 },
  }).fleets
  assert.equal(row!.perSecond, whole!.perSecond, 'the load before is that of all')
  assert.deepEqual([whole!.join.clientsPerPeer, row!.join.clientsPerPeer], [2, 1])
  assert.equal(whole!.join.before.perSecond, whole!.perSecond)
  assert.ok(row!.join.before.perSecond < 0.8 * row!.perSecond)
  assert.equal(row!.join.p99Ratio, row!.join.p99Ms / row!.join.before.p99Ms)
})

test('a view is spread while the join goes on, and long copies are a part of it', () => {
  for (const { join, growth } of fleets) {
    assert.ok(join.views > 5 && join.spreadMs > 0 && join.spreadMs <= join.spreadMostMs)
    assert.ok(join.spreadMostMs < join.tookMs)
    assert.ok(join.copying !== null && join.copying.tookMs < join.tookMs)
    assert.ok(join.copying.bytes <= join.copiedBytes && join.copying.operations <= join.operations)
    // Thousands of times as much takes longer.
    assert.ok(growth.tookMs !== null && growth.tookMs > 100 * join.tookMs)
  }
})

test('a view has bytes for its members and for its partitions', () => {
  const [three, four] = fleets.map(each => each.viewBytes)
  // Id of 52, name and zone of 2 letters with their lengths, weight of at most 3 bytes; members are in the control group.
  assert.ok(four! - three! > 60 && four! - three! < 75, `${four! - three!} bytes more`)
})
