// Goal: the figures of unavailability mean what the page says. Method: scripted calls and conditions.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Conditions } from '../../sim/chaos/fleet/conditions.ts'
import type { Call, Outcome } from '../../sim/chaos/history/call.ts'
import { gapsOf, longestByKind } from '../../sim/chaos/report/availability.ts'

const served: Outcome = { kind: 'nothing' }
const failed: Outcome = { kind: 'unknown', code: 'TIMED_OUT' }
let order = 0
const call = (calledMs: number, returnedMs: number, outcome: Outcome, worker = 'w1'): Call => ({
  worker,
  door: 'p1',
  address: 'x',
  ask: { kind: 'get' },
  outcome,
  calledAt: order++,
  returnedAt: order++,
  calledMs,
  returnedMs,
})
const always = () => true

test('a gap lasts from the first call after an answer to the next answer; thinking is no part of it', () => {
  const calls = [
    call(0, 10, served),
    call(500, 600, failed),
    call(640, 700, failed),
    call(710, 720, served),
    call(5_000, 5_030, served),
  ]
  assert.deepEqual(
    gapsOf(calls, always).map(gap => gap.ms),
    [10, 220, 30],
  )
})

test('the gap that the end of the run cuts counts too, and every client has its own', () => {
  const calls = [call(0, 10, failed), call(20, 90, failed), call(0, 5, served, 'w2')]
  assert.deepEqual(
    gapsOf(calls, always).map(({ worker, ms }) => [worker, ms]),
    [
      ['w1', 90],
      ['w2', 5],
    ],
  )
})

test('time without a quorum of the owners is taken out, with the pause after it', () => {
  const calls = [call(0, 100, failed), call(150, 250, failed), call(300, 310, served)]
  const gaps = gapsOf(calls, each => each.calledMs !== 0)
  assert.deepEqual(
    gaps.map(gap => gap.ms),
    [160],
  )
})

test('a gap counts for the faults around it, alone where there is only one kind', () => {
  const gap = (fromMs: number, ms: number) => ({ worker: 'w1', fromMs, toMs: fromMs + ms, ms })
  const fault = (kind: string, startMs: number, endMs: number) => ({ kind, what: kind, startMs, endMs })
  const longest = longestByKind(
    [gap(0, 5), gap(1_100, 300), gap(2_100, 700), gap(60_000, 20)],
    [fault('kill', 1_000, 3_000), fault('cut', 2_000, 2_500), fault('pause', 90_000, 91_000)],
  )
  assert.deepEqual(Object.fromEntries(longest), {
    none: { longestMs: 20, atMs: 60_000, longestAloneMs: 20 },
    kill: { longestMs: 700, atMs: 2_100, longestAloneMs: 300 },
    cut: { longestMs: 700, atMs: 2_100, longestAloneMs: 0 },
    pause: { longestMs: 0, atMs: null, longestAloneMs: 0 },
  })
})

test('a quorum are owners that are up and hear each other', () => {
  const conditions = new Conditions()
  const note = (atMs: number, up: string, cuts: string[] = []) =>
    conditions.note({ atMs, up: new Set(up), cuts: new Set(cuts) })
  note(0, 'abcd')
  note(10, 'abd')
  note(20, 'abd', ['a b'])
  note(30, 'abc', ['a b', 'c a', 'c b'])
  note(40, 'ad')
  const owners = ['a', 'b', 'c']
  assert.ok(conditions.hadQuorum(owners, 0, 20))
  assert.ok(!conditions.hadQuorum(owners, 5, 21), 'a and b do not hear each other, c is down')
  assert.ok(conditions.hadQuorum(['a', 'b', 'd'], 20, 25), 'a and d do')
  assert.ok(!conditions.hadQuorum(owners, 30, 31))
  assert.ok(!conditions.hadQuorum(owners, 50, 60))
})
