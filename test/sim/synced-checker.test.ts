// Goal: the checker of invariant 9 tells an owner that lost a record and does not know it from one that knows, and has no
// vote before it was read back (seed 3011477). Method: batches and disks handed to the checker, with no peers at all.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ballotFrom } from '../../base/hlc.ts'
import { noBallot, noHlc, type PartitionId } from '../../base/ids.ts'
import { seeded } from '../../base/random.ts'
import { encodeChange, viewChange } from '../../node/driver/codec/records.ts'
import { type Invariant, Invariants } from '../../sim/checker/invariants.ts'
import { noDiskFaults, SimDisk } from '../../sim/disk.ts'
import { a, b, c, d, key, viewOf, writeOf } from '../../sim/mutants/schedule-parts.ts'

const before = viewOf(1, [a, b, c])
const now = viewOf(2, [a, b, d])
const { id, value } = writeOf(1, null)
const head = encodeChange({
  kind: 'head',
  key,
  head: {
    accepted: ballotFrom(id, 1),
    value: { ...value, version: id, parent: null, recentOps: [], opsFloor: noHlc, data: null },
  },
})

/** What is complained of when `a` and `b` held a version, the disk of `b` lost it, and the partition is moved. */
function breaches(recordsLost: boolean, mark: boolean): Invariant[] {
  const found: Invariant[] = []
  const checker = new Invariants(
    before,
    () => 1,
    ({ invariant }) => found.push(invariant),
    () => undefined,
  )
  const empty = () => {
    const machine = new SimDisk({ random: seeded(1), schedule: () => undefined, faults: noDiskFaults })
    return machine.restart().disk
  }
  for (const peer of [a, b, c, d]) checker.opened(peer, empty(), false, before)
  for (const peer of [a, b]) checker.durable(peer, [head])
  checker.opened(b, empty(), recordsLost, before)
  if (mark) checker.durable(b, [whole])
  checker.durable(a, [viewChange(now)])
  return found.filter(invariant => invariant === 9)
}

const whole = encodeChange({
  kind: 'partition',
  partition: 0 as PartitionId,
  record: {
    epoch: 1,
    ceiling: noBallot,
    gcFloor: noBallot,
    tsFloor: noHlc,
    damagedBelow: noBallot,
    since: 1,
    copied: true,
  },
})

test('an owner that lost a record and does not know it holds nothing', () => {
  assert.deepEqual(breaches(false, false), [9])
})

test('an owner that knows of its loss takes no part, until it says that it is whole', () => {
  assert.deepEqual(breaches(true, false), [])
  assert.deepEqual(breaches(true, true), [9])
})

test('a view that became durable with the end of a boot is known when its disk is opened (seed 8320096)', () => {
  const machine = new SimDisk({ random: seeded(1), schedule: () => undefined, faults: noDiskFaults })
  machine.fill([viewChange(now)])
  const { disk } = machine.restart()
  const none = () => undefined
  const checker = new Invariants(before, () => 1, none, none)
  checker.opened(a, disk, false, before)
  assert.equal(checker.view.epoch, now.epoch)
})
