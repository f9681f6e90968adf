// Goal: a partition goes from owners to owners by the stages of rule 10, each a new epoch, none before its time. Method:
// one partition by hand, then every combination of what three next owners may say.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { InvariantBroken } from '../../base/assert.ts'
import type { PartitionId, PeerId } from '../../base/ids.ts'
import { controlPartition } from '../../dht/keyspace.ts'
import {
  aborted,
  type MoveReports,
  type MoveState,
  movesToBegin,
  nextStages,
  toJoint,
  toLearn,
  toStable,
  waitedFor,
  withAssignments,
} from '../../dht/stages.ts'
import { type Assignment, acceptorsOf, checkView, enteredAt, initialView, type View } from '../../dht/view.ts'
import { member, sha256 } from './fleets.ts'

const members = ['a', 'b', 'c', 'd', 'e'].map(name => member(name))
const [a, b, c, d, e] = members.map(({ id }) => id) as [PeerId, PeerId, PeerId, PeerId, PeerId]
const fleet = 'ab'.repeat(32) as View['fleet']
const partition = 0 as PartitionId
const start = initialView({ fleet, members, replicas: 3, partitionCount: 4, hash: sha256 })
const before: Assignment = { epoch: 1, stage: 'stable', owners: [a, b, c], nextOwners: [] }
const patient = () => true
const impatient = () => false

/** A view in which the first partition stands so. */
const standing = (assignment: Assignment, more: Partial<View> = {}): View => ({
  ...withAssignments({ ...start, epoch: 20 }, new Map([[partition, assignment]])),
  ...more,
})
const saying = (states: ReadonlyMap<PeerId, MoveState | null>, epoch: number): MoveReports => {
  return (which, at, peer) => (which === partition && at === epoch ? (states.get(peer) ?? null) : null)
}

test('each stage is one epoch more, and newcomers are named with that of their learn stage', () => {
  const learn = toLearn(before, [c, d, e])
  assert.deepEqual(learn, {
    epoch: 2,
    stage: 'learn',
    owners: [a, b, c],
    nextOwners: [c, d, e],
    entered: { [d]: 2, [e]: 2 },
  })
  const joint = toJoint(learn)
  assert.deepEqual(joint, { ...learn, epoch: 3, stage: 'joint' })
  const stable = toStable(joint)
  assert.deepEqual(stable, {
    epoch: 4,
    stage: 'stable',
    owners: [c, d, e],
    nextOwners: [],
    entered: { [d]: 2, [e]: 2 },
  })
  const back = toLearn(stable, [a, d, e])
  assert.deepEqual(back.entered, { [a]: 5, [d]: 2, [e]: 2 }, 'who comes back comes in anew')
  assert.deepEqual(
    [a, c, d].map(peer => enteredAt(back, peer)),
    [5, 1, 2],
  )
})

test('a move that is given up is a new epoch of the owners before, from either stage', () => {
  const learn = toLearn(before, [c, d, e])
  for (const moving of [learn, toJoint(learn)]) {
    const back = aborted(moving)
    assert.deepEqual([back.stage, back.owners, back.nextOwners], ['stable', [a, b, c], []])
    assert.equal(back.epoch, moving.epoch + 1)
    assert.deepEqual(back.entered, {})
  }
})

test('no stage is left out', () => {
  const learn = toLearn(before, [d])
  assert.throws(() => toLearn(learn, [e]), InvariantBroken)
  assert.throws(() => toStable(learn), InvariantBroken)
  assert.throws(() => toJoint(before), InvariantBroken)
  assert.throws(() => toJoint(toJoint(learn)), InvariantBroken)
  assert.throws(() => aborted(before), InvariantBroken)
})

const states: (MoveState | null)[] = [null, 'entering', 'copying', 'copied', 'synced']

function* sayings(peers: readonly PeerId[]): Generator<Map<PeerId, MoveState | null>> {
  for (let number = 0; number < states.length ** peers.length; number++) {
    yield new Map(peers.map((peer, at) => [peer, states[Math.floor(number / states.length ** at) % 5]!]))
  }
}

test('a joint stage ends exactly when a majority of the next owners is synced in its epoch', () => {
  const joint = toJoint(toLearn(before, [c, d, e]))
  for (const said of sayings([c, d, e])) {
    const synced = [...said.values()].filter(state => state === 'synced').length
    for (const isPatient of [patient, impatient]) {
      const next = nextStages(standing(joint), saying(said, joint.epoch), isPatient).get(partition)
      assert.deepEqual(next, synced >= 2 ? toStable(joint) : undefined)
    }
    const old = nextStages(standing(joint), saying(said, joint.epoch - 1), patient)
    assert.equal(old.size, 0, 'what was said in another epoch counts for nothing')
  }
})

test('a learn stage waits for all who copy; without patience for a majority', () => {
  const learn = toLearn(before, [c, d, e])
  for (const said of sayings([c, d, e])) {
    const has = (peer: PeerId) => {
      const state = said.get(peer) ?? null
      return state === null ? peer === c : state === 'copied' || state === 'synced'
    }
    const copied = [c, d, e].filter(has).length
    for (const [isPatient, needed] of [
      [patient, 3],
      [impatient, 2],
    ] as const) {
      const next = nextStages(standing(learn), saying(said, learn.epoch), isPatient).get(partition)
      assert.deepEqual(next, copied >= needed ? toJoint(learn) : undefined)
    }
    const waiting = waitedFor(standing(learn), saying(said, learn.epoch))
    assert.deepEqual(waiting, [{ partition, stage: 'learn', peers: [c, d, e].filter(peer => !has(peer)) }])
  }
})

test('a move to somebody who leaves is given up, whatever was said', () => {
  const learn = toLearn(before, [c, d, e])
  const all = saying(new Map([c, d, e].map(peer => [peer, 'synced'])), 3)
  for (const moving of [learn, toJoint(learn)]) {
    const next = nextStages(standing(moving, { leaving: [e] }), all, patient)
    assert.deepEqual(next.get(partition), aborted(moving))
    assert.equal(nextStages(standing(moving, { leaving: [a] }), () => null, patient).size, 0)
  }
})

test('moves begin in their order, so many at once as may be, and none while paused', () => {
  const pending = [3, 1, 0, 2].map(number => ({ partition: number as PartitionId, owners: [c, d, e] }))
  const view: View = { ...start, pending, moves: { ...start.moves, atOnceMax: 3 } }
  assert.deepEqual([...movesToBegin(view).keys()], [3, 1, 0])
  const busy = standing(toLearn(before, [d]), { pending, moves: view.moves })
  assert.deepEqual([...movesToBegin(busy).keys()], [3, 1], 'one is under way, and is not begun twice')
  assert.equal(movesToBegin({ ...view, moves: { ...view.moves, paused: true } }).size, 0)
})

test('the control group moves before all others and alone', () => {
  const control = { partition: controlPartition, owners: [d, e] }
  const view: View = { ...start, pending: [{ partition, owners: [c, d, e] }, control] }
  const begun = movesToBegin(view)
  assert.deepEqual([...begun.keys()], [controlPartition])
  const moving = withAssignments({ ...view, pending: [view.pending[0]!] }, begun)
  assert.equal(moving.control.stage, 'learn')
  assert.equal(movesToBegin(moving).size, 0, 'the others wait for it')
  assert.equal(checkView(moving), null)
  assert.ok(acceptorsOf(moving.control).includes(d))
})
