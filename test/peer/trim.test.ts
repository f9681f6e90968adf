// Goal: a history that is trimmed ends where it was cut, at every replica and for good; nothing looks for what was cut, and
// what stands is never touched. Method: pure peers with records in memory.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { noHlc, type PeerId, type Version } from '../../base/ids.ts'
import { PureFleet } from './pure-fleet.ts'
import {
  a,
  b,
  c,
  d,
  e,
  everyone,
  joint,
  keyAt,
  learning,
  partition,
  stable,
  startView,
  writeChain,
  writeOf,
} from './small-fleet.ts'

const key = keyAt(0)
const owners = [a, b, c]

/** Six versions, oldest first. */
function filled(collectAfterMs = 86_400_000): { fleet: PureFleet; chain: readonly Version[] } {
  const fleet = new PureFleet(startView(), everyone, { settleMs: 0, collectAfterMs })
  const chain: Version[] = []
  for (let at = 0; at < 6; at++) chain.push(writeChain(fleet, a, key, 1, chain.at(-1) ?? null))
  fleet.runFor(500)
  return { fleet, chain }
}

const versionsAt = (fleet: PureFleet, peer: PeerId): Version[] =>
  [...fleet.at(peer).records.versions.keys()]
    .filter(name => name.startsWith(key))
    .map(name => name.slice(64) as Version)
    .sort()

function historyAt(fleet: PureFleet, peer: PeerId, from: Version | null = null, limit = 20) {
  const outcome = fleet.do(peer, { kind: 'history', key, from, limit })
  assert.ok(outcome.kind === 'versions', outcome.kind)
  return { versions: outcome.records.map(({ version }) => version), next: outcome.next }
}

test('every replica drops what lies below, and the history ends there', () => {
  const { fleet, chain } = filled()
  const outcome = fleet.do(b, { kind: 'trim', key, keepFrom: chain[3]! })
  assert.deepEqual(outcome, { kind: 'trimmed', keptFrom: chain[3] })
  fleet.runFor(500)
  for (const owner of owners) assert.deepEqual(versionsAt(fleet, owner), chain.slice(3))
  const kept = { versions: chain.slice(3).toReversed(), next: null }
  fleet.sent.length = 0
  assert.deepEqual(historyAt(fleet, c), kept)
  // An owner knows where it ends and asks nobody for more.
  assert.ok(!fleet.sent.some(({ message }) => message.kind === 'chainAsked'))
  assert.deepEqual(historyAt(fleet, d), kept)
  assert.deepEqual(historyAt(fleet, c, chain[2]!), { versions: [], next: null })
  assert.deepEqual(historyAt(fleet, c, null, 3), kept)
})

test('a peer that is no owner waits for no owner that is away', () => {
  const { fleet, chain } = filled()
  fleet.do(a, { kind: 'trim', key, keepFrom: chain[3]! })
  fleet.cut(c)
  const kept = chain.slice(3).toReversed()
  assert.deepEqual(historyAt(fleet, d), { versions: kept, next: null })
  const page = historyAt(fleet, d, null, 2)
  assert.deepEqual(page, { versions: kept.slice(0, 2), next: kept[2] })
  assert.deepEqual(historyAt(fleet, d, page.next), { versions: kept.slice(2), next: null })
  assert.deepEqual(historyAt(fleet, d, chain[2]!), { versions: [], next: null })
})

/** An owner that lost records, while moves are paused: its keys are written back, its histories are not copied yet. */
function withLoss(): { fleet: PureFleet; chain: readonly Version[]; lost: Version; isCopied: () => boolean } {
  const { fleet, chain } = filled()
  fleet.do(a, { kind: 'trim', key, keepFrom: chain[3]! })
  fleet.tellAll({ ...startView(), epoch: 2, moves: { ...startView().moves, paused: true } })
  fleet.runFor(500)
  const { records } = fleet.at(c)
  const lost = chain[4]!
  records.versions.delete(key + lost)
  const isCopied = () => {
    const record = records.partition(partition)
    return record !== null && record !== 'damaged' && record.copied
  }
  return { fleet, chain, lost, isCopied }
}

test('an owner that lost records copies its histories anew, also while moves are paused (seed 3011634)', () => {
  const { fleet, lost, isCopied } = withLoss()
  fleet.step(c, { kind: 'recordsLost' })
  assert.ok(!versionsAt(fleet, c).includes(lost))
  fleet.runUntil(() => versionsAt(fleet, c).includes(lost) && isCopied())
})

test('an owner that lost records knows all the same what was trimmed (seeds 3010926, 3014881)', () => {
  const { fleet, chain, lost } = withLoss()
  // Nobody tells it anything: it stays as it is.
  fleet.mayPass = ({ to }) => to !== c
  fleet.step(c, { kind: 'recordsLost' })
  const askedFor = (from: Version) => {
    fleet.step(c, {
      kind: 'messageArrived',
      from: d,
      message: { kind: 'chainAsked', id: 7, key, from, limit: 9 },
    })
    const answer = fleet.sent.findLast(({ to }) => to === d)?.message
    assert.ok(answer?.kind === 'chain' || answer?.kind === 'refused')
    return answer.kind
  }
  assert.equal(askedFor(chain[2]!), 'chain')
  assert.equal(askedFor(lost), 'refused')
})

test('it goes on from there: later versions know of it, a lower cut changes nothing, a higher one does', () => {
  const { fleet, chain } = filled()
  fleet.do(a, { kind: 'trim', key, keepFrom: chain[3]! })
  const seventh = writeChain(fleet, a, key, 1, chain[5]!)
  assert.deepEqual(fleet.do(c, { kind: 'trim', key, keepFrom: chain[1]! }), {
    kind: 'trimmed',
    keptFrom: chain[3],
  })
  assert.deepEqual(historyAt(fleet, b).versions, [seventh, ...chain.slice(3).toReversed()])
  fleet.do(c, { kind: 'trim', key, keepFrom: chain[5]! })
  assert.deepEqual(historyAt(fleet, b).versions, [seventh, chain[5]])
})

test('what stands is kept, whatever is asked for; an absent key has nothing to trim', () => {
  const { fleet, chain } = filled()
  const beyond = 'f'.repeat(24) as Version
  assert.deepEqual(fleet.do(a, { kind: 'trim', key, keepFrom: beyond }), {
    kind: 'trimmed',
    keptFrom: chain[5],
  })
  const read = fleet.do(b, { kind: 'read', key })
  assert.ok(read.kind === 'found' && read.value.version === chain[5] && read.value.data !== null)
  assert.deepEqual(fleet.do(a, { kind: 'trim', key: keyAt(9), keepFrom: beyond }), { kind: 'absent' })
})

test('a replica that missed it hears of it with the next value, and late versions are not kept', () => {
  const { fleet, chain } = filled()
  const [name, record] = [...fleet.at(a).records.versions].find(([each]) => each === key + chain[0]!)!
  assert.ok(name && record !== 'damaged')
  fleet.mayPass = ({ to }) => to !== c
  fleet.do(a, { kind: 'trim', key, keepFrom: chain[3]! })
  fleet.mayPass = () => true
  assert.deepEqual(versionsAt(fleet, c), chain)
  const read = fleet.do(c, { kind: 'read', key })
  assert.ok(read.kind === 'found' && read.value.keptFrom === chain[3])
  fleet.runFor(3_000)
  assert.deepEqual(versionsAt(fleet, c), chain.slice(3))
  fleet.step(c, { kind: 'messageArrived', from: a, message: { kind: 'backfill', id: 9, key, record } })
  fleet.runFor(100)
  assert.deepEqual(versionsAt(fleet, c), chain.slice(3))
})

test('what a crash left behind is dropped when the replica looks at itself', () => {
  const { fleet, chain } = filled()
  const before = new Map(fleet.at(b).records.versions)
  fleet.do(a, { kind: 'trim', key, keepFrom: chain[3]! })
  fleet.runFor(500)
  for (const [name, record] of before) fleet.at(b).records.versions.set(name, record)
  fleet.restart(b)
  assert.deepEqual(versionsAt(fleet, b), chain)
  assert.deepEqual(historyAt(fleet, b), { versions: chain.slice(3).toReversed(), next: null })
  fleet.carryOut(b, { kind: 'compare', partition, peer: c, token: 1 })
  fleet.runFor(500)
  assert.deepEqual(versionsAt(fleet, b), chain.slice(3))
})

test('who comes in copies what is kept, and looks for nothing else', () => {
  const { fleet, chain } = filled()
  fleet.do(a, { kind: 'trim', key, keepFrom: chain[3]! })
  fleet.runFor(500)
  const learn = learning(startView(), [c, d, e])
  for (const view of [learn, joint(learn), stable(joint(learn))]) {
    fleet.tellAll(view)
    fleet.runFor(3_000)
  }
  assert.deepEqual(versionsAt(fleet, d), chain.slice(3))
  assert.deepEqual(historyAt(fleet, e), { versions: chain.slice(3).toReversed(), next: null })
})

test('an open cut keeps the version that it shows (rule 14)', () => {
  const { fleet, chain } = filled()
  const { records } = fleet.at(b)
  const record = records.partition(partition)
  assert.ok(record !== null && record !== 'damaged' && record.tsFloor === noHlc)
  records.save([{ kind: 'partition', partition, record: { ...record, tsFloor: chain[1]! } }])
  fleet.restart(b)
  fleet.runFor(10_000)
  fleet.do(a, { kind: 'trim', key, keepFrom: chain[4]! })
  fleet.runFor(500)
  assert.deepEqual(versionsAt(fleet, b), [chain[1], ...chain.slice(4)])
  assert.deepEqual(versionsAt(fleet, c), chain.slice(4))
})

test('a key that was trimmed is collected as any other', () => {
  const { fleet, chain } = filled(60_000)
  fleet.do(a, { kind: 'trim', key, keepFrom: chain[4]! })
  const operation = writeOf(fleet.newId(a), key, chain[5]!)
  fleet.do(a, { ...operation, value: { ...operation.value, kind: 'tombstone' } })
  fleet.runFor(120_000)
  const end = fleet.carryOut(c, { kind: 'collect', partition, token: 1 })
  assert.deepEqual(end, { kind: 'collected', dropped: 1, left: 0 })
  for (const owner of owners) assert.deepEqual(versionsAt(fleet, owner), [])
})
