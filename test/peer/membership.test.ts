// Goal: a peer is in the epoch that its disk says, and whoever asks in another one gets on with it (rule 10). Method: pure
// peers whose saves are held back, told views and asked questions of older and newer epochs.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ballotFrom, hlcFrom } from '../../base/hlc.ts'
import { type ContextKey, type FleetId, noBallot, type PeerId } from '../../base/ids.ts'
import type { View } from '../../dht/view.ts'
import { withMoves } from '../../dht/view-change.ts'
import type { PeerMessage } from '../../node/peer/fleet-messages.ts'
import { valueAt } from '../replication/memory-records.ts'
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
} from './small-fleet.ts'

const one = startView()
const two = learning(one, [a, b, d])
const three = joint(two)
const key = keyAt(1)

/** Peers that say nothing of themselves: what one of them knows it was told by the test. */
const silent = (view: View = one): PureFleet => {
  const fleet = new PureFleet(view, everyone, { beatMs: 1_000_000 })
  fleet.runFor(1)
  return fleet
}

function ask(fleet: PureFleet, to: PeerId, message: PeerMessage, from: PeerId = e): PeerMessage[] {
  const before = fleet.sent.length
  fleet.step(to, { kind: 'messageArrived', from, message })
  return answersSince(fleet, before, to, from)
}

const answersSince = (fleet: PureFleet, before: number, from: PeerId, to: PeerId): PeerMessage[] =>
  fleet.sent
    .slice(before)
    .flatMap(sent => (sent.from === from && sent.to === to ? [sent.message] : []))
    .filter(({ kind }) => kind !== 'beat')

/** The ballot of a question, the higher the number the higher. */
const ballotOf = (id: number) => ballotFrom(hlcFrom(1_800_000_000_000 + id, 0, 'eeeeeeee'), 1)

const prepare = (view: View, id = 5): PeerMessage => ({
  kind: 'prepare',
  id,
  epoch: view.partitions[0]!.epoch,
  key,
  ballot: ballotOf(id),
  withData: false,
})

const accept = (view: View, id: number, bytes = 1): PeerMessage => ({
  kind: 'accept',
  id,
  epoch: view.partitions[0]!.epoch,
  key,
  ballot: ballotOf(id),
  value: { ...valueAt(1), data: new Uint8Array(bytes) },
  next: noBallot,
})

const epochOf = (fleet: PureFleet, peer: PeerId) => fleet.at(peer).peer.view().epoch

test('a view is in force when it is on the disk, and not before', () => {
  const fleet = silent()
  fleet.at(a).isHeld = true
  fleet.tellAll(two, [a])
  fleet.runFor(50)
  assert.equal(epochOf(fleet, a), one.epoch)
  assert.equal(fleet.at(a).storedView, null)
  const floors = ask(fleet, a, { kind: 'floorsAsked', id: 3, epoch: 1, partition })
  assert.deepEqual(
    floors.map(({ kind }) => kind),
    ['floors'],
    'the old epoch is the one until then',
  )
  fleet.sync(a)
  fleet.runUntil(() => epochOf(fleet, a) === two.epoch)
  assert.equal(fleet.at(a).storedView, two)
  assert.ok(fleet.at(a).events.some(event => event.kind === 'viewAdopted' && event.view === two))
  fleet.restart(a)
  assert.equal(epochOf(fleet, a), two.epoch)
})

test('of two views that are on their way to the disk the newer one comes into force', () => {
  const fleet = silent()
  fleet.at(a).isHeld = true
  for (const view of [two, three, two]) fleet.tellAll(view, [a])
  fleet.sync(a)
  fleet.runFor(50)
  const adopted = fleet
    .at(a)
    .events.flatMap(event => (event.kind === 'viewAdopted' ? [event.view.epoch] : []))
  assert.deepEqual(adopted, [three.epoch])
})

test('an older view and one of another fleet change nothing', () => {
  const fleet = silent(two)
  const foreign: View = { ...three, fleet: '0'.repeat(64) as FleetId }
  for (const view of [one, two, foreign]) fleet.tellAll(view, [a])
  fleet.runFor(50)
  assert.equal(fleet.at(a).peer.view(), two)
  assert.equal(fleet.at(a).storedView, null)
})

test('a question of a newer epoch waits for the view that it needs, until that is durable', () => {
  for (const question of [
    prepare(two),
    { kind: 'floorsAsked', id: 5, epoch: 2, partition },
    { kind: 'scanAsked', id: 5, epoch: 2, partition, after: null, limit: 10 },
  ] satisfies PeerMessage[]) {
    const fleet = silent()
    fleet.at(a).isHeld = true
    assert.deepEqual(ask(fleet, a, question), [{ kind: 'viewAsked', epoch: one.epoch }])
    const before = fleet.sent.length
    assert.deepEqual(ask(fleet, a, { kind: 'viewTold', view: two }), [])
    fleet.runFor(50)
    assert.deepEqual(answersSince(fleet, before, a, e), [])
    fleet.sync(a)
    fleet.runUntil(() => epochOf(fleet, a) === two.epoch)
    fleet.runFor(50)
    const [answer, ...more] = answersSince(fleet, before, a, e).filter(({ kind }) => kind !== 'viewTold')
    assert.ok(answer && 'id' in answer && answer.id === 5, JSON.stringify(answer))
    assert.deepEqual(more, [])
    assert.ok(['promise', 'floors', 'scanPage'].includes(answer.kind), answer.kind)
  }
})

test('a question that waited for a view that was not new enough waits on', () => {
  const fleet = silent()
  ask(fleet, a, prepare(three))
  fleet.tellAll(two, [a])
  fleet.runUntil(() => epochOf(fleet, a) === two.epoch)
  const before = fleet.sent.length
  fleet.tellAll(three, [a])
  fleet.runUntil(() => epochOf(fleet, a) === three.epoch)
  fleet.runFor(50)
  assert.ok(answersSince(fleet, before, a, e).some(({ kind }) => kind === 'promise'))
})

test('what waits is bounded in bytes: the rest is refused at once', () => {
  const fleet = silent()
  const asked = (id: number) => ask(fleet, a, accept(two, id, 1024 * 1024))
  for (let id = 0; id < 16; id++) assert.ok(!asked(id).some(({ kind }) => kind === 'refused'))
  assert.deepEqual(asked(16), [{ kind: 'refused', id: 16, epoch: 1, reason: 'ahead' }])
})

test('of what waited for a view each is answered in the light of what was before it (seed 8431481)', () => {
  const fleet = silent()
  ask(fleet, a, accept(two, 6))
  ask(fleet, a, prepare(two, 7))
  ask(fleet, a, accept(two, 6))
  const before = fleet.sent.length
  fleet.tellAll(two, [a])
  fleet.runUntil(() => epochOf(fleet, a) === two.epoch)
  fleet.runFor(50)
  const [accepted, promised, again] = answersSince(fleet, before, a, e).filter(
    ({ kind }) => kind !== 'viewTold',
  )
  assert.ok(accepted?.kind === 'accepted' && accepted.granted)
  assert.ok(promised?.kind === 'promise' && promised.granted)
  assert.equal(promised.accepted, ballotOf(6))
  assert.equal(promised.value?.version, valueAt(1).version)
  assert.ok(again?.kind === 'accepted' && again.promised === ballotOf(7))
})

test('who asks in an older epoch is refused and gets the view, once in a while', () => {
  const fleet = silent(two)
  const questions: PeerMessage[] = [
    prepare(one),
    { kind: 'floorsAsked', id: 5, epoch: 1, partition },
    { kind: 'scanAsked', id: 5, epoch: 1, partition, after: null, limit: 10 },
  ]
  for (const question of questions) {
    const answers = ask(fleet, a, question)
    assert.deepEqual(
      answers.map(({ kind }) => kind),
      ['viewTold', 'refused'],
    )
    assert.ok(answers[0]?.kind === 'viewTold' && answers[0].view === two)
    assert.ok(answers[1]?.kind === 'refused' && answers[1].reason === 'stale')
    assert.deepEqual(
      ask(fleet, a, question).map(({ kind }) => kind),
      ['refused'],
      'it was told just now',
    )
    fleet.nowMs += 200
  }
})

test('beats and refusals bring views to whoever is behind', () => {
  const fleet = silent(two)
  const told = (message: PeerMessage) => ask(fleet, a, message).map(({ kind }) => kind)
  assert.deepEqual(told({ kind: 'beat', epoch: 1, reports: [] }), [], 'it hears a beat of this one, too')
  assert.deepEqual(told({ kind: 'beat', epoch: 2, reports: [] }), [])
  assert.deepEqual(told({ kind: 'beat', epoch: 9, reports: [] }), ['viewAsked'])
  assert.deepEqual(ask(fleet, a, { kind: 'viewAsked', epoch: 2 }, b), [])
  assert.deepEqual(ask(fleet, a, { kind: 'viewAsked', epoch: 1 }, b), [{ kind: 'viewTold', view: two }])
  const refused = { kind: 'refused', id: 999, epoch: 9 } as const
  assert.deepEqual(ask(fleet, a, { ...refused, reason: 'ahead' }, c), [{ kind: 'viewTold', view: two }])
  fleet.nowMs += 200
  assert.deepEqual(ask(fleet, a, { ...refused, reason: 'stale' }, c), [{ kind: 'viewAsked', epoch: 2 }])
})

test('of many that are ahead one is asked, and the others when it has not answered', () => {
  const fleet = silent(one)
  const beat: PeerMessage = { kind: 'beat', epoch: two.epoch, reports: [] }
  const asked = () => [b, c, d, e].filter(peer => ask(fleet, a, beat, peer).length > 0)
  assert.deepEqual(asked(), [b])
  fleet.nowMs += 200
  assert.deepEqual(asked(), [b, c, d, e])
  fleet.at(a).isHeld = true
  ask(fleet, a, { kind: 'viewTold', view: two })
  fleet.nowMs += 200
  assert.deepEqual(asked(), [], 'it is on its way to the disk')
})

test('who sees a view agreed on tells everybody at once, and nobody tells it on', () => {
  const fleet = silent(one)
  fleet.tellAll(two, [c])
  fleet.runUntil(() => everyone.every(peer => epochOf(fleet, peer) === two.epoch), 10)
  const told = fleet.sent.filter(({ message }) => message.kind === 'viewTold')
  assert.deepEqual(
    told.map(({ from, to }) => [from, to]),
    [a, b, d, e].map(peer => [c, peer]),
  )
})

test('a report goes to the control group at once', () => {
  const fleet = silent(one)
  for (const peer of everyone) fleet.step(peer, { kind: 'timePassed' })
  const before = fleet.sent.length
  fleet.tellAll(two, everyone)
  fleet.runUntil(() => fleet.at(a).peer.reports(partition, two.partitions[0]!.epoch, d) === 'copied', 1_000)
  const beats = fleet.sent.slice(before).filter(({ message }) => message.kind === 'beat')
  assert.ok(beats.length > 0)
  assert.deepEqual([...new Set(beats.map(({ to }) => to))], two.control.owners)
})

test('a view reaches everybody over a single pair of peers', () => {
  const fleet = new PureFleet(one, everyone)
  fleet.tellAll(two, [c])
  fleet.runUntil(() => everyone.every(peer => epochOf(fleet, peer) === two.epoch), 3_000)
})

test('what a member said counts in the epoch that it said it in', () => {
  const fleet = silent(two)
  const beat: PeerMessage = { kind: 'beat', epoch: 2, reports: [{ partition, epoch: 2, state: 'copied' }] }
  ask(fleet, a, beat, d)
  const { reports } = fleet.at(a).peer
  assert.deepEqual(
    [reports(partition, 2, d), reports(partition, 3, d), reports(partition, 2, b)],
    ['copied', null, null],
  )
  ask(fleet, a, { ...beat, reports: [] }, d)
  assert.equal(reports(partition, 2, d), null)
})

const grace = { dropAfterMs: 5_000 }
const away = stable(three)

/** c has given its copy away. */
function givenAway(): PureFleet {
  const fleet = new PureFleet(one, everyone, grace)
  for (const number of [1, 2, 3]) writeChain(fleet, a, keyAt(number), 3)
  fleet.tellAll(two)
  fleet.runUntil(() => fleet.at(a).peer.reports(partition, 2, d) === 'copied')
  fleet.tellAll(three)
  fleet.runUntil(() => [a, b, d].every(peer => fleet.at(a).peer.reports(partition, 3, peer) === 'synced'))
  fleet.tellAll(away)
  fleet.runUntil(() => epochOf(fleet, c) === away.epoch)
  return fleet
}

const countOf = (fleet: PureFleet, peer: PeerId) =>
  fleet.at(peer).records.heads.size + fleet.at(peer).records.versions.size

const sinceOf = (fleet: PureFleet, peer: PeerId) => {
  const record = fleet.at(peer).records.partition(partition)
  return record === null || record === 'damaged' ? record : record.since
}

test('a copy that was given away is kept for the grace, answers nobody, and goes then', () => {
  const fleet = givenAway()
  fleet.runFor(4_000)
  assert.equal(countOf(fleet, c), 12)
  const answer = ask(fleet, c, prepare(away))[0]
  assert.ok(answer?.kind === 'refused' && answer.reason === 'notOwner')
  fleet.runUntil(() => sinceOf(fleet, c) === 0, 3_000)
  assert.equal(countOf(fleet, c), 0)
  const record = fleet.at(c).records.partition(partition)
  assert.ok(record !== null && record !== 'damaged' && record.ceiling > noBallot, 'a promise is one for ever')
})

test('a restart in the grace does not forget what has to go', () => {
  const fleet = givenAway()
  fleet.runFor(1_000)
  fleet.restart(c)
  fleet.runFor(4_000)
  assert.equal(countOf(fleet, c), 12)
  fleet.runUntil(() => sinceOf(fleet, c) === 0, 3_000)
  assert.equal(countOf(fleet, c), 0)
})

test('who comes back within the grace is not dropped by the old account', () => {
  const fleet = givenAway()
  const back = learning(away, [a, b, c])
  fleet.tellAll(back)
  fleet.runUntil(() => fleet.at(a).peer.reports(partition, back.partitions[0]!.epoch, c) === 'copied')
  fleet.runFor(10_000)
  assert.equal(countOf(fleet, c), 12)
  assert.equal(sinceOf(fleet, c), back.partitions[0]!.epoch)
})

test('rounds of an older epoch begin again in the new one, and a change of the view does not', () => {
  const fleet = new PureFleet(one, everyone)
  fleet.mayPass = ({ to, message }) => to === a || (message.kind !== 'prepare' && message.kind !== 'accept')
  const submit = (request: number, epoch: number | null, of: ContextKey) => {
    const id = fleet.newId(a)
    const { hash, data } = valueAt(1)
    const value = { kind: 'live', hash, expiresAtMs: 0, data: data! } as const
    const operation = {
      kind: 'write',
      id,
      attempt: 1,
      key: of,
      expect: 'any',
      parent: null,
      value,
      epoch,
    } as const
    fleet.step(a, { kind: 'requested', request, operation, timeoutMs: 10_000 })
  }
  submit(1, null, keyAt(1))
  submit(2, 1, keyAt(2))
  fleet.runFor(300)
  fleet.mayPass = () => true
  fleet.tellAll(withMoves(two, { paused: true }))
  fleet.runUntil(() => fleet.at(a).outcomes.size === 2)
  assert.equal(fleet.at(a).outcomes.get(1)?.kind, 'written')
  const second = fleet.at(a).outcomes.get(2)?.kind ?? ''
  assert.ok(['elsewhere', 'unreached', 'unknown'].includes(second), second)
  const asked = fleet.sent.filter(({ message }) => message.kind === 'accept' && message.key === keyAt(2))
  assert.deepEqual(
    asked.filter(({ message }) => 'epoch' in message && message.epoch !== 1),
    [],
  )
})
