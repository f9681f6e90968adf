// Goal: what is dead everywhere is collected everywhere, nothing else is, and nothing that was collected comes back
// (rule 9). Method: pure peers with records in memory; messages that do not pass, disks that hold back, clocks that run on.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hlcMs } from '../../base/hlc.ts'
import { type ContextKey, noBallot, type PartitionId, type PeerId, type Version } from '../../base/ids.ts'
import type { Task, TaskEnd } from '../../node/peer/step.ts'
import type { WriteOperation } from '../../replication/messages.ts'
import type { PartitionRecord } from '../../replication/records.ts'
import { PureFleet, type Sent } from './pure-fleet.ts'
import {
  a,
  b,
  c,
  everyone,
  joint,
  keyAt,
  learning,
  partition,
  startView,
  writeChain,
  writeOf,
} from './small-fleet.ts'

const graceMs = 60_000
const key = keyAt(0)
const owners = [a, b, c]
const collectWith = (token: number): Task => ({ kind: 'collect', partition, token })

const newFleet = () => new PureFleet(startView(), everyone, { collectAfterMs: graceMs })

function deleteOf(id: Version, of: ContextKey, parent: Version | null): WriteOperation {
  const operation = writeOf(id, of, parent)
  return { ...operation, value: { ...operation.value, kind: 'tombstone' } }
}

/** Three versions and a tombstone; returns the tombstone. */
function deleted(fleet: PureFleet, of = key): Version {
  const last = writeChain(fleet, a, of, 3)
  const outcome = fleet.do(a, deleteOf(fleet.newId(a), of, last))
  assert.ok(outcome.kind === 'written')
  return outcome.version
}

const holders = (fleet: PureFleet, of = key): PeerId[] =>
  owners.filter(owner => fleet.at(owner).records.heads.has(of))

function versionsAt(fleet: PureFleet, peer: PeerId, of = key): number {
  return [...fleet.at(peer).records.versions.keys()].filter(name => name.startsWith(of)).length
}

function recordOf(fleet: PureFleet, peer: PeerId): PartitionRecord {
  const record = fleet.at(peer).records.partition(partition)
  assert.ok(record !== null && record !== 'damaged')
  return record
}

function assertCollected(end: TaskEnd, dropped: number, left: number): void {
  assert.deepEqual(end, { kind: 'collected', dropped, left })
}

const isOf = (kind: Sent['message']['kind'], to?: PeerId) => (sent: Sent) =>
  sent.message.kind === kind && (to === undefined || sent.to === to)

test('after the grace a tombstone goes with all its history, at every replica; what lives stays', () => {
  const fleet = newFleet()
  deleted(fleet)
  writeChain(fleet, a, keyAt(1), 3)
  fleet.runFor(graceMs / 2)
  assertCollected(fleet.carryOut(b, collectWith(1)), 0, 0)
  fleet.runFor(graceMs)
  assertCollected(fleet.carryOut(b, collectWith(1)), 1, 0)
  assert.deepEqual(holders(fleet), [])
  for (const owner of owners) assert.equal(versionsAt(fleet, owner), 0)
  assert.deepEqual(holders(fleet, keyAt(1)), owners)
  for (const owner of owners) assert.equal(versionsAt(fleet, owner, keyAt(1)), 3)
  assert.equal(fleet.do(c, { kind: 'read', key }).kind, 'absent')
  const history = fleet.do(c, { kind: 'history', key, from: null, limit: 10 })
  assert.deepEqual(history, { kind: 'versions', records: [], next: null })
})

test('a value that expired is collected as well, later than a tombstone would be', () => {
  const fleet = newFleet()
  const operation = writeOf(fleet.newId(a), key, null)
  const expiresAtMs = fleet.wallMs + 5_000
  assert.equal(fleet.do(a, { ...operation, value: { ...operation.value, expiresAtMs } }).kind, 'written')
  fleet.runFor(graceMs + 6_000)
  assertCollected(fleet.carryOut(a, collectWith(1)), 0, 0)
  assert.deepEqual(holders(fleet), owners)
  // The clocks of all replicas must be past it by the largest drift.
  fleet.runFor(10_000)
  assertCollected(fleet.carryOut(a, collectWith(1)), 1, 0)
  assert.deepEqual(holders(fleet), [])
})

test('the floor lies above every promise and every operation of the key, and so does what is written next', () => {
  const fleet = newFleet()
  const tombstone = deleted(fleet)
  fleet.runFor(graceMs * 2)
  fleet.carryOut(a, collectWith(1))
  for (const owner of owners) {
    const { gcFloor, ceiling } = recordOf(fleet, owner)
    assert.ok(gcFloor.slice(0, 24) >= tombstone && ceiling >= gcFloor)
  }
  // Rule 5: nobody can tell any more what became of the delete.
  const retried = { ...deleteOf(tombstone, key, null), attempt: 2 }
  assert.equal(fleet.do(b, retried, 2_000).kind, 'unknown')
  const again = fleet.do(b, writeOf(fleet.newId(b), key, null))
  assert.ok(again.kind === 'written' && again.parent === null)
  const history = fleet.do(c, { kind: 'history', key, from: null, limit: 10 })
  assert.ok(history.kind === 'versions' && history.records.length === 1 && history.next === null)
})

test('one replica that is away, or missed the delete, keeps it with all', () => {
  const fleet = newFleet()
  const last = writeChain(fleet, a, key, 2)
  fleet.mayPass = sent => sent.to !== c
  assert.equal(fleet.do(a, deleteOf(fleet.newId(a), key, last)).kind, 'written')
  fleet.runFor(graceMs * 2)
  const away = fleet.carryOut(a, collectWith(1))
  assert.deepEqual(away, { kind: 'waiting', peers: [c], dropped: 0, left: 0 })
  fleet.mayPass = sent => sent.message.kind !== 'replay' && sent.message.kind !== 'accept'
  assertCollected(fleet.carryOut(a, collectWith(1)), 0, 1)
  assert.deepEqual(holders(fleet), owners)
})

test('a peer that is not connected is named, and nobody is asked', () => {
  const fleet = newFleet()
  deleted(fleet)
  fleet.runFor(graceMs * 2)
  fleet.cut(b)
  fleet.sent.length = 0
  assert.deepEqual(fleet.carryOut(a, collectWith(1)), { kind: 'waiting', peers: [b], dropped: 0, left: 0 })
  assert.ok(!fleet.sent.some(isOf('gather')))
})

test('nothing is said before it is durable: neither that a key is dead, nor that it is gone', () => {
  const fleet = newFleet()
  deleted(fleet)
  fleet.runFor(graceMs * 2)
  const member = fleet.at(b)
  member.isHeld = true
  fleet.step(a, { kind: 'taskAsked', task: 1_000, work: collectWith(1) })
  fleet.runFor(300)
  assert.ok(!fleet.sent.some(({ from, message }) => from === b && message.kind === 'gathered'))
  fleet.sync(b)
  fleet.runUntil(() => fleet.at(a).ends.has(1_000))
  assertCollected(fleet.at(a).ends.get(1_000)!, 1, 0)
})

test('an order that reached some only is finished by whoever still has the key', () => {
  const fleet = newFleet()
  deleted(fleet)
  fleet.runFor(graceMs * 2)
  fleet.mayPass = sent => !isOf('collect', c)(sent)
  const end = fleet.carryOut(a, collectWith(1))
  assert.deepEqual(end, { kind: 'waiting', peers: [c], dropped: 1, left: 0 })
  assert.deepEqual(holders(fleet), [c])
  fleet.mayPass = () => true
  // a and b know nothing of it any more; their floors tell c that nothing below can come back there.
  assertCollected(fleet.carryOut(a, collectWith(1)), 0, 0)
  assertCollected(fleet.carryOut(c, collectWith(1)), 1, 0)
  assert.deepEqual(holders(fleet), [])
})

test('whoever reads a key that some have collected finds it dead, and brings the tombstone back to all', () => {
  const fleet = newFleet()
  const tombstone = deleted(fleet)
  fleet.runFor(graceMs * 2)
  fleet.mayPass = sent => !isOf('collect', c)(sent)
  fleet.carryOut(a, collectWith(1))
  fleet.mayPass = sent => sent.from !== b && sent.to !== b
  const read = fleet.do(c, { kind: 'read', key })
  assert.ok(read.kind === 'found' && read.value.kind === 'tombstone' && read.value.version === tombstone)
  fleet.mayPass = () => true
  fleet.runFor(5_000)
  // Its history is gone for good with a and b, which is no damage: it ends there.
  const history = fleet.do(b, { kind: 'history', key, from: null, limit: 10 })
  assert.ok(history.kind === 'versions' && history.next === null)
  fleet.runFor(graceMs * 2)
  fleet.carryOut(a, collectWith(1))
  assert.deepEqual(holders(fleet), [])
})

test('a key that was written again between the two questions stays', () => {
  const fleet = newFleet()
  const tombstone = deleted(fleet)
  fleet.runFor(graceMs * 2)
  const held: Sent[] = []
  fleet.mayPass = sent => {
    if (sent.message.kind !== 'collect') return true
    held.push(sent)
    return false
  }
  fleet.step(a, { kind: 'taskAsked', task: 1_000, work: collectWith(1) })
  fleet.runUntil(() => held.length >= 3)
  fleet.mayPass = () => true
  assert.equal(fleet.do(b, writeOf(fleet.newId(b), key, tombstone)).kind, 'written')
  for (const { from, to, message } of held) fleet.step(to, { kind: 'messageArrived', from, message })
  fleet.runFor(3_000)
  assert.deepEqual(holders(fleet), owners)
  const history = fleet.do(c, { kind: 'history', key, from: null, limit: 10 })
  assert.ok(history.kind === 'versions' && history.records.length === 5)
})

test('a late backfill of what was collected is not kept; one of a key that is there is', () => {
  const fleet = newFleet()
  writeChain(fleet, a, keyAt(1), 1)
  deleted(fleet)
  const [name, record] = [...fleet.at(a).records.versions].find(([each]) => each.startsWith(key))!
  assert.ok(name && record !== 'damaged')
  fleet.runFor(graceMs * 2)
  fleet.carryOut(a, collectWith(1))
  fleet.step(b, { kind: 'messageArrived', from: a, message: { kind: 'backfill', id: 9, key, record } })
  fleet.runFor(100)
  assert.equal(versionsAt(fleet, b), 0)
  const other = keyAt(1)
  fleet.step(b, { kind: 'messageArrived', from: a, message: { kind: 'backfill', id: 9, key: other, record } })
  fleet.runFor(100)
  assert.equal(versionsAt(fleet, b, other), 2)
})

test('who collected a key forgets the ballot that was promised for it: the next write takes two rounds, and succeeds', () => {
  const fleet = newFleet()
  deleted(fleet)
  fleet.runFor(graceMs * 2)
  fleet.carryOut(b, collectWith(1))
  const outcome = fleet.do(a, writeOf(fleet.newId(a), key, null))
  assert.ok(outcome.kind === 'written', outcome.kind)
})

test('learn and joint stages do not collect, nor does who is no owner or still comes in', () => {
  const fleet = newFleet()
  deleted(fleet)
  fleet.runFor(graceMs * 2)
  assert.deepEqual(fleet.carryOut(everyone[3]!, collectWith(1)), { kind: 'refused', reason: 'notOwner' })
  const learn = learning(startView(), [b, c, everyone[3]!])
  fleet.tellAll(learn)
  assert.deepEqual(fleet.carryOut(a, collectWith(1)), { kind: 'refused', reason: 'moving' })
  fleet.runFor(2_000)
  fleet.tellAll(joint(learn))
  assert.deepEqual(fleet.carryOut(b, collectWith(1)), { kind: 'refused', reason: 'moving' })
  assert.deepEqual(holders(fleet), owners)
})

test('a leader that was overtaken collects nothing, at no replica', () => {
  const fleet = newFleet()
  fleet.carryOut(b, collectWith(5))
  deleted(fleet)
  fleet.runFor(graceMs * 2)
  assert.deepEqual(fleet.carryOut(b, collectWith(4)), { kind: 'refused', reason: 'outdated' })
  const elsewhere = fleet.carryOut(c, { ...collectWith(4) })
  assert.ok(elsewhere.kind === 'refused' || elsewhere.kind === 'waiting')
  assert.deepEqual(holders(fleet), owners)
  assertCollected(fleet.carryOut(c, collectWith(5)), 1, 0)
})

test('a cut keeps what died after it, and lets go of what was dead then (rule 14)', () => {
  const fleet = newFleet()
  deleted(fleet)
  const cut = fleet.newId(a)
  deleted(fleet, keyAt(1))
  for (const owner of owners) {
    const { records } = fleet.at(owner)
    const record = { ...recordOf(fleet, owner), tsFloor: cut }
    records.save([{ kind: 'partition', partition, record }])
    fleet.restart(owner)
  }
  fleet.runFor(graceMs * 2)
  assertCollected(fleet.carryOut(a, collectWith(1)), 1, 1)
  assert.deepEqual(holders(fleet), [])
  assert.deepEqual(holders(fleet, keyAt(1)), owners)
})

test('a floor of the present would make new operations unknown: the key waits until the promises are past', () => {
  const fleet = newFleet()
  deleted(fleet)
  fleet.runFor(graceMs * 2)
  for (const owner of owners) fleet.restart(owner)
  const { ceiling } = recordOf(fleet, b)
  assert.ok(hlcMs(ceiling) < fleet.wallMs)
  writeChain(fleet, a, keyAt(1), 1)
  fleet.restart(b)
  assert.ok(hlcMs(recordOf(fleet, b).ceiling) > fleet.wallMs)
  assertCollected(fleet.carryOut(a, collectWith(1)), 0, 1)
  fleet.runFor(20_000)
  assertCollected(fleet.carryOut(a, collectWith(1)), 1, 0)
})

test('what a lost tail brings back of a collected key goes again, and the floor is learnt from the others', () => {
  const fleet = newFleet()
  const last = writeChain(fleet, a, key, 2)
  const { records } = fleet.at(c)
  const before = { heads: new Map(records.heads), versions: new Map(records.versions) }
  const partitionBefore = recordOf(fleet, c)
  assert.equal(fleet.do(a, deleteOf(fleet.newId(a), key, last)).kind, 'written')
  fleet.runFor(graceMs * 2)
  assertCollected(fleet.carryOut(a, collectWith(1)), 1, 0)
  // The disk of c is what it was before the delete.
  for (const [name, head] of before.heads) records.heads.set(name, head)
  for (const [name, version] of before.versions) records.versions.set(name, version)
  records.save([{ kind: 'partition', partition, record: partitionBefore }])
  fleet.restart(c)
  fleet.step(c, { kind: 'recordsLost' })
  fleet.runUntil(() => fleet.at(c).peer.damagedPartitions().length === 0, 60_000)
  assert.deepEqual(holders(fleet), [])
  assert.equal(recordOf(fleet, c).gcFloor, recordOf(fleet, a).gcFloor)
  assert.equal(fleet.do(c, { kind: 'read', key }).kind, 'absent')
})

test('a record that cannot be read promises nothing below the floor of its partition', () => {
  const fleet = newFleet()
  const last = writeChain(fleet, a, key, 1)
  const late = fleet.sent.findLast(isOf('accept'))!
  assert.ok(late.message.kind === 'accept')
  assert.equal(fleet.do(a, deleteOf(fleet.newId(a), key, last)).kind, 'written')
  fleet.runFor(graceMs * 2)
  fleet.carryOut(a, collectWith(1))
  fleet.at(c).records.heads.set(key, 'damaged')
  fleet.sent.length = 0
  fleet.mayPass = ({ from, to }) => from === c || to !== a
  fleet.step(c, { kind: 'messageArrived', from: a, message: { ...late.message, next: noBallot } })
  fleet.runFor(50)
  const reply = fleet.sent.find(isOf('accepted'))
  assert.ok(reply?.message.kind === 'accepted' && !reply.message.granted)
})

test('a partition of another number is refused, and one task runs in a partition at a time', () => {
  const fleet = newFleet()
  fleet.step(a, { kind: 'taskAsked', task: 1_000, work: collectWith(1) })
  fleet.step(a, { kind: 'taskAsked', task: 1_001, work: collectWith(1) })
  assert.deepEqual(fleet.at(a).ends.get(1_001), { kind: 'refused', reason: 'busy' })
  fleet.runUntil(() => fleet.at(a).ends.has(1_000))
  const beyond = { kind: 'collect', partition: 7 as PartitionId, token: 1 } as const
  assert.deepEqual(fleet.carryOut(a, beyond), { kind: 'refused', reason: 'notOwner' })
})
