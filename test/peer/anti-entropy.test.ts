// Goal: two owners that differ, for whatever reason, are equal after they were compared, in both directions, with bounded
// work; what is equal costs two messages (rule 8). Method: pure peers whose records are changed behind their backs.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PeerId } from '../../base/ids.ts'
import type { Task } from '../../node/peer/step.ts'
import { PureFleet, type Sent } from './pure-fleet.ts'
import {
  a,
  b,
  c,
  everyone,
  keyAt,
  learning,
  partition,
  startView,
  writeChain,
  writeOf,
} from './small-fleet.ts'

const settleMs = 3_000
const keys = Array.from({ length: 40 }, (_, at) => keyAt(at))
const compareWith = (peer: PeerId, token = 1): Task => ({ kind: 'compare', partition, peer, token })

/** Two versions of forty keys at a, b and c, long enough ago. */
function filled(): PureFleet {
  const fleet = new PureFleet(startView(), everyone, { settleMs })
  for (const key of keys) writeChain(fleet, a, key, 2)
  fleet.runFor(settleMs * 2)
  fleet.sent.length = 0
  return fleet
}

function assertSame(fleet: PureFleet, one: PeerId, other: PeerId): void {
  const [got, wanted] = [fleet.at(one).records, fleet.at(other).records]
  assert.deepEqual(new Map([...got.heads].sort()), new Map([...wanted.heads].sort()))
  assert.deepEqual(new Set(got.versions.keys()), new Set(wanted.versions.keys()))
}

const between = (fleet: PureFleet, kind: Sent['message']['kind']): number =>
  fleet.sent.filter(({ from, to, message }) => message.kind === kind && from !== to).length

test('equal owners need one question and one answer', () => {
  const fleet = filled()
  const end = fleet.carryOut(a, compareWith(b))
  assert.deepEqual(end, { kind: 'compared', behind: 0, repaired: 0, left: 0 })
  const kinds = fleet.sent
    .filter(({ from, to }) => [a, b].includes(from) && [a, b].includes(to) && from !== to)
    .map(({ message }) => message.kind)
    .filter(kind => kind !== 'beat' && kind !== 'health')
  assert.deepEqual(kinds, ['digestAsked', 'digest'])
  assert.equal(fleet.at(a).peer.lags()[0]?.why, 'notCompared')
  const [lag] = fleet
    .at(a)
    .peer.lags()
    .filter(({ peer }) => peer === b)
  assert.deepEqual([lag?.compared, lag?.equal, lag?.peerBehind, lag?.selfBehind], [1, 1, 0, 0])
})

test('what either of them lost comes back from the other, by a round where it had promised more', () => {
  const fleet = filled()
  for (const key of keys.slice(0, 3)) fleet.at(a).records.heads.delete(key)
  for (const key of keys.slice(3, 5)) {
    fleet.at(b).records.heads.delete(key)
    for (const name of fleet.at(b).records.versions.keys())
      if (name.startsWith(key)) fleet.at(b).records.versions.delete(name)
  }
  const end = fleet.carryOut(a, compareWith(b))
  // The owners promised a next ballot to whoever wrote last: a replay at the original one comes too late.
  assert.deepEqual(end, { kind: 'compared', behind: 5, repaired: 0, left: 0 })
  const [lag] = fleet
    .at(a)
    .peer.lags()
    .filter(({ peer }) => peer === b)
  assert.deepEqual([lag?.why, lag?.peerBehind, lag?.selfBehind], ['left', 2, 3])
  fleet.runFor(settleMs * 2)
  fleet.carryOut(a, compareWith(b))
  const [later] = fleet
    .at(a)
    .peer.lags()
    .filter(({ peer }) => peer === b)
  assert.deepEqual([later?.why, later?.peerBehind, later?.selfBehind], ['equal', 0, 0])
  // The versions behind the heads that b lost are found missing and filled when b itself looks.
  fleet.carryOut(b, compareWith(c))
  fleet.runFor(5_000)
  assertSame(fleet, b, c)
})

test('a replica that was away for long has all after one comparison, and no round is needed', () => {
  const fleet = new PureFleet(startView(), everyone, { settleMs })
  for (const key of keys) writeChain(fleet, a, key, 1)
  fleet.mayPass = sent => sent.to !== c
  for (const key of keys.slice(0, 12)) {
    const head = fleet.at(a).records.head(key)
    assert.ok(head !== null && head !== 'damaged')
    writeChain(fleet, a, key, 1, head.value.version)
  }
  fleet.at(a).hints.length = 0
  fleet.runFor(settleMs * 3)
  fleet.mayPass = () => true
  fleet.sent.length = 0
  const end = fleet.carryOut(a, compareWith(c))
  assert.deepEqual(end, { kind: 'compared', behind: 12, repaired: 12, left: 0 })
  assert.equal(between(fleet, 'prepare'), 0)
  assertSame(fleet, c, a)
})

test('a comparison looks into a bounded number of buckets and says what is left', () => {
  const fleet = filled()
  fleet.at(b).records.heads.clear()
  const found: number[] = []
  while (found.at(-1) !== 0) {
    const end = fleet.carryOut(a, compareWith(b))
    assert.ok(end.kind === 'compared' && found.length < 10)
    found.push(end.behind)
    fleet.runFor(settleMs * 2)
  }
  assert.ok(found.length > 2)
  assert.equal(
    found.reduce((sum, each) => sum + each),
    keys.length,
  )
  assertSame(fleet, b, a)
})

test('a write on its way is no difference', () => {
  const fleet = filled()
  fleet.mayPass = sent => sent.to !== b
  writeChain(fleet, a, keyAt(100), 1)
  fleet.mayPass = () => true
  const end = fleet.carryOut(a, compareWith(b))
  assert.deepEqual(end, { kind: 'compared', behind: 0, repaired: 0, left: 0 })
})

test('a promise in the way of a replay is overcome by a full round', () => {
  const fleet = filled()
  const key = keys[0]!
  fleet.at(b).records.heads.delete(key)
  fleet.restart(b)
  const end = fleet.carryOut(a, compareWith(b))
  assert.ok(end.kind === 'compared' && end.behind === 1 && end.repaired === 0)
  fleet.runFor(8_000)
  assert.ok(fleet.at(b).records.heads.has(key))
  assert.deepEqual(fleet.at(b).records.heads.get(key), fleet.at(a).records.heads.get(key))
})

test('damaged records are met on the way and healed: heads, bytes, and holes in the history', () => {
  const fleet = filled()
  const { records } = fleet.at(a)
  const [one, two, three] = keys
  records.heads.set(one!, 'damaged')
  const head = records.head(two!)
  assert.ok(head !== null && head !== 'damaged')
  records.versions.set(two! + head.value.version, 'damaged')
  const third = records.head(three!)
  assert.ok(third !== null && third !== 'damaged')
  records.versions.delete(three! + third.value.parent)
  fleet.carryOut(a, compareWith(b))
  fleet.runFor(20_000)
  const healed = records.head(one!)
  assert.ok(healed !== null && healed !== 'damaged')
  assert.notEqual(records.version(two!, head.value.version), 'damaged')
  assert.ok(records.version(three!, third.value.parent!) !== null)
})

test('only stable partitions of which both are owners, in one epoch, under a token that was not overtaken', () => {
  const fleet = filled()
  assert.deepEqual(fleet.carryOut(a, compareWith(everyone[3]!)), { kind: 'refused', reason: 'notOwner' })
  assert.deepEqual(fleet.carryOut(a, compareWith(a)), { kind: 'refused', reason: 'notOwner' })
  fleet.carryOut(b, compareWith(c, 5))
  assert.deepEqual(fleet.carryOut(b, compareWith(c, 4)), { kind: 'refused', reason: 'outdated' })
  assert.deepEqual(fleet.carryOut(a, compareWith(b, 4)), { kind: 'waiting', peers: [b] })
  fleet.tellAll(learning(startView(), [b, c, everyone[3]!]))
  assert.deepEqual(fleet.carryOut(a, compareWith(b, 6)), { kind: 'refused', reason: 'moving' })
})

test('a peer that is gone, or falls silent, ends the comparison and is named', () => {
  const fleet = filled()
  fleet.mayPass = sent => sent.message.kind !== 'digest'
  assert.deepEqual(fleet.carryOut(a, compareWith(b)), { kind: 'waiting', peers: [b] })
  fleet.cut(c)
  assert.deepEqual(fleet.carryOut(a, compareWith(c)), { kind: 'waiting', peers: [c] })
  const why = new Map(
    fleet
      .at(a)
      .peer.lags()
      .map(lag => [lag.peer, lag.why]),
  )
  assert.deepEqual([why.get(b), why.get(c)], ['silent', 'silent'])
})

test('one partition at a time with each peer', () => {
  const fleet = filled()
  fleet.step(a, { kind: 'taskAsked', task: 1_000, work: compareWith(b) })
  fleet.step(a, { kind: 'taskAsked', task: 1_001, work: compareWith(b) })
  assert.deepEqual(fleet.at(a).ends.get(1_001), { kind: 'refused', reason: 'busy' })
  fleet.runUntil(() => fleet.at(a).ends.has(1_000))
})

test('the bytes of repairs are spread over time', () => {
  const bytes = 10_000
  const fleet = new PureFleet(startView(), everyone, { settleMs, repairBytesPerSecond: bytes })
  for (const key of keys.slice(0, 5)) writeChain(fleet, a, key, 1, null, bytes)
  fleet.runFor(settleMs * 2)
  fleet.at(b).records.heads.clear()
  fleet.at(b).records.versions.clear()
  const beganMs = fleet.nowMs
  fleet.carryOut(a, compareWith(b))
  assert.ok(fleet.nowMs - beganMs >= 3_500, `${fleet.nowMs - beganMs} ms`)
})

test('a partition whose own record cannot be read asks what the others have met, and is healed', () => {
  const fleet = new PureFleet(startView(), everyone)
  const last = writeChain(fleet, a, keyAt(0), 2)
  fleet.runFor(1_000)
  fleet.at(c).records.partitions.set(partition, 'damaged')
  fleet.restart(c)
  assert.equal(fleet.do(a, writeOf(fleet.newId(a), keyAt(0), last)).kind, 'written')
  fleet.runUntil(() => fleet.at(c).peer.damagedPartitions().length > 0, 60_000)
  fleet.runUntil(() => fleet.at(c).peer.damagedPartitions().length === 0, 60_000)
  const [own, other] = [c, a].map(peer => fleet.at(peer).records.head(keyAt(0)))
  assert.deepEqual(own, other)
})
