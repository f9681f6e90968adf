// Goal: whoever joins, leaves or is replaced, the moves end where placement wants them, by views that are valid at every
// step. Method: random fleets and changes, moves driven a few steps in between and to their end; small fleets by hand.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type ErrorCode, SlurpError } from '../../base/errors.ts'
import type { PartitionId, PeerId } from '../../base/ids.ts'
import { formerMax } from '../../dht/check-view.ts'
import { controlPartition } from '../../dht/keyspace.ts'
import { placeReplicas } from '../../dht/placement.ts'
import type { MoveReports, MoveState } from '../../dht/stages.ts'
import {
  type Assignment,
  assignmentAt,
  assignmentsOf,
  checkView,
  controlSize,
  enteredAt,
  initialView,
  type View,
} from '../../dht/view.ts'
import {
  advanced,
  joined,
  left,
  replaced,
  reweighed,
  stayingMembers,
  withMoves,
} from '../../dht/view-change.ts'
import { loadsOf, member, sha256 } from './fleets.ts'

const fleet = 'ab'.repeat(32) as View['fleet']
const patient = () => true
const everySynced: MoveReports = () => 'synced'

const newFleet = (size: number, replicas: number, partitionCount = 16): View =>
  initialView({
    fleet,
    members: Array.from({ length: size }, (_, at) => member(`m${at}`, 1, `z${at % 4}`)),
    replicas,
    partitionCount,
    hash: sha256,
  })

/** Everybody copies and syncs: to where nothing is left to be done. */
function driven(start: View, token = start.token): View {
  let view = start
  for (let steps = 0; steps < 2_000; steps++) {
    const next = advanced(view, everySynced, patient, token)
    if (next === null) return view
    assertFollows(view, next)
    view = next
  }
  assert.fail('the moves do not end')
}

/** What holds between any view and the next one. */
function assertFollows(before: View, after: View): void {
  assert.equal(checkView(after), null)
  assert.equal(after.epoch, before.epoch + 1)
  for (const { partition, assignment } of assignmentsOf(after)) {
    const was = assignmentAt(before, partition)
    if (assignment === was) continue
    assert.equal(assignment.epoch, was.epoch + 1, 'an epoch a stage')
    assertStage(was, assignment)
  }
}

function assertStage(was: Assignment, is: Assignment): void {
  const name = `${was.stage} ${is.stage}`
  assert.ok(['stable learn', 'learn joint', 'learn stable', 'joint stable'].includes(name), name)
  if (is.stage === 'stable') {
    const aborts = was.stage === 'learn' || is.owners === was.owners
    assert.deepEqual(is.owners, aborts ? was.owners : was.nextOwners)
  } else assert.deepEqual(is.owners, was.owners)
  const comers = is.stage === 'learn' ? is.nextOwners.filter(peer => !was.owners.includes(peer)) : []
  for (const peer of [...is.owners, ...is.nextOwners]) {
    assert.equal(enteredAt(is, peer), comers.includes(peer) ? is.epoch : enteredAt(was, peer), `${peer}`)
  }
}

function assertSettled(view: View): void {
  assert.deepEqual([view.pending, view.leaving], [[], []])
  const ids = new Set(view.members.map(({ id }) => id))
  for (const { assignment } of assignmentsOf(view)) {
    assert.equal(assignment.stage, 'stable')
    assert.ok(assignment.owners.every(owner => ids.has(owner)))
  }
  for (const { owners } of view.partitions) assert.equal(owners.length, Math.min(view.replicas, ids.size))
  assert.equal(view.control.owners.length, controlSize(ids.size))
}

type Order =
  | { kind: 'join'; weight: number; zone: number }
  | { kind: 'leave' | 'replace'; who: number; isAlive: boolean }
  | { kind: 'reweigh'; who: number; weight: number }
  | { kind: 'pause' }
  /** Some steps of the leader, with whatever the members say. */
  | { kind: 'advance'; steps: number; said: number; isPatient: boolean }

const weight = fc.constantFrom(1, 1, 1, 0.5, 2)
const order: fc.Arbitrary<Order> = fc.oneof(
  fc.record({ kind: fc.constant('join' as const), weight, zone: fc.nat(5) }),
  fc.record({
    kind: fc.constantFrom('leave' as const, 'replace' as const),
    who: fc.nat(),
    isAlive: fc.boolean(),
  }),
  fc.record({ kind: fc.constant('reweigh' as const), who: fc.nat(), weight }),
  fc.record({ kind: fc.constant('pause' as const) }),
  fc.record({
    kind: fc.constant('advance' as const),
    steps: fc.integer({ min: 1, max: 4 }),
    said: fc.nat(),
    isPatient: fc.boolean(),
  }),
)

/** What everybody says, drawn anew for each partition, epoch and peer. */
const saidBy =
  (said: number): MoveReports =>
  (partition, epoch, peer) => {
    const drawn = Number.parseInt(sha256(`${said} ${partition} ${epoch} ${peer}`).slice(0, 4), 16)
    return ([null, 'entering', 'copying', 'copied', 'synced'] satisfies (MoveState | null)[])[drawn % 5]!
  }

function carriedOut(view: View, given: Order, number: number): View {
  const pick = (who: number) => view.members[who % view.members.length]!.id
  const comer = (weight: number, zone: number) => member(`new${number}`, weight, `z${zone}`)
  switch (given.kind) {
    case 'join':
      return joined(view, comer(given.weight, given.zone), sha256)
    case 'leave':
      return left(view, pick(given.who), given.isAlive, sha256)
    case 'replace':
      return replaced(view, pick(given.who), comer(1, 0), given.isAlive)
    case 'reweigh':
      return reweighed(view, pick(given.who), { weight: given.weight }, sha256)
    case 'pause':
      return withMoves(view, { paused: !view.moves.paused })
    case 'advance':
      return advanced(view, saidBy(given.said), () => given.isPatient, view.token) ?? view
  }
}

/** Owners of every partition when all that is under way and planned is done, as sets. */
const wishOf = (view: View): PeerId[][] =>
  view.partitions.map((assignment, number) => {
    const planned = view.pending.find(({ partition }) => partition === number)?.owners
    return [...(planned ?? aimOf(assignment))].sort()
  })

const aimOf = ({ stage, owners, nextOwners }: Assignment): readonly PeerId[] =>
  stage === 'stable' ? owners : nextOwners

/** The same as placement answers, asked for the members that stay. */
const placedAnew = (before: View, after: View): PeerId[][] =>
  placeReplicas({
    members: stayingMembers(after),
    replicas: after.replicas,
    partitionCount: after.partitions.length,
    hash: sha256,
    previous: before.partitions.map(aimOf),
  }).map(owners => owners.sort())

test('whatever is asked for and whenever, the moves end as placement wishes, with valid views all the way', () => {
  const refusals: ErrorCode[] = ['TOO_FEW_PEERS', 'LAST_COPY', 'MEMBER_LEAVING']
  fc.assert(
    fc.property(
      fc.integer({ min: 2, max: 8 }),
      fc.integer({ min: 1, max: 3 }),
      fc.array(order, { maxLength: 12 }),
      (size, replicas, orders) => {
        let view = newFleet(size, replicas)
        let wanted = wishOf(view)
        for (const [number, given] of orders.entries()) {
          for (let step = 0; step < (given.kind === 'advance' ? given.steps : 1); step++) {
            let next = view
            try {
              next = carriedOut(view, given, number)
            } catch (failure) {
              assert.ok(failure instanceof SlurpError && refusals.includes(failure.code))
            }
            if (next === view) continue
            assertFollows(view, next)
            if (given.kind !== 'advance' && given.kind !== 'pause') {
              wanted = wishOf(next)
              // A replacement takes over what was there, whatever placement would like better.
              if (given.kind !== 'replace') assert.deepEqual(wanted, placedAnew(view, next))
            }
            view = next
          }
        }
        const end = driven(view.moves.paused ? withMoves(view, { paused: false }) : view)
        assertSettled(end)
        assert.deepEqual(
          end.members.map(({ id }) => id),
          stayingMembers(view).map(({ id }) => id),
        )
        assert.deepEqual(wishOf(end), wanted)
      },
    ),
    { numRuns: 60 },
  )
})

const ownersOf = (view: View): PeerId[][] => view.partitions.map(({ owners }) => [...owners])

/** Copies that the plan makes, without the control group's. */
const copiesOf = (view: View): number =>
  view.pending
    .filter(({ partition }) => partition !== controlPartition)
    .reduce((sum, { partition, owners }) => {
      return sum + owners.filter(peer => !view.partitions[partition]!.owners.includes(peer)).length
    }, 0)

test('a join copies the share of the new member, a leave and a replacement what the old one had', () => {
  const even = (size: number) =>
    initialView({
      fleet,
      members: Array.from({ length: size }, (_, at) => member(`m${at}`)),
      replicas: 3,
      partitionCount: 256,
      hash: sha256,
    })
  for (const size of [4, 6, 9]) {
    const view = even(size)
    const leaver = view.members[size >> 1]!.id
    const load = loadsOf(ownersOf(view)).get(leaver)
    assert.ok(copiesOf(joined(view, member('new'), sha256)) <= Math.ceil((256 * 3) / (size + 1)))
    assert.equal(copiesOf(left(view, leaver, true, sha256)), load)
    const swapped = driven(replaced(view, leaver, member('new'), false))
    assert.deepEqual(
      ownersOf(swapped),
      ownersOf(view).map(owners => owners.map(peer => (peer === leaver ? member('new').id : peer))),
    )
  }
})

test('a next owner that leaves while it learns gives the move up, and another one takes its place', () => {
  const start = newFleet(4, 3)
  const comer = member('new', 1, 'z0')
  const begun = advanced(joined(start, comer, sha256), () => null, patient, 0)
  assert.ok(begun)
  const learning = (view: View) =>
    view.partitions.flatMap((each, at) => (each.nextOwners.includes(comer.id) ? [at as PartitionId] : []))
  // The control group moves first where it has to; then the others begin.
  const moving = learning(begun).length > 0 ? begun : advanced(begun, everySynced, patient, 0)!
  assert.ok(learning(moving).length > 0)
  const leaving = left(moving, comer.id, false, sha256)
  const given = advanced(leaving, () => null, patient, 0)
  assert.ok(given)
  for (const partition of learning(moving)) {
    const { stage, owners }: Assignment = given.partitions[partition]!
    assert.deepEqual([stage, owners], ['stable', start.partitions[partition]!.owners])
  }
  const end = driven(given)
  assertSettled(end)
  assert.deepEqual(end.former, [comer.id])
})

test('who leaves stays in the view until it owns nothing, and no longer', () => {
  let view = left(newFleet(5, 3), member('m1').id, true, sha256)
  const leaver = member('m1').id
  while (view.members.some(({ id }) => id === leaver)) {
    assert.deepEqual(view.leaving, [leaver])
    const next = advanced(view, everySynced, patient, 0)
    assert.ok(next, 'the leaver is waited for without end')
    view = next
  }
  for (const { assignment } of assignmentsOf(view))
    assert.ok(![...assignment.owners, ...assignment.nextOwners].includes(leaver))
  assert.deepEqual(view.former, [leaver])
})

test('plans that have nothing left to do are forgotten', () => {
  const view = newFleet(4, 3)
  const same = { partition: 0 as PartitionId, owners: [...view.partitions[0]!.owners].reverse() }
  const next = advanced({ ...view, pending: [same] }, everySynced, patient, 1)
  assert.deepEqual(next?.pending, [])
})

test('a leader of before changes nothing, a new one leaves its token', () => {
  const view: View = { ...joined(newFleet(4, 3), member('new'), sha256), token: 7 }
  assert.equal(advanced(view, everySynced, patient, 6), null)
  assert.equal(advanced(view, everySynced, patient, 7)?.token, 7)
  assert.equal(advanced(driven(view), everySynced, patient, 7), null)
  assert.equal(advanced(driven(view), everySynced, patient, 8)?.token, 8)
})

test('former members are kept as far as a view may hold them, each once', () => {
  const former = Array.from({ length: formerMax }, (_, at) => `12D3KooWformer${at}` as PeerId)
  const view = left({ ...newFleet(4, 3), former }, member('m1').id, true, sha256)
  const end = driven(view)
  assert.deepEqual(end.former, [...former.slice(1), member('m1').id])
  const again = driven(left(driven(joined(end, member('m1'), sha256)), member('m1').id, true, sha256))
  assert.deepEqual(again.former, end.former)
})

test('the same change asked for again changes nothing', () => {
  const view = newFleet(5, 3)
  const comer = member('new')
  const there = joined(view, comer, sha256)
  assert.equal(joined(there, comer, sha256), there)
  const gone = left(view, member('m1').id, true, sha256)
  assert.equal(left(gone, member('m1').id, true, sha256), gone)
  const swapped = replaced(view, member('m1').id, comer, true)
  assert.equal(replaced(swapped, member('m1').id, comer, true), swapped)
})

test('what cannot be done is refused with its code, and nothing changes', () => {
  const view = newFleet(3, 3)
  const alone = newFleet(3, 1)
  const stranger = '12D3KooWstranger' as PeerId
  const [first] = view.members
  const leaving = left(newFleet(5, 3), first!.id, true, sha256)
  const refused: [ErrorCode, () => unknown][] = [
    ['MEMBER_KNOWN', () => joined(view, { ...member('other'), id: first!.id }, sha256)],
    ['MEMBER_KNOWN', () => joined(view, { ...member('other'), name: 'm0' }, sha256)],
    ['MEMBER_KNOWN', () => replaced(view, first!.id, { ...member('other'), name: 'm1' }, true)],
    ['MEMBER_UNKNOWN', () => left(view, stranger, true, sha256)],
    ['MEMBER_UNKNOWN', () => replaced(view, stranger, member('new'), true)],
    ['MEMBER_UNKNOWN', () => reweighed(view, stranger, { weight: 2 }, sha256)],
    ['TOO_FEW_PEERS', () => left(view, first!.id, true, sha256)],
    ['MEMBER_LEAVING', () => replaced(leaving, first!.id, member('new'), true)],
    ['LAST_COPY', () => left(alone, first!.id, false, sha256)],
    ['LAST_COPY', () => replaced(alone, first!.id, member('new'), false)],
  ]
  for (const [code, change] of refused) {
    assert.throws(change, (failure: unknown) => failure instanceof SlurpError && failure.code === code, code)
  }
  assert.doesNotThrow(() => left(alone, first!.id, true, sha256), 'it is there to give its copies away')
})

test('other settings of the moves are a view of their own', () => {
  const view = newFleet(3, 3)
  const next = withMoves(view, { bytesPerSecond: 5 })
  assertFollows(view, next)
  assert.deepEqual(next.moves, { ...view.moves, bytesPerSecond: 5 })
})
