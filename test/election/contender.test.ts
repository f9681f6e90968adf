// Goal: a contender keeps to every sentence of rule 11. Method: one lease, moved input by input, T = 2,000 ms.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeLease } from '../../election/record.ts'
import { held, me, other, Seat, success, versionOf } from './seat.ts'

const none = { kind: 'timePassed' } as const

test('a register that was never written is taken over at once, with token 1', () => {
  const seat = new Seat()
  seat.give(5, none)
  const [swap] = seat.give(9, { kind: 'readAnswered', request: 1, outcome: { kind: 'absent' } })
  assert.ok(swap?.kind === 'swap' && swap.expected === null)
  assert.deepEqual(decodeLease(swap.data), held(me, 1, 1))
  assert.deepEqual(seat.answer(20, success(1)), [{ kind: 'elected', token: 1 }])
  assert.equal(seat.actsAt(20), 1)
})

test('it takes over with token + 1 after 1.25 T without a change, from the receipt of what showed the last one', () => {
  const seat = new Seat()
  seat.give(0, none)
  seat.see(130, 4, held(other, 7, 30))
  seat.pass(131, 2_629)
  assert.deepEqual(seat.swaps, [])
  seat.give(2_630, none)
  assert.equal(seat.swap.expected, versionOf(4))
  assert.deepEqual(decodeLease(seat.swap.data), held(me, 8, 31))
  assert.deepEqual(seat.answer(2_640, success(5)), [{ kind: 'elected', token: 8 }])
})

test('a change begins the wait anew; seeing the same again does not', () => {
  const seat = new Seat()
  seat.give(0, none)
  seat.see(100, 4, held(other, 7, 30))
  seat.give(600, none)
  seat.see(700, 5, held(other, 7, 31))
  seat.give(1_200, none)
  seat.see(1_250, 5, held(other, 7, 31))
  seat.pass(1_300, 3_199)
  assert.deepEqual(seat.swaps, [])
  seat.give(3_200, none)
  assert.equal(seat.swap.expected, versionOf(5))
})

test('it reads every 0.3 T, answered or not', () => {
  const seat = new Seat()
  seat.pass(0, 2_400)
  assert.equal(seat.wanted.length, 5)
  assert.ok(seat.wanted.every(({ kind }) => kind === 'read'))
})

test('answers that overtake each other do not bring back what is gone', () => {
  const seat = new Seat()
  seat.give(0, none)
  const older = seat.read
  seat.give(600, none)
  seat.see(650, 5, held(other, 7, 31))
  const before = seat.lease
  const outcome = { kind: 'absent' } as const
  seat.give(700, { kind: 'readAnswered', request: older.request, outcome })
  assert.deepEqual(seat.lease, before)
  // A newer question, answered from before: no change either.
  seat.give(1_200, none)
  seat.see(1_250, 4, held(other, 7, 30))
  seat.pass(1_251, 3_149)
  assert.deepEqual(seat.swaps, [])
  seat.give(3_150, none)
  assert.equal(seat.swap.expected, versionOf(5))
})

test('a register that was set free is taken over at once, with token + 1', () => {
  const seat = new Seat()
  seat.give(0, none)
  seat.see(10, 9, held(null, 7, 40))
  assert.deepEqual(decodeLease(seat.swap.data), held(me, 8, 41))
})

test('a restarted holder contends anew: it waits for itself as for another', () => {
  const seat = new Seat()
  seat.give(0, none)
  seat.see(10, 9, held(me, 7, 40))
  seat.pass(11, 2_509)
  assert.deepEqual(seat.swaps, [])
  assert.equal(seat.actsAt(2_509), null)
  seat.give(2_510, none)
  assert.deepEqual(decodeLease(seat.swap.data), held(me, 8, 41))
})

test('who loses the race waits for the winner from when it sees it', () => {
  const seat = new Seat()
  seat.give(0, none)
  seat.see(0, 4, held(other, 7, 30))
  seat.pass(1, 2_500)
  const [next] = seat.answer(2_510, { kind: 'conflict' })
  assert.equal(next?.kind, 'read')
  seat.see(2_520, 5, held(other, 8, 31))
  seat.pass(2_521, 5_019)
  assert.equal(seat.swaps.length, 1)
})

test('a takeover in doubt is asked again, and given up after T: then its answer elects nobody', () => {
  const seat = new Seat()
  seat.give(0, none)
  seat.see(0, 4, held(other, 7, 30))
  seat.pass(1, 2_500)
  const first = seat.swap
  seat.answer(2_510, { kind: 'unknown' })
  seat.pass(2_511, 4_499)
  assert.deepEqual([...new Set(seat.swaps.map(({ operation }) => operation))], [first.operation])
  const effects = seat.answer(4_500, success(5))
  assert.ok(effects.every(({ kind }) => kind !== 'elected'))
  assert.equal(seat.actsAt(4_500), null)
})

test('a takeover that nobody took is tried again after a pause', () => {
  const seat = new Seat()
  seat.give(0, none)
  seat.see(0, 4, held(other, 7, 30))
  seat.pass(1, 2_500)
  seat.answer(2_510, { kind: 'unreached' })
  seat.pass(2_511, 2_609)
  assert.equal(seat.swaps.length, 1)
  seat.give(2_610, none)
  assert.equal(seat.swap.attempt, 1)
  assert.equal(seat.swaps.length, 2)
})

test('a record of another format is left to its holder', () => {
  const seat = new Seat()
  seat.give(0, none)
  const data = new Uint8Array([99, 1, 2, 3])
  const outcome = { kind: 'found', version: versionOf(4), data } as const
  seat.give(10, { kind: 'readAnswered', request: seat.read.request, outcome })
  seat.pass(11, 20_000)
  assert.deepEqual(seat.swaps, [])
})
