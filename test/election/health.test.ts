// Goal: one process's health of its members takes whatever comes, bounded and in order. Method: the machine moved by hand,
// and random inputs against what must hold after each.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { PeerId } from '../../base/ids.ts'
import { deadForMs, healthOf, isSuspectedHere, newHealth, step } from '../../election/health.ts'
import { type Health, healthDefaults, membersMax } from '../../election/health-state.ts'
import type { HealthEffect, HealthInput } from '../../election/health-step.ts'
import type { Report } from '../../election/report.ts'

const [me, a, b, c, d] = ['me', 'a', 'b', 'c', 'd'] as PeerId[] as [PeerId, PeerId, PeerId, PeerId, PeerId]
const members = [me, a, b, c, d]

class Seat {
  health: Health = newHealth(me, 1_000, 0)
  readonly wanted: HealthEffect[] = []
  nowMs = 0
  sequence = 0

  constructor(peers: readonly PeerId[] = members) {
    this.give(0, { kind: 'membersChanged', members: peers })
  }

  give(atMs: number, input: HealthInput = { kind: 'timePassed' }): readonly HealthEffect[] {
    this.nowMs = atMs
    const { health, effects } = step(this.health, input, atMs)
    this.health = health
    const wake = effects.at(-1)
    assert.ok(wake?.kind === 'wake' && wake.atMs > atMs, 'a step ends with one wake, later than itself')
    assert.ok(wake.atMs <= atMs + healthDefaults.detector.heartbeatMs)
    this.wanted.push(...effects.slice(0, -1))
    return effects.slice(0, -1)
  }

  /** Heartbeats of `peers` every 250 ms until `untilMs`, with looks in between. */
  hear(untilMs: number, ...peers: readonly PeerId[]): void {
    while (this.nowMs + 250 <= untilMs) {
      const atMs = this.nowMs + 250
      this.give(atMs - 125)
      for (const peer of peers) this.give(atMs, { kind: 'heard', peer })
    }
  }

  report(from: PeerId, peers: readonly PeerId[], changes: Partial<Report> = {}): void {
    const suspected = peers.map(peer => ({ peer, forMs: 2_000 }))
    const report = { sequence: ++this.sequence, suspected, ...changes }
    this.give(this.nowMs, { kind: 'reportArrived', from, report, ageMs: 0 })
  }

  changes(): string[] {
    return this.wanted.flatMap(each => (each.kind === 'changed' ? [`${each.peer} ${each.to}`] : []))
  }

  shared(): Report[] {
    return this.wanted.flatMap(each => (each.kind === 'share' ? [each.report] : []))
  }
}

test('down needs most of those who report, and more than half of all members to report', () => {
  const seat = new Seat()
  seat.hear(3_000, a, b, c, d)
  seat.hear(4_500, a, b, c)
  assert.deepEqual(seat.changes(), ['d suspect'])
  seat.report(a, [d])
  assert.equal(healthOf(seat.health, d), 'suspect', 'two of five report')
  seat.report(b, [])
  assert.equal(healthOf(seat.health, d), 'down', 'two of three suspect')
  assert.ok(isSuspectedHere(seat.health, d) && !isSuspectedHere(seat.health, a))
  assert.equal(deadForMs(seat.health, a, 4_500), null)
})

test('unreachable is said only when the others have had time to say more', () => {
  const seat = new Seat()
  seat.hear(3_000, a, b, c, d)
  seat.hear(4_500, a, b, c)
  for (const from of [a, b, c]) seat.report(from, [])
  assert.deepEqual(seat.changes(), ['d suspect'])
  seat.hear(5_500, a, b, c)
  assert.deepEqual(seat.changes(), ['d suspect', 'd unreachable'])
  for (const from of [a, b, c]) seat.report(from, [d])
  assert.deepEqual(seat.changes().at(-1), 'd down')
})

test('it tells whom it suspects at once and every second, and nothing before it can know', () => {
  const seat = new Seat()
  seat.hear(3_000, a, b, c)
  assert.deepEqual(seat.shared(), [], 'one was never heard')
  seat.hear(6_500, a, b, c)
  const reports = seat.shared()
  assert.deepEqual(
    reports.at(-1)?.suspected.map(({ peer }) => peer),
    [d],
  )
  assert.ok(reports.every(({ sequence }, at) => sequence === 1_001 + at))
  const before = seat.shared().length
  seat.hear(10_500, a, b, c)
  const regular = seat.shared().length - before
  assert.ok(regular >= 3 && regular <= 5, `${regular} reports in four seconds`)
  const grown = seat.shared().map(({ suspected }) => suspected[0]?.forMs ?? 0)
  assert.ok(grown.at(-1)! > grown.at(-2)!, 'the suspicion grows older')
})

test('reports that nobody can have made are refused and counted; old, repeated and foreign ones are nothing', () => {
  const seat = new Seat()
  seat.hear(3_000, a, b, c, d)
  seat.report(a, [d, d])
  seat.report(a, [d], { sequence: -1 })
  seat.report(a, [], { suspected: [{ peer: d, forMs: Number.NaN }] })
  const report = { sequence: 90, suspected: [{ peer: d, forMs: 1 }] }
  seat.give(3_000, { kind: 'reportArrived', from: a, report, ageMs: Number.NaN })
  seat.give(3_000, { kind: 'reportArrived', from: a, report, ageMs: -1 })
  assert.equal(seat.health.refused, 5)
  seat.give(3_000, { kind: 'reportArrived', from: a, report, ageMs: healthDefaults.reportMaxAgeMs + 1 })
  seat.give(3_000, { kind: 'reportArrived', from: 'stranger' as PeerId, report, ageMs: 0 })
  seat.give(3_000, { kind: 'reportArrived', from: me, report, ageMs: 0 })
  assert.equal(seat.health.reports.size, 0)
  seat.give(3_000, { kind: 'reportArrived', from: a, report, ageMs: 0 })
  seat.give(3_000, { kind: 'reportArrived', from: a, report: { sequence: 89, suspected: [] }, ageMs: 0 })
  assert.equal(seat.health.reports.get(a)?.suspected.length, 1)
  assert.deepEqual(seat.changes(), [])
})

test('a peer does not speak for itself', () => {
  const seat = new Seat([me, a, b])
  seat.hear(3_000, a, b)
  seat.hear(5_000, a)
  seat.report(b, [])
  assert.equal(healthOf(seat.health, b), 'suspect', 'its own report is none about it')
  seat.report(a, [b])
  assert.equal(healthOf(seat.health, b), 'down')
})

test('who leaves is forgotten, and who joins has a while to begin', () => {
  const seat = new Seat()
  seat.hear(3_000, a, b, c)
  seat.report(a, [d])
  seat.give(3_000, { kind: 'membersChanged', members: [me, b, c, 'e' as PeerId] })
  assert.deepEqual([...seat.health.members.keys()], [b, c, 'e'])
  assert.deepEqual([...seat.health.detector.watches.keys()].sort(), [b, c, 'e'])
  assert.equal(seat.health.reports.size, 0)
  seat.hear(8_500, b, c)
  assert.deepEqual(seat.changes(), [])
  seat.hear(9_500, b, c)
  assert.deepEqual(seat.changes(), ['e suspect'])
  const many = Array.from({ length: membersMax + 1 }, (_, number) => `p${number}` as PeerId)
  assert.throws(() => seat.give(9_500, { kind: 'membersChanged', members: many }))
})

test('a process that boots next to a dead peer learns from the others since when it is dead', () => {
  const seat = new Seat()
  seat.hear(2_000, a, b, c)
  const suspected = [{ peer: d, forMs: 600_000 }]
  for (const from of [a, b, c]) seat.report(from, [], { suspected })
  assert.equal(healthOf(seat.health, d), 'down')
  assert.equal(deadForMs(seat.health, d, seat.nowMs + 1_000), 601_000)
})

test('whatever comes, changes follow each other and everything stays bounded', () => {
  const peers = fc.constantFrom(...members, 'stranger' as PeerId)
  const suspicion = fc.record({ peer: peers, forMs: fc.integer({ min: -1, max: 10_000 }) })
  const input: fc.Arbitrary<HealthInput> = fc.oneof(
    fc.record({ kind: fc.constant('timePassed' as const) }),
    fc.record({ kind: fc.constant('heard' as const), peer: peers }),
    fc.record({ kind: fc.constant('heard' as const), peer: peers }),
    fc.record({
      kind: fc.constant('membersChanged' as const),
      members: fc.subarray(members, { minLength: 1 }),
    }),
    fc.record({
      kind: fc.constant('reportArrived' as const),
      from: peers,
      ageMs: fc.integer({ min: -1, max: 6_000 }),
      report: fc.record({ sequence: fc.nat(20), suspected: fc.array(suspicion, { maxLength: 5 }) }),
    }),
  )
  const gaps = fc.oneof(fc.nat(300), fc.nat(300), fc.nat(300), fc.nat(20_000))
  fc.assert(
    fc.property(fc.array(fc.tuple(gaps, input), { maxLength: 120 }), list => {
      const seat = new Seat()
      const states = new Map<PeerId, string>()
      for (const [gapMs, each] of list) {
        if (each.kind === 'membersChanged')
          for (const peer of states.keys()) if (!each.members.includes(peer)) states.delete(peer)
        for (const effect of seat.give(seat.nowMs + gapMs, each)) {
          if (effect.kind !== 'changed') continue
          assert.equal(effect.from, states.get(effect.peer) ?? 'up')
          assert.notEqual(effect.from, effect.to)
          states.set(effect.peer, effect.to)
        }
        const { health } = seat
        for (const [peer, member] of health.members) {
          assert.equal(member.state, states.get(peer) ?? 'up')
          if (member.state === 'up') assert.equal(isSuspectedHere(health, peer), false)
          assert.ok(member.state !== 'down' || deadForMs(health, peer, seat.nowMs)! >= 0)
        }
        assert.ok(!health.members.has(me) && health.reports.size <= health.members.size)
        assert.deepEqual([...health.detector.watches.keys()].sort(), [...health.members.keys()].sort())
      }
    }),
    { numRuns: 300 },
  )
})
