// Goal: the figures of scale mean what they say. Method: small fleets on short virtual time; figures that follow from
// others, and bottlenecks that were planted.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defaultFleet, type FleetOptions } from '../../../sim/scale/fleet.ts'
import { efficiencyPerDoubling, type LoadFigures, measureLoad } from '../../../sim/scale/load.ts'
import { measuredTimes } from '../../../sim/scale/service-times.ts'

const window = { warmUpMs: 100, measureMs: 300 }
const few: FleetOptions = { ...defaultFleet, workload: { ...defaultFleet.workload, clientsPerPeer: 4 } }
const run = (peers: number, options: Partial<FleetOptions> = {}): LoadFigures & { peers: number } => ({
  peers,
  ...measureLoad(peers, { ...few, ...options }, window),
})
const three = run(3)
const six = run(6)

test('the same seed gives the same figures, another seed another world', () => {
  assert.deepEqual(run(3), three)
  assert.notEqual(run(3, { seed: 2 }).traceHash, three.traceHash)
})

test('nothing fails, and no peer works more than all the time', () => {
  for (const figures of [three, six]) {
    assert.equal(figures.failed, 0)
    assert.ok(figures.operations > 300)
    assert.ok(figures.busyMean > 0.5 && figures.busyMost < 1.02)
  }
})

test("clients, rate and wait fit together as Little's law says", () => {
  for (const { peers, perSecond, meanMs } of [three, six]) {
    const clients = peers * few.workload.clientsPerPeer
    const underWay = perSecond * (meanMs / 1_000)
    assert.ok(Math.abs(underWay - clients) < 0.05 * clients, `${underWay} of ${clients} under way`)
  }
})

test('efficiency is what a doubling leaves of the rate of a peer', () => {
  const at = (peers: number, perSecond: number) => ({ peers, perSecond })
  assert.equal(efficiencyPerDoubling(at(3, 300), at(6, 600)), 1)
  assert.equal(efficiencyPerDoubling(at(3, 300), at(6, 300)), 0.5)
  // Two doublings that keep 0.9 each.
  assert.ok(Math.abs(efficiencyPerDoubling(at(3, 300), at(12, 300 * 4 * 0.81)) - 0.9) < 1e-12)
})

test('a bottleneck shows: all keys in one partition', () => {
  const skewed = { ...few.workload, isSkewed: true }
  const spread = efficiencyPerDoubling(three, six)
  const planted = efficiencyPerDoubling(run(3, { workload: skewed }), run(6, { workload: skewed }))
  assert.ok(spread > 0.8, `efficiency ${spread}`)
  assert.ok(planted < spread - 0.08, `efficiency ${planted} with a bottleneck, ${spread} without`)
})

test('a part that takes longer makes the whole slower', () => {
  const slowDoor = { ...measuredTimes, door: { ...measuredTimes.door, writeUs: 5_000 } }
  assert.ok(run(3, { times: slowDoor }).perSecond < 0.6 * three.perSecond)
  const slowDisk = { ...measuredTimes, disk: { ...measuredTimes.disk, syncUs: 50_000 } }
  const onSlowDisk = run(3, { times: slowDisk })
  assert.ok(onSlowDisk.perSecond < 0.6 * three.perSecond)
  assert.ok(onSlowDisk.diskBusyMost > 0.8 && onSlowDisk.busyMean < 0.7)
})
