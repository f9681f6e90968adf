// Goal: what every owner held and one has collected need not be anywhere any more, also when the checker could not tell in
// which epoch each of them accepted it (seed 4001425). Method: batches handed to the checker, with no peers at all.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ballotFrom } from '../../base/hlc.ts'
import { type Ballot, noBallot, noHlc, type PartitionId } from '../../base/ids.ts'
import { seeded } from '../../base/random.ts'
import { encodeChange, viewChange } from '../../node/driver/codec/records.ts'
import { type Invariant, Invariants } from '../../sim/checker/invariants.ts'
import { noDiskFaults, SimDisk } from '../../sim/disk.ts'
import { a, b, c, key, viewOf, writeOf } from '../../sim/mutants/schedule-parts.ts'

const first = writeOf(1, null)
const last = writeOf(2, first.id, 'tombstone')
const ballotOf = ({ id }: typeof first) => ballotFrom(id, 1)

const headOf = (write: typeof first) =>
  encodeChange({
    kind: 'head',
    key,
    head: {
      accepted: ballotOf(write),
      value: {
        ...write.value,
        version: write.id,
        parent: write === last ? first.id : null,
        recentOps: [],
        opsFloor: noHlc,
        data: null,
      },
    },
  })

const floorAt = (gcFloor: Ballot) =>
  encodeChange({
    kind: 'partition',
    partition: 0 as PartitionId,
    record: {
      epoch: 2,
      ceiling: noBallot,
      gcFloor,
      tsFloor: noHlc,
      damagedBelow: noBallot,
      since: 1,
      copied: true,
    },
  })

test('what was collected is not looked for', () => {
  const found: Invariant[] = []
  const collected: string[] = []
  const before = viewOf(1, [a, b, c])
  const checker = new Invariants(
    before,
    () => 1,
    ({ invariant }) => found.push(invariant),
    (_key, version) => collected.push(version),
  )
  for (const peer of [a, b, c]) {
    const machine = new SimDisk({ random: seeded(1), schedule: () => undefined, faults: noDiskFaults })
    checker.opened(peer, machine.restart().disk, false, before)
  }
  for (const peer of [a, b, c]) checker.durable(peer, [headOf(first)])
  assert.equal(checker.ledger(key).lastChosen(), ballotOf(first))
  checker.durable(a, [headOf(last)])
  // In the batch that follows a new view the epoch of what is accepted cannot be told.
  for (const peer of [b, c]) {
    checker.durable(peer, [viewChange(viewOf(2, [a, b, c]))])
    checker.durable(peer, [headOf(last)])
  }
  checker.durable(a, [floorAt(ballotOf(last)), encodeChange({ kind: 'headDropped', key })])
  assert.deepEqual(collected, [last.id])
  assert.equal(checker.ledger(key).lastChosen(), noBallot)
  assert.deepEqual(
    found.filter(invariant => invariant === 2),
    [],
  )
})

test('what a minority held over a key that the others had collected never stood, and goes without a word', () => {
  const collected: string[] = []
  const view = viewOf(1, [a, b, c])
  const checker = new Invariants(
    view,
    () => 1,
    () => undefined,
    (_key, version) => collected.push(version),
  )
  for (const peer of [a, b, c]) {
    const machine = new SimDisk({ random: seeded(1), schedule: () => undefined, faults: noDiskFaults })
    checker.opened(peer, machine.restart().disk, false, view)
  }
  checker.durable(a, [headOf(last)])
  // Seed 5014976: b and c had promised its ballot before, and their floors are as high as that.
  for (const peer of [b, c]) checker.durable(peer, [floorAt(ballotOf(last))])
  checker.durable(a, [floorAt(ballotOf(last)), encodeChange({ kind: 'headDropped', key })])
  assert.deepEqual(collected, [])
  assert.equal(checker.ledger(key).isChosen(last.id), false)
})
