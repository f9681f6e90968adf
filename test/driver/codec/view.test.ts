// Goal: a view has one encoding, gives back what went in, and nothing else than a view comes out of it. Method: random
// valid views, there and back, their bytes changed and cut; large fleets for the size.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { FleetId, PeerId } from '../../../base/ids.ts'
import { checkView, formerMax, membersMax } from '../../../dht/check-view.ts'
import { partitionCountMax } from '../../../dht/keyspace.ts'
import { toJoint, toLearn } from '../../../dht/stages.ts'
import { type Assignment, initialControl, type View } from '../../../dht/view.ts'
import { DecodeError } from '../../../node/driver/codec/reader.ts'
import { decodeStoredView, viewChange } from '../../../node/driver/codec/records.ts'
import { decodeView, encodeView, viewBytesMax } from '../../../node/driver/codec/view.ts'
import { views } from '../../dht/views.ts'

function decodedOrRefused(bytes: Uint8Array): View | null {
  try {
    return decodeView(bytes)
  } catch (failure) {
    assert.ok(failure instanceof DecodeError, `a decoder threw ${failure}`)
    return null
  }
}

test('a view survives, in its register, on the disk and in memory of its own', () => {
  fc.assert(
    fc.property(views(), views(), (view, other) => {
      assert.equal(checkView(view), null)
      const bytes = encodeView(view)
      encodeView(other)
      assert.deepStrictEqual(decodeView(bytes), view)
      const stored = viewChange(view)
      assert.ok(stored.kind === 'put')
      assert.deepStrictEqual(decodeStoredView(stored.value), view)
    }),
  )
})

test('a view has one encoding, whatever the order in which its owners came in', () => {
  fc.assert(
    fc.property(views(), fc.nat(), fc.integer({ min: 1, max: 255 }), (view, place, change) => {
      const bytes = encodeView(view)
      const turned = ({ entered, ...rest }: Assignment): Assignment =>
        entered === undefined
          ? { ...rest, entered: {} }
          : { ...rest, entered: Object.fromEntries(Object.entries(entered).reverse()) }
      assert.deepStrictEqual(encodeView({ ...view, partitions: view.partitions.map(turned) }), bytes)
      bytes[place % bytes.length]! ^= change
      const met = decodedOrRefused(bytes)
      if (met !== null) assert.deepStrictEqual(encodeView(met), bytes)
    }),
    { numRuns: 500 },
  )
})

test('random, cut, lengthened and spliced bytes are refused with DecodeError', () => {
  fc.assert(
    fc.property(views({ most: 5 }), views({ most: 5 }), fc.nat(), fc.nat(), (one, two, cut, join) => {
      const [a, b] = [encodeView(one), encodeView(two)]
      assert.throws(() => decodeView(a.subarray(0, cut % a.length)), DecodeError)
      assert.throws(() => decodeView(Uint8Array.of(...a, 0)), DecodeError)
      const spliced = decodedOrRefused(
        Uint8Array.of(...a.subarray(0, cut % a.length), ...b.subarray(join % b.length)),
      )
      if (spliced !== null) assert.equal(checkView(spliced), null)
    }),
    { numRuns: 500 },
  )
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), bytes => {
      assert.equal(decodedOrRefused(bytes), null)
    }),
    { numRuns: 1_000 },
  )
})

test('a view on the disk with a flipped bit is damaged', () => {
  fc.assert(
    fc.property(views({ most: 4 }), fc.nat(), fc.nat(7), (view, place, bit) => {
      const stored = viewChange(view)
      assert.ok(stored.kind === 'put')
      stored.value[place % stored.value.length]! ^= 1 << bit
      assert.equal(decodeStoredView(stored.value), 'damaged')
    }),
  )
})

/** A fleet with ids and names as long as real ones, `moving` of its partitions in a joint stage, all entered late. */
function largeView(members: number, partitions: number, replicas: number, moving: number, former = 0): View {
  const peerAt = (at: number) => `12D3KooW${at.toString().padStart(44, 'x')}` as PeerId
  const listed = Array.from({ length: members }, (_, at) => ({
    id: peerAt(at),
    name: `p${at}`,
    weight: 1,
    zone: `zone-${at % 5}`,
  }))
  const epoch = 1_000_000
  const owners = (from: number) => Array.from({ length: replicas }, (_, at) => peerAt((from + at) % members))
  return {
    fleet: 'ab'.repeat(32) as FleetId,
    epoch: epoch + 2,
    replicas,
    members: listed,
    partitions: Array.from({ length: partitions }, (_, at) => {
      const entered = Object.fromEntries(owners(at).map(peer => [peer, epoch - 1]))
      const stable: Assignment = { epoch, stage: 'stable', owners: owners(at), nextOwners: [], entered }
      return at < moving ? toJoint(toLearn(stable, owners(at + replicas))) : stable
    }),
    ...initialControl(listed),
    former: Array.from({ length: former }, (_, at) => peerAt(members + at)),
  }
}

test('views are small: about 22 bytes a partition of three owners that all came in late, 65 a member', () => {
  const base = encodeView(largeView(9, 256, 3, 0)).length
  assert.ok(base < 256 * 22 + 9 * 70 + 100, `${base} bytes`)
  const members = (encodeView(largeView(109, 256, 3, 0)).length - base) / 100
  assert.ok(members > 60 && members < 72, `${members} bytes a member`)
  const moving = (encodeView(largeView(9, 256, 3, 256)).length - base) / 256
  assert.ok(moving < 18, `${moving} bytes a moving partition`)
  const whole = largeView(membersMax, partitionCountMax, 5, 64, formerMax)
  const bytes = encodeView(whole)
  assert.ok(bytes.length < viewBytesMax * 0.9, `the largest fleet: ${bytes.length} bytes`)
  assert.deepStrictEqual(decodeView(bytes), whole)
})

const valid = largeView(3, 2, 2, 1)
const broken: [string, View][] = [
  ['an owner twice', withFirst({ owners: [valid.members[0]!.id, valid.members[0]!.id] })],
  ['an epoch above the view', withFirst({ epoch: valid.epoch + 1 })],
  ['nobody left to own it', withFirst({ owners: [] })],
  ['who entered is no owner', withFirst({ entered: { [valid.members[2]!.id]: 5 } })],
  ['who entered after its epoch', withFirst({ entered: { [valid.members[0]!.id]: valid.epoch + 1 } })],
  ['two plans for one partition', { ...valid, pending: [planned(0), planned(0)] }],
  ['a plan for no partition', { ...valid, pending: [planned(77)] }],
  ['no moves at once', { ...valid, moves: { ...valid.moves, atOnceMax: 0 } }],
  ['two members of one name', { ...valid, members: valid.members.map(each => ({ ...each, name: 'p1' })) }],
]

function withFirst(change: Partial<Assignment>): View {
  const stable: Assignment = {
    epoch: 5,
    stage: 'stable',
    owners: valid.members.slice(0, 2).map(({ id }) => id),
    nextOwners: [],
  }
  return { ...valid, partitions: [{ ...stable, ...change }, stable] }
}

function planned(partition: number) {
  return { partition: partition as never, owners: [valid.members[0]!.id] }
}

test('bytes of something that is no view of a fleet are refused', () => {
  for (const [what, view] of broken) assert.throws(() => decodeView(encodeView(view)), DecodeError, what)
})
