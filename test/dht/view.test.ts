// Goal: a view says who owns, votes and receives in each stage, and a broken view from outside is refused
// with its reason. Method: views of small fleets, each broken in one place.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { FleetId, PeerId } from '../../base/ids.ts'
import {
  type Assignment,
  acceptorsOf,
  assignmentOf,
  checkView,
  initialView,
  ownersOf,
  replicaSetsOf,
  type View,
} from '../../dht/view.ts'
import { fleets, member, sha256 } from './fleets.ts'

const fleet = 'ab'.repeat(32) as FleetId
const members = ['p1', 'p2', 'p3', 'p4', 'p5'].map((name, i) => member(name, 1, `z${i % 3}`))
const view = initialView({ fleet, members, replicas: 3, partitionCount: 16, hash: sha256 })
const [a, b, c, d, e] = members.map(({ id }) => id) as [PeerId, PeerId, PeerId, PeerId, PeerId]

test('a new fleet has every partition stable at epoch 1 and passes the check', () => {
  fc.assert(
    fc.property(fleets({ zones: fc.constantFrom(1, 3, 1000), most: 30 }), drawn => {
      const made = initialView({ fleet, ...drawn, hash: sha256 })
      assert.equal(checkView(made), null)
      assert.equal(checkView(JSON.parse(JSON.stringify(made))), null)
      for (const assignment of made.partitions) {
        assert.equal(assignment.stage, 'stable')
        assert.equal(assignment.owners.length, Math.min(drawn.replicas, drawn.members.length))
      }
    }),
    { numRuns: 30 },
  )
})

test('a key is looked up in the partition of its top bits', () => {
  const key = sha256('any')
  const partition = Number.parseInt(key[0]!, 16)
  assert.equal(assignmentOf(view, key), view.partitions[partition])
  assert.deepEqual(ownersOf(view, key), view.partitions[partition]!.owners)
})

test('quorum groups and acceptors follow the stage', () => {
  const stable: Assignment = { epoch: 1, stage: 'stable', owners: [a, b, c], nextOwners: [] }
  assert.deepEqual(replicaSetsOf(stable), [[a, b, c]])
  assert.deepEqual(acceptorsOf(stable), [a, b, c])
  const learn: Assignment = { epoch: 2, stage: 'learn', owners: [a, b, c], nextOwners: [c, d, e] }
  assert.deepEqual(replicaSetsOf(learn), [[a, b, c]], 'next owners do not vote yet')
  assert.deepEqual(acceptorsOf(learn), [a, b, c, d, e])
  const joint: Assignment = { ...learn, epoch: 3, stage: 'joint' }
  assert.deepEqual(replicaSetsOf(joint), [
    [a, b, c],
    [c, d, e],
  ])
  assert.deepEqual(acceptorsOf(joint), [a, b, c, d, e])
})

const withMember = (change: object) => ({
  ...view,
  members: [{ ...members[0], ...change }, ...members.slice(1)],
})
const withPartition = (change: object) => ({
  ...view,
  partitions: [{ ...view.partitions[0], ...change }, ...view.partitions.slice(1)],
})
const broken: [unknown, RegExp][] = [
  [null, /must be an object/],
  [[], /must be an object/],
  [{ ...view, fleet: 'AB'.repeat(32) }, /fleet id/],
  [{ ...view, epoch: 0 }, /epoch/],
  [{ ...view, epoch: 1.5 }, /epoch/],
  [{ ...view, replicas: 0 }, /replicas/],
  [{ ...view, replicas: 16 }, /replicas/],
  [{ ...view, members: [] }, /1 to 1024 members/],
  [{ ...view, members: Array.from({ length: 1025 }, (_, i) => member(`m${i}`)) }, /1 to 1024 members/],
  [{ ...view, members: [...members, members[0]] }, /one id/],
  [{ ...view, members: [...members, { ...members[0], id: 'other' }] }, /one name/],
  [{ ...view, members: [null] }, /Member 0/],
  [withMember({ id: '' }), /Member 0.*id/],
  [withMember({ id: 'x'.repeat(129) }), /Member 0.*id/],
  [withMember({ name: 'two words' }), /Member 0.*name/],
  [withMember({ weight: 0 }), /Member 0.*weight/],
  [withMember({ weight: Number.NaN }), /Member 0.*weight/],
  [withMember({ weight: 1e9 }), /Member 0.*weight/],
  [withMember({ zone: '../..' }), /Member 0.*zone/],
  [withMember({ id: 'stranger' }), /owners must all be members/],
  [{ ...view, partitions: [] }, /power of two/],
  [{ ...view, partitions: view.partitions.slice(1) }, /power of two/],
  [{ ...view, partitions: Array.from({ length: 8192 }, () => view.partitions[0]) }, /power of two/],
  [withPartition({ epoch: 2 }), /Partition 0.*epoch/],
  [withPartition({ stage: 'moving' }), /Partition 0.*stage/],
  [withPartition({ owners: [] }), /Partition 0.*owners/],
  [withPartition({ owners: [a, a, b] }), /Partition 0.*distinct/],
  [withPartition({ owners: [a, b, 7] }), /Partition 0.*members/],
  [withPartition({ nextOwners: [a] }), /Partition 0.*no next owners/],
  [withPartition({ stage: 'joint', nextOwners: [] }), /Partition 0.*next owners/],
  [withPartition({ stage: 'learn', nextOwners: [a, 'stranger'] }), /Partition 0.*next owners/],
  [withPartition({ entered: [] }), /Partition 0.*entering/],
  [withPartition({ entered: { stranger: 1 } }), /Partition 0.*entered must be an owner/],
  [withPartition({ entered: { [view.partitions[0]!.owners[0]!]: 2 } }), /Partition 0.*epoch of entering/],
  [{ ...view, control: undefined }, /control group/],
  [{ ...view, control: { ...view.control, owners: ['stranger'] } }, /control group.*members/],
  [{ ...view, leaving: ['stranger'] }, /leave must be members/],
  [{ ...view, leaving: [a, a] }, /leave must be members/],
  [{ ...view, former: [''] }, /Former members/],
  [{ ...view, former: Array.from({ length: 8193 }, () => a) }, /Former members/],
  [{ ...view, pending: 1 }, /planned moves/],
  [{ ...view, pending: [null] }, /must name a partition/],
  [{ ...view, pending: [{ partition: 16, owners: [a] }] }, /must name a partition/],
  [{ ...view, pending: [{ partition: 3, owners: [] }] }, /owners of a planned move/],
  [{ ...view, pending: [3, 3].map(partition => ({ partition, owners: [a] })) }, /one planned move/],
  [{ ...view, moves: { ...view.moves, paused: 1 } }, /paused/],
  [{ ...view, moves: { ...view.moves, bytesPerSecond: 0 } }, /Bytes a second/],
  [{ ...view, moves: { ...view.moves, atOnceMax: 0.5 } }, /Bytes a second/],
  [{ ...view, token: -1 }, /token/],
  [withMember({ weight: 1e-9 }), /Member 0.*weight/],
]

test('a broken view is refused with what is wrong', () => {
  for (const [value, reason] of broken) assert.match(checkView(value) ?? 'accepted', reason)
  const moving = withPartition({ stage: 'joint', nextOwners: [e, d] }) as View
  assert.equal(checkView(moving), null)
})

test('the check never throws, whatever it is given', () => {
  fc.assert(
    fc.property(
      fc.anything(),
      fc.constantFrom(
        ...['fleet', 'epoch', 'replicas', 'members', 'partitions', 'control', 'leaving', 'former', 'pending'],
        ...['moves', 'token'],
      ),
      (value, field) => {
        checkView(value)
        checkView({ ...view, [field]: value })
        checkView({ ...view, members: [value] })
        checkView({ ...view, partitions: [value] })
        checkView(withPartition({ owners: value }))
        checkView(withPartition({ entered: value }))
        checkView({ ...view, pending: [value] })
      },
    ),
  )
})
