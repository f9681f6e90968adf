// Goal: who comes into a partition has what its owners had, and no stage ends before that is so (rule 10). Method: five
// pure peers with records in memory, told one view after the other; some messages do not pass.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ballotFrom, hlcFrom } from '../../base/hlc.ts'
import { type Ballot, noBallot, type PartitionId, type PeerId, type Version } from '../../base/ids.ts'
import { aborted } from '../../dht/stages.ts'
import type { View } from '../../dht/view.ts'
import { withMoves } from '../../dht/view-change.ts'
import type { PartitionRecord } from '../../replication/records.ts'
import { PureFleet, type Sent } from '../peer/pure-fleet.ts'
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
} from '../peer/small-fleet.ts'

const keys = [0, 1, 2, 3, 4].map(keyAt)

/** Three versions of five keys at a, b and c. */
function filled(view: View = startView()): PureFleet {
  const fleet = new PureFleet(view, everyone)
  for (const key of keys) writeChain(fleet, a, key, 3)
  fleet.runFor(500)
  return fleet
}

function stateOf(fleet: PureFleet, peer: PeerId, heardBy: PeerId = a, of = partition) {
  const { peer: asked } = fleet.at(heardBy)
  return asked.reports(of, asked.view().partitions[of]!.epoch, peer)
}

function recordOf(fleet: PureFleet, peer: PeerId): PartitionRecord {
  const record = fleet.at(peer).records.partition(partition)
  assert.ok(record !== null && record !== 'damaged')
  return record
}

function assertSame(fleet: PureFleet, peer: PeerId, as: PeerId): void {
  const [got, wanted] = [fleet.at(peer).records, fleet.at(as).records]
  assert.deepEqual(new Map([...got.heads].sort()), new Map([...wanted.heads].sort()))
  assert.deepEqual(new Set(got.versions.keys()), new Set(wanted.versions.keys()))
}

const isOf = (...kinds: Sent['message']['kind'][]) => {
  return ({ message }: Sent) => kinds.includes(message.kind)
}

test('a learner copies heads and whole histories without a single round', () => {
  const fleet = filled()
  const before = fleet.sent.length
  fleet.tellAll(learning(startView(), [a, b, d]))
  fleet.runUntil(() => stateOf(fleet, d) === 'copied')
  assertSame(fleet, d, a)
  assert.deepEqual(fleet.sent.slice(before).filter(isOf('prepare', 'accept', 'replay')), [])
  assert.equal(fleet.at(d).peer.copiedBytes(), 15 * 24, 'every version once')
  assert.equal(recordOf(fleet, d).copied, true)
})

test('a learner drops its older copy before it takes anything, and then accepts as any owner', () => {
  const fleet = filled()
  const lost = keyAt(77)
  // What d has of an earlier time: one key that nobody else knows, a floor, and a version of a key that moved on.
  const { records } = fleet.at(d)
  const old = fleet.at(a).records.head(keys[0]!)
  assert.ok(old !== null && old !== 'damaged')
  const ceiling = ballotFrom(hlcFrom(fleet.wallMs, 0, 'aaaaaaaa'), 7)
  records.save([
    { kind: 'head', key: lost, head: old },
    { kind: 'head', key: keys[0]!, head: { ...old, accepted: ceiling } },
    { kind: 'version', key: lost, record: { ...old.value, data: new Uint8Array(3) } },
    { kind: 'partition', partition, record: { ...recordOf(fleet, a), since: 4, ceiling } },
  ])
  let asked = 0
  fleet.mayPass = sent => {
    if (sent.from === d && sent.message.kind === 'floorsAsked') {
      asked += 1
      assert.equal(records.heads.size + records.versions.size, 0, 'it asks for floors when its copy is gone')
    }
    return true
  }
  fleet.tellAll(learning(startView(), [a, b, d]))
  fleet.runUntil(() => stateOf(fleet, d) === 'copied')
  assert.ok(asked > 0)
  assert.equal(records.head(lost), null)
  assert.ok(recordOf(fleet, d).ceiling >= ceiling, 'a promise is one for ever')
  const key = keyAt(78)
  writeChain(fleet, a, key, 1)
  fleet.runFor(100)
  assert.deepEqual(records.head(key), fleet.at(a).records.head(key))
})

test('floors are taken from a majority, and nothing is accepted before', () => {
  const fleet = filled()
  const floors: [PeerId, Ballot, Version][] = [
    [a, ballotFrom(hlcFrom(5, 0, 'aaaaaaaa'), 1), hlcFrom(7, 0, 'aaaaaaaa')],
    [b, ballotFrom(hlcFrom(6, 0, 'aaaaaaaa'), 1), hlcFrom(6, 0, 'aaaaaaaa')],
  ]
  for (const [peer, gcFloor, tsFloor] of floors) raise(fleet, peer, { gcFloor, tsFloor })
  fleet.mayPass = ({ from, message }) => message.kind !== 'floors' || from === a
  fleet.tellAll(learning(startView(), [a, b, d]))
  fleet.runFor(5_000)
  assert.equal(stateOf(fleet, d), 'entering', 'one of three is no majority')
  writeChain(fleet, a, keyAt(9), 1)
  fleet.runFor(100)
  assert.equal(fleet.at(d).records.heads.size, 0)
  const refusals = fleet.sent.filter(
    ({ from, message }) => from === d && message.kind === 'refused' && message.reason === 'notOwner',
  )
  assert.ok(refusals.length > 0)
  fleet.mayPass = ({ from, message }) => message.kind !== 'floors' || from !== c
  fleet.runUntil(() => stateOf(fleet, d) === 'copied')
  const { gcFloor, tsFloor } = recordOf(fleet, d)
  assert.deepEqual([gcFloor, tsFloor], [floors[1]![1], floors[0]![2]])
})

/** Other floors for a replica, as a collection or a cut would set them, before its partition was looked at. */
function raise(fleet: PureFleet, peer: PeerId, floors: Partial<PartitionRecord>): void {
  const record = { ...recordOf(fleet, peer), ...floors }
  fleet.at(peer).records.save([{ kind: 'partition', partition, record }])
  fleet.restart(peer)
}

test('copying keeps to the bytes a second that are set', () => {
  const fleet = new PureFleet(startView(), everyone)
  const bytes = 1_000
  for (let number = 0; number < 130; number++) writeChain(fleet, a, keyAt(number), 1, null, bytes)
  const startMs = fleet.nowMs
  fleet.tellAll(withMoves(learning(startView(), [a, b, d]), { bytesPerSecond: 10 * bytes }))
  fleet.runUntil(() => stateOf(fleet, d) === 'copied')
  const atOnce = 32
  assert.ok(fleet.nowMs - startMs >= ((130 - atOnce) / 10) * 1_000, 'faster than allowed')
  assert.equal(fleet.at(d).peer.copiedBytes(), 130 * bytes)
})

test('while moves are paused nobody copies; they go on, and a joint stage never stops', () => {
  const fleet = filled()
  const paused = withMoves(learning(startView(), [a, b, d]), { paused: true })
  fleet.tellAll(paused)
  fleet.runFor(10_000)
  assert.equal(stateOf(fleet, d), 'copying')
  assert.equal(fleet.at(d).records.heads.size, 0)
  fleet.tellAll(withMoves(paused, { paused: false }))
  fleet.runUntil(() => stateOf(fleet, d) === 'copied')
  assertSame(fleet, d, a)

  const other = filled()
  other.tellAll(joint(paused))
  other.runUntil(() => stateOf(other, d) === 'synced')
  assertSame(other, d, a)
})

test('copies that are paused do not keep a joint stage of another partition from its end', () => {
  const view = withMoves(startView([a, b, c], 64), { paused: true })
  const fleet = new PureFleet(view, everyone)
  const learnt = view.partitions.map((_, at) => at as PartitionId)
  const later = learning(view, [a, b, d], learnt)
  fleet.tellAll(later)
  fleet.runFor(2_000)
  const last = 63 as PartitionId
  fleet.tellAll(joint(later, [last]))
  fleet.runUntil(() => stateOf(fleet, d, a, last) === 'synced')
  assert.equal(stateOf(fleet, d, a, 0 as PartitionId), 'copying')
})

test('nobody is synced before a majority of the owners was heard in the joint epoch', () => {
  const fleet = filled()
  const learn = learning(startView(), [a, d, e])
  fleet.tellAll(learn)
  fleet.runUntil(() => stateOf(fleet, d) === 'copied' && stateOf(fleet, e) === 'copied')
  fleet.mayPass = ({ to, message }) => message.kind !== 'viewTold' || (to !== b && to !== c)
  fleet.tellAll(joint(learn), [a, d, e])
  fleet.runFor(10_000)
  for (const peer of [a, d, e])
    assert.equal(stateOf(fleet, peer), 'copied', `${peer} was fenced off by a alone`)
  assert.equal(fleet.at(b).peer.view().epoch, learn.epoch)
  fleet.mayPass = ({ to, message }) => message.kind !== 'viewTold' || to !== c
  fleet.runUntil(() => [a, d, e].every(peer => stateOf(fleet, peer) === 'synced'))
})

test('the ceiling of a fenced majority binds whoever is synced', () => {
  const fleet = filled()
  const high = ballotFrom(hlcFrom(fleet.wallMs + 9_000, 0, 'aaaaaaaa'), 1)
  raise(fleet, b, { ceiling: high })
  fleet.cut(c)
  const learn = learning(startView(), [a, d, e])
  fleet.tellAll(learn)
  fleet.runUntil(() => stateOf(fleet, d) === 'copied' && stateOf(fleet, e) === 'copied')
  assert.ok(recordOf(fleet, d).ceiling < high)
  fleet.tellAll(joint(learn))
  fleet.runUntil(() => stateOf(fleet, d) === 'synced')
  assert.ok(recordOf(fleet, d).ceiling >= high)
  const key = keys[0]!
  const low = ballotFrom(hlcFrom(fleet.wallMs + 8_000, 0, 'bbbbbbbb'), 1)
  const epoch = joint(learn).partitions[0]!.epoch
  fleet.step(d, {
    kind: 'messageArrived',
    from: e,
    message: { kind: 'prepare', id: 5, epoch, key, ballot: low, withData: false },
  })
  const answer = fleet.sent.findLast(({ from, to }) => from === d && to === e)?.message
  assert.ok(answer?.kind === 'promise' && !answer.granted, 'as promised by those before')
})

test('synced is said when what it rests on is durable, not before', () => {
  const fleet = filled()
  const learn = learning(startView(), [a, b, d])
  fleet.tellAll(learn)
  fleet.runUntil(() => stateOf(fleet, d) === 'copied')
  fleet.tellAll(joint(learn))
  fleet.runUntil(() => fleet.at(d).peer.view().epoch === joint(learn).epoch)
  fleet.at(d).isHeld = true
  fleet.runFor(5_000)
  assert.equal(stateOf(fleet, d), 'copied')
  fleet.sync(d)
  fleet.runUntil(() => stateOf(fleet, d) === 'synced')
})

test('a promise in the way of a copied value leads to a round', () => {
  const fleet = filled()
  const learn = learning(startView(), [a, b, d])
  fleet.tellAll(learn)
  fleet.runUntil(() => stateOf(fleet, d) === 'copied')
  const key = keys[2]!
  // The next version misses d, and so does its hint.
  fleet.mayPass = ({ to, message }) => to !== d || !('key' in message)
  const version = writeChain(fleet, a, key, 1, newestAt(fleet, a, key))
  fleet.runFor(3_000)
  assert.notEqual(newestAt(fleet, d, key), version)
  // Somebody asks d for a promise above that version and is never heard of again.
  fleet.mayPass = ({ to, message }) => to !== d || message.kind !== 'scanPage'
  fleet.tellAll(joint(learn))
  fleet.runUntil(() => fleet.at(d).peer.view().epoch === joint(learn).epoch)
  const ballot = ballotFrom(hlcFrom(fleet.wallMs + 100, 0, 'bbbbbbbb'), 1)
  const { epoch } = joint(learn).partitions[0]!
  fleet.step(d, {
    kind: 'messageArrived',
    from: e,
    message: { kind: 'prepare', id: 5, epoch, key, ballot, withData: false },
  })
  fleet.mayPass = () => true
  const before = fleet.sent.length
  fleet.runUntil(() => stateOf(fleet, d) === 'synced')
  const rounds = fleet.sent
    .slice(before)
    .filter(({ from, message }) => from === d && message.kind === 'prepare')
  assert.ok(rounds.length > 0 && rounds.every(({ message }) => 'key' in message && message.key === key))
  assert.equal(newestAt(fleet, d, key), version)
})

function newestAt(fleet: PureFleet, peer: PeerId, key: (typeof keys)[number]): Version {
  const head = fleet.at(peer).records.head(key)
  assert.ok(head !== null && head !== 'damaged')
  return head.value.version
}

test('an owner that lists its keys and is gone then is not waited for', () => {
  const fleet = filled()
  let lister: PeerId | null = null
  fleet.mayPass = ({ from, to, message }) => {
    if (from === d && message.kind === 'chainAsked') lister ??= to
    return from !== lister && to !== lister
  }
  fleet.tellAll(learning(startView(), [a, b, d]))
  fleet.runUntil(() => [a, b, c].some(peer => stateOf(fleet, d, peer) === 'copied'))
  assert.ok(lister !== null)
  assertSame(fleet, d, lister)
})

test('a version that one owner has lost is copied from another', () => {
  const fleet = filled()
  const { versions } = fleet.at(a).records
  const every = new Set(versions.keys())
  for (const [at, name] of [...every].entries()) {
    const loser = [a, b, c][at % 3]!
    const isHead = [...fleet.at(a).records.heads.values()].some(
      head => head !== 'damaged' && name.endsWith(head.value.version),
    )
    if (!isHead) fleet.at(loser).records.versions.delete(name)
  }
  fleet.tellAll(learning(startView(), [a, b, d]))
  fleet.runUntil(() => stateOf(fleet, d) === 'copied')
  assert.deepEqual(new Set(fleet.at(d).records.versions.keys()), every)
})

test('what is written while a partition moves is at all new owners when it is stable', () => {
  const fleet = filled()
  const learn = learning(startView(), [d, e, c])
  fleet.tellAll(learn)
  writeChain(fleet, a, keyAt(20), 2)
  fleet.runUntil(() => stateOf(fleet, d) === 'copied' && stateOf(fleet, e) === 'copied')
  fleet.tellAll(joint(learn))
  writeChain(fleet, b, keyAt(21), 2)
  fleet.runUntil(() => [c, d, e].every(peer => stateOf(fleet, peer) === 'synced'))
  fleet.tellAll(stable(joint(learn)))
  writeChain(fleet, e, keyAt(22), 2)
  fleet.cut(a)
  fleet.cut(b)
  for (const key of [...keys, 20, 21, 22].map(key => (typeof key === 'number' ? keyAt(key) : key))) {
    const outcome = fleet.do(d, { kind: 'read', key })
    assert.ok(outcome.kind === 'found')
    const history = fleet.do(e, { kind: 'history', key, from: null, limit: 10 })
    assert.ok(history.kind === 'versions' && history.records.length >= 2 && history.next === null)
  }
})

test('a move that is given up leaves its learner with nothing, and a second try begins anew', () => {
  const fleet = filled()
  const learn = learning(startView(), [a, b, d])
  fleet.tellAll(learn)
  fleet.runUntil(() => stateOf(fleet, d) === 'copied')
  const back = {
    ...stable(joint(learn)),
    partitions: [aborted(learn.partitions[0]!)],
    epoch: learn.epoch + 1,
  }
  fleet.tellAll(back)
  fleet.runFor(100)
  writeChain(fleet, a, keys[0]!, 1, newestAt(fleet, a, keys[0]!))
  const again = learning(back, [a, b, d])
  fleet.tellAll(again)
  fleet.runUntil(() => stateOf(fleet, d) === 'copied')
  assert.equal(recordOf(fleet, d).since, again.partitions[0]!.epoch)
  assertSame(fleet, d, a)
})

test('an owner that never came in by the end of the move comes in afterwards', () => {
  const fleet = filled()
  const learn = learning(startView(), [a, b, d])
  fleet.mayPass = ({ from, to }) => from !== d && to !== d
  for (const view of [learn, joint(learn)]) fleet.tellAll(view)
  fleet.runUntil(() => stateOf(fleet, a) === 'synced' && stateOf(fleet, b) === 'synced')
  fleet.tellAll(stable(joint(learn)))
  fleet.runFor(1_000)
  assert.equal(fleet.at(d).records.partition(partition), null)
  fleet.mayPass = ({ from, to }) => from !== b && to !== b
  fleet.runUntil(() => fleet.at(d).records.partition(partition) !== null && recordOf(fleet, d).copied)
  assertSame(fleet, d, a)
  assert.equal(recordOf(fleet, d).damagedBelow, noBallot)
})
