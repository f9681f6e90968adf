// Goal: a holder keeps to every sentence of rule 11. Method: one lease, moved input by input, T = 2,000 ms.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeLease } from '../../election/record.ts'
import { held, me, Seat, success, versionOf } from './seat.ts'

const none = { kind: 'timePassed' } as const

test('it renews by compare-and-set every 0.3 T, counted from when the last one was sent', () => {
  const seat = new Seat()
  seat.win(0)
  assert.equal(seat.wakeMs, 600)
  assert.deepEqual(seat.give(599, none), [])
  seat.give(600, none)
  assert.deepEqual(decodeLease(seat.swap.data), held(me, 1, 2))
  assert.equal(seat.swap.expected, versionOf(1))
  seat.answer(700, success(2))
  assert.equal(seat.wakeMs, 1_200)
  seat.give(1_200, none)
  assert.deepEqual(decodeLease(seat.swap.data), held(me, 1, 3))
  assert.equal(seat.swap.expected, versionOf(2))
})

test('it stops acting T after it sent its last successful renewal, whenever the answer came', () => {
  const seat = new Seat()
  seat.win(0)
  seat.give(600, none)
  seat.answer(1_000, success(2))
  assert.equal(seat.actsAt(2_599), 1)
  assert.equal(seat.actsAt(2_600), null)
  const last = seat.give(2_600, none)
  assert.deepEqual(last[0], { kind: 'deposed', token: 1, reason: 'lapsed' })
})

test('a retry is the same operation and counts from its first attempt', () => {
  const seat = new Seat()
  seat.win(0)
  seat.give(600, none)
  const [, first] = seat.swaps
  assert.equal(seat.wakeMs, 1_100)
  seat.give(1_100, none)
  assert.deepEqual(seat.swap, { ...first, attempt: 2 })
  seat.answer(1_200, success(2))
  assert.equal(seat.actsAt(2_599), 1)
  assert.equal(seat.actsAt(2_600), null)
})

test('so does the takeover that made it the holder', () => {
  const seat = new Seat()
  seat.give(0, none)
  seat.give(0, { kind: 'readAnswered', request: 1, outcome: { kind: 'absent' } })
  seat.give(500, none)
  assert.deepEqual(seat.answer(900, success(1))[0], { kind: 'elected', token: 1 })
  assert.equal(seat.actsAt(1_999), 1)
  assert.equal(seat.actsAt(2_000), null)
})

test('an answer after the deadline revives nothing', () => {
  const seat = new Seat()
  seat.win(0)
  seat.give(1_900, none)
  const effects = seat.answer(2_000, success(2))
  assert.deepEqual(
    effects.map(({ kind }) => kind),
    ['deposed', 'read'],
  )
  assert.equal(seat.actsAt(2_000), null)
})

test('an unknown outcome is asked again under the same operation, and is no renewal', () => {
  const seat = new Seat()
  seat.win(0)
  seat.give(600, none)
  const { operation } = seat.swap
  assert.deepEqual(seat.answer(650, { kind: 'unknown' }), [])
  assert.equal(seat.wakeMs, 750)
  seat.give(750, none)
  assert.equal(seat.swap.operation, operation)
  assert.equal(seat.swap.attempt, 2)
  assert.equal(seat.actsAt(2_000), null)
})

test('what nobody took is no renewal; the next operation counts its own time', () => {
  const seat = new Seat()
  seat.win(0)
  seat.give(600, none)
  const { operation } = seat.swap
  seat.answer(650, { kind: 'unreached' })
  seat.give(750, none)
  assert.notEqual(seat.swap.operation, operation)
  assert.equal(seat.swap.attempt, 1)
  seat.answer(800, success(2))
  assert.equal(seat.actsAt(2_749), 1)
  assert.equal(seat.actsAt(2_750), null)
})

test('what nobody took after an attempt in doubt stays the same operation', () => {
  const seat = new Seat()
  seat.win(0)
  seat.give(600, none)
  const { operation } = seat.swap
  seat.give(1_100, none)
  seat.answer(1_150, { kind: 'unreached' })
  seat.give(1_250, none)
  assert.deepEqual([seat.swap.operation, seat.swap.attempt], [operation, 3])
})

test('a conflict ends it at once; one of an older attempt says nothing', () => {
  const seat = new Seat()
  seat.win(0)
  seat.give(600, none)
  const first = seat.swap
  seat.give(1_100, none)
  assert.deepEqual(seat.answer(1_150, { kind: 'conflict' }, first), [])
  assert.equal(seat.actsAt(1_150), 1)
  const [deposed] = seat.answer(1_200, { kind: 'conflict' })
  assert.deepEqual(deposed, { kind: 'deposed', token: 1, reason: 'replaced' })
  assert.equal(seat.actsAt(1_200), null)
})

test('an answer to another operation, or to an attempt that was never made, says nothing', () => {
  const seat = new Seat()
  seat.win(0)
  seat.give(600, none)
  assert.deepEqual(seat.answer(650, success(9), { ...seat.swap, operation: 1 }), [])
  assert.deepEqual(seat.answer(650, { kind: 'conflict' }, { ...seat.swap, attempt: 7 }), [])
  assert.equal(seat.actsAt(2_000), null)
  assert.equal(seat.actsAt(1_999), 1)
})

test('finding itself holder is no renewal', () => {
  const seat = new Seat()
  seat.win(0)
  seat.give(2_000, none)
  seat.see(2_050, 7, held(me, 1, 7))
  assert.equal(seat.actsAt(2_050), null)
  seat.pass(2_051, 4_549)
  assert.equal(seat.swaps.length, 1)
  seat.give(4_550, none)
  assert.deepEqual(decodeLease(seat.swap.data), held(me, 2, 8))
})

test('stepping down stops the duties, then sets the register free', () => {
  const seat = new Seat()
  seat.win(0)
  const effects = seat.give(100, { kind: 'stepDownAsked' })
  assert.deepEqual(effects[0], { kind: 'deposed', token: 1, reason: 'steppedDown' })
  assert.equal(effects[1]?.kind, 'swap')
  assert.deepEqual(decodeLease(seat.swap.data), held(null, 1, 2))
  assert.equal(seat.actsAt(100), null)
  seat.answer(150, success(2))
  // It leaves the others 2 T to take over what it set free, and comes back when nobody does.
  seat.see(200, 2, held(null, 1, 2))
  const before = seat.swaps.length
  seat.pass(201, 4_149)
  assert.equal(seat.swaps.length, before)
  seat.give(4_150, none)
  assert.deepEqual(decodeLease(seat.swap.data), held(me, 2, 3))
})

test('a renewal under way is settled before the register is set free', () => {
  const seat = new Seat()
  seat.win(0)
  seat.give(600, none)
  assert.deepEqual(seat.give(610, { kind: 'stepDownAsked' }), [
    { kind: 'deposed', token: 1, reason: 'steppedDown' },
  ])
  assert.equal(seat.actsAt(610), null)
  seat.answer(650, success(2))
  assert.equal(seat.actsAt(650), null)
  assert.equal(seat.swap.expected, versionOf(2))
  assert.deepEqual(decodeLease(seat.swap.data), held(null, 1, 3))
})

test('a renewal that nobody took does not keep the register from being set free', () => {
  const seat = new Seat()
  seat.win(0)
  seat.give(600, none)
  seat.give(610, { kind: 'stepDownAsked' })
  seat.answer(650, { kind: 'unreached' })
  assert.equal(seat.swap.expected, versionOf(1))
  assert.deepEqual(decodeLease(seat.swap.data), held(null, 1, 2))
  // Nobody takes that either: the others will wait for the lease to end.
  seat.answer(700, { kind: 'unreached' })
  assert.equal(seat.lease.role.kind, 'contending')
})

test('who does not hold has nothing to step down from', () => {
  const seat = new Seat()
  seat.give(0, none)
  assert.deepEqual(seat.give(10, { kind: 'stepDownAsked' }), [])
})
