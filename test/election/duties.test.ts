// Goal: duties are run when they are due, one run at a time, from the recorded state, and obey operators and leases.
// Method: the machine moved by hand, one duty at a time.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PeerId } from '../../base/ids.ts'
import { listDuties, newDuties } from '../../election/duties.ts'
import { decodeDuty, encodeDuty, stateBytesMax } from '../../election/duty-record.ts'
import { asksMax, peersMax, registeredMax } from '../../election/duty-state.ts'
import { DutySeat, leading, peerIds, recorded, rounds, wallStartMs } from './duty-seat.ts'
import { versionOf } from './seat.ts'

const bytes = (...values: number[]) => new Uint8Array(values)
const recordOf = (seat: DutySeat) => decodeDuty(seat.last('save').data)!

test('a leader reads, writes its token, runs, records, and runs again after the interval', () => {
  const seat = new DutySeat(leading)
  assert.equal(seat.wakeMs, Number.POSITIVE_INFINITY)
  seat.lead(100, 7, null)
  assert.equal(seat.count('run'), 0)
  assert.equal(recordOf(seat).token, 7)
  assert.equal(seat.last('save').expected, null)
  seat.saved(110)
  const first = { kind: 'run', name: 'repair', token: 7, run: 1, state: bytes(), timeoutMs: 5_000 } as const
  assert.deepEqual(seat.last('run'), first)
  seat.ended(300, 'done', bytes(1, 2))
  const { runs, lastRunMs, lastOutcome, state } = recordOf(seat)
  assert.deepEqual([runs, lastRunMs, lastOutcome, [...state]], [1, wallStartMs + 300, 'done', [1, 2]])
  seat.saved(320)
  assert.equal(seat.wakeMs, 60_300)
  seat.give(60_299)
  assert.equal(seat.count('run'), 1)
  seat.give(60_300)
  assert.deepEqual(seat.last('run'), { ...first, run: 2, state: bytes(1, 2) })
  assert.equal(seat.count('save'), 2, 'its token is there already')
})

test('the next leader goes on from the record: state, time and failures', () => {
  const seat = new DutySeat(leading)
  const lastRunMs = wallStartMs - 20_000
  seat.lead(0, 2, recorded({ runs: 5, lastOutcome: 'done', lastRunMs, state: bytes(9) }))
  assert.equal(seat.wakeMs, 40_000)
  assert.equal(seat.count('save'), 0, 'nothing is written before there is something to do')
  seat.give(40_000)
  seat.saved(40_010)
  assert.equal(seat.last('run').run, 6)
  assert.deepEqual(seat.last('run').state, bytes(9))

  const failing = new DutySeat(leading)
  failing.lead(0, 2, recorded({ runs: 5, lastOutcome: 'failed', failures: 4, lastRunMs: wallStartMs }))
  assert.equal(failing.wakeMs, 8_000)
})

test('a former leader whose clock was wrong delays nothing for long', () => {
  for (const [aheadMs, dueMs] of [
    [1_000, 60_000],
    [3_600_000, 100],
    [-3_600_000, 100],
  ] as const) {
    const seat = new DutySeat(leading)
    seat.give(99, { kind: 'elected', token: 2 })
    const ran = recorded({ runs: 1, lastOutcome: 'done', lastRunMs: wallStartMs + 100 + aheadMs })
    seat.loaded(100, ran)
    if (dueMs === 100) assert.equal(seat.count('save'), 1)
    else assert.equal(seat.wakeMs, dueMs + 100)
  }
})

test('failures are tried again later and later, with jitter', () => {
  const seat = new DutySeat(leading)
  seat.lead(0, 1, null)
  seat.saved(0)
  let atMs = 0
  const waits: number[] = []
  for (let failure = 0; failure < 9; failure++) {
    seat.ended(atMs, 'failed')
    seat.saved(atMs)
    waits.push(seat.wakeMs - atMs)
    atMs = seat.wakeMs
    seat.give(atMs)
  }
  assert.deepEqual(waits, [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000])
  seat.ended(atMs, 'done')
  assert.equal(recordOf(seat).failures, 0)
})

test('a duty that wants to go on does so soon, from where it came to', () => {
  const seat = new DutySeat(leading)
  seat.lead(0, 1, null)
  seat.saved(0)
  seat.ended(10, 'more', bytes(1))
  seat.saved(20)
  assert.equal(seat.wakeMs, 60)
  seat.give(60)
  assert.deepEqual(seat.last('run').state, bytes(1))
})

test('no run begins before the end of the last is recorded, however long that takes', () => {
  const seat = new DutySeat(leading)
  seat.lead(0, 1, null)
  seat.saved(0)
  seat.ended(10, 'more', bytes(1))
  // No answer: it may have been carried out. A read settles it.
  seat.give(2_010)
  seat.give(seat.wakeMs)
  seat.loaded(3_000, recorded({ runs: 0 }))
  assert.equal(seat.count('run'), 1)
  assert.deepEqual([recordOf(seat).runs, recordOf(seat).state], [1, bytes(1)])
  seat.saved(3_010, { kind: 'unknown' })
  seat.give(seat.wakeMs)
  seat.loaded(3_500, recorded({ runs: 1, lastOutcome: 'more', state: bytes(1) }))
  assert.equal(seat.count('run'), 2)
})

test('a run that ends under an old token, of another number, or told by a stranger changes nothing', () => {
  const seat = new DutySeat(leading)
  seat.lead(0, 1, null)
  seat.saved(0)
  const { name, run } = seat.last('run')
  const end = { kind: 'runEnded', name, run, outcome: 'done', peer: null } as const
  seat.give(5, { kind: 'deposed' })
  assert.deepEqual(seat.last('stop'), { kind: 'stop', name, token: 1, run })
  assert.deepEqual(seat.give(6, { ...end, token: 1 }), [])
  seat.lead(10, 3, recorded({}))
  seat.saved(12)
  assert.equal(seat.last('run').token, 3)
  const saves = seat.count('save')
  seat.give(13, { ...end, token: 1 })
  seat.give(14, { ...end, token: 3, run: 2 })
  seat.give(15, { ...end, token: 3, peer: 'b' as PeerId })
  assert.equal(seat.count('save'), saves)
  seat.give(16, { ...end, token: 3 })
  assert.equal(seat.count('save'), saves + 1)
})

test('a higher token in the record ends what this leader does', () => {
  const seat = new DutySeat(leading)
  seat.lead(0, 2, null)
  seat.saved(0)
  seat.ended(5, 'done')
  seat.saved(6, { kind: 'conflict' })
  seat.loaded(7, recorded({ token: 3 }))
  assert.equal(listDuties(seat.duties)[0]?.phase, 'outranked')
  assert.equal(seat.wakeMs, Number.POSITIVE_INFINITY)
  seat.give(8, { kind: 'pauseAsked', request: 1, name: 'repair' })
  assert.deepEqual(seat.last('answered'), { kind: 'answered', request: 1, outcome: 'unsettled' })
  assert.equal(seat.count('save'), 2)
})

test('a pause is told to be done when it is recorded, stops the run, and binds the next leader', () => {
  const seat = new DutySeat(leading)
  seat.lead(0, 1, null)
  seat.saved(0)
  seat.give(5, { kind: 'pauseAsked', request: 1, name: 'repair' })
  assert.equal(seat.last('stop').run, 1)
  assert.equal(seat.count('answered'), 0)
  assert.equal(recordOf(seat).paused, true)
  seat.saved(10)
  assert.deepEqual(seat.last('answered'), { kind: 'answered', request: 1, outcome: 'done' })
  seat.ended(20, 'stopped', bytes(4))
  assert.deepEqual([recordOf(seat).paused, recordOf(seat).state], [true, bytes(4)])
  seat.saved(21)
  assert.equal(seat.wakeMs, Number.POSITIVE_INFINITY)
  seat.give(22, { kind: 'runAsked', request: 2, name: 'repair' })
  assert.deepEqual(seat.last('answered'), { kind: 'answered', request: 2, outcome: 'paused' })

  const next = new DutySeat(leading)
  next.lead(0, 2, recordOf(seat))
  next.give(600_000)
  assert.equal(next.count('run') + next.count('save'), 0)
  next.give(600_001, { kind: 'resumeAsked', request: 3, name: 'repair' })
  next.saved(600_002)
  assert.deepEqual(next.last('run').state, bytes(4))
})

test('a wish is answered once, by whom it can be', () => {
  const seat = new DutySeat(leading)
  const answers = () =>
    seat.wanted.flatMap(each => (each.kind === 'answered' ? [`${each.request} ${each.outcome}`] : []))
  seat.give(0, { kind: 'pauseAsked', request: 1, name: 'repair' })
  seat.lead(1, 1, null)
  seat.saved(2)
  seat.give(3, { kind: 'runAsked', request: 2, name: 'nothing' })
  seat.give(3, { kind: 'runAsked', request: 3, name: 'repair' })
  seat.ended(4, 'done')
  seat.saved(5)
  seat.give(6, { kind: 'runAsked', request: 4, name: 'repair' })
  assert.equal(seat.count('run'), 2, 'before it is due')
  seat.give(7, { kind: 'pauseAsked', request: 5, name: 'repair' })
  seat.give(7, { kind: 'resumeAsked', request: 6, name: 'repair' })
  seat.give(8, { kind: 'deposed' })
  assert.deepEqual(answers(), [
    '1 notLeader',
    '2 noSuchDuty',
    '3 running',
    '4 started',
    '5 superseded',
    '6 unsettled',
  ])
})

test('a run here is told to stop after its time; if it does not, its leader has to go', () => {
  const seat = new DutySeat(leading)
  seat.lead(0, 1, null)
  seat.saved(0)
  seat.give(5_000)
  assert.equal(seat.count('stop'), 1)
  seat.give(14_999)
  assert.equal(seat.count('stepDown'), 0)
  seat.give(15_000)
  assert.deepEqual(seat.last('stepDown'), { kind: 'stepDown', name: 'repair', token: 1 })
  assert.equal(seat.wakeMs, Number.POSITIVE_INFINITY)
  assert.equal(seat.count('run'), 1)
  seat.ended(15_001, 'stopped', bytes(1))
  assert.deepEqual([recordOf(seat).lastOutcome, recordOf(seat).failures], ['timedOut', 1])
})

test('a round goes over the peers one after the other, and comes back after the interval', () => {
  const seat = new DutySeat(rounds)
  seat.lead(0, 1, null)
  seat.saved(0)
  let atMs = 0
  for (const [turn, peer] of peerIds.entries()) {
    assert.equal(seat.last('runAt').peer, peer)
    assert.equal(seat.count('runAt'), turn + 1)
    seat.ended(++atMs, 'done', bytes(1))
    assert.equal(recordOf(seat).cursor, turn === 2 ? null : peer)
    assert.deepEqual(recordOf(seat).state, bytes(), 'a state is of one turn')
    seat.saved(++atMs)
    if (turn === 2) break
    atMs = seat.wakeMs
    seat.give(atMs)
  }
  assert.equal(seat.wakeMs, atMs - 1 + 60_000)
})

test('a turn that is not over goes on with the same peer, under another leader too', () => {
  const seat = new DutySeat(rounds)
  const midTurn = { name: 'compaction', cursor: peerIds[1]!, isMidTurn: true, state: bytes(3) }
  const ran = recorded({ ...midTurn, runs: 4, lastOutcome: 'more', lastRunMs: wallStartMs })
  seat.lead(0, 2, ran)
  seat.give(50)
  seat.saved(51)
  assert.deepEqual([seat.last('runAt').peer, seat.last('runAt').state], ['b', bytes(3)])
  // Its peer left: the next one begins anew.
  const other = new DutySeat(rounds)
  other.give(0, { kind: 'peersChanged', peers: ['d', 'a'] as PeerId[] })
  other.lead(0, 2, ran)
  other.give(50)
  other.saved(51)
  assert.deepEqual([other.last('runAt').peer, other.last('runAt').state], ['d', bytes()])
})

test('a peer that does not answer is told to stop and loses its turn', () => {
  const seat = new DutySeat(rounds)
  seat.lead(0, 1, null)
  seat.saved(0)
  seat.give(5_000)
  assert.deepEqual(seat.last('stopAt'), { kind: 'stopAt', peer: 'a', name: 'compaction', token: 1, run: 1 })
  assert.deepEqual([recordOf(seat).cursor, recordOf(seat).lastOutcome], ['a', 'timedOut'])
  seat.saved(5_001)
  seat.give(seat.wakeMs)
  assert.equal(seat.last('runAt').peer, 'b')
})

test('a state that is too large is a failure of its run', () => {
  const seat = new DutySeat(leading)
  seat.lead(0, 1, null)
  seat.saved(0)
  seat.ended(1, 'done', new Uint8Array(stateBytesMax + 1))
  assert.deepEqual([recordOf(seat).lastOutcome, recordOf(seat).state], ['failed', bytes()])
})

test('a record of a format to come, or of another duty, is left alone and read again', () => {
  const odd = [encodeDuty(recorded({})).with(0, 2), encodeDuty(recorded({ name: 'other' }))]
  for (const data of odd) {
    const seat = new DutySeat(leading)
    seat.give(0, { kind: 'elected', token: 2 })
    const { name, call } = seat.last('load')
    const outcome = { kind: 'found', version: versionOf(1), data } as const
    seat.give(1, { kind: 'dutyLoaded', name, call, outcome })
    assert.equal(listDuties(seat.duties)[0]?.phase, 'unreadable')
    seat.give(2, { kind: 'runAsked', request: 1, name })
    assert.deepEqual(seat.last('answered'), { kind: 'answered', request: 1, outcome: 'unreadable' })
    assert.equal(seat.wakeMs, 60_001)
    seat.give(60_001)
    seat.loaded(60_002, recorded({}))
    seat.saved(60_003)
    assert.equal(seat.count('run'), 1)
  }
})

test('registers that cannot be reached are asked again, more and more rarely', () => {
  const seat = new DutySeat(leading)
  seat.give(0, { kind: 'elected', token: 1 })
  let atMs = 0
  for (let miss = 0; miss < 12; miss++) {
    const { name, call } = seat.last('load')
    seat.give(atMs, { kind: 'dutyLoaded', name, call, outcome: { kind: 'unreached' } })
    atMs = seat.wakeMs
    seat.give(atMs)
  }
  assert.equal(seat.count('load'), 13)
  assert.ok(atMs > 30_000 && atMs < 60_000)
})

test('everything has its bound', () => {
  const many = Array.from({ length: registeredMax + 1 }, (_, number) => ({
    ...leading,
    name: `duty-${number}`,
  }))
  assert.throws(() => newDuties(many))
  assert.equal(newDuties(many.slice(1)).specs.length, registeredMax)
  assert.throws(() => newDuties([leading, leading]))
  assert.throws(() => newDuties([{ ...leading, name: 'No Name' }]))
  assert.throws(() => newDuties([{ ...leading, intervalMs: 0 }]))
  assert.throws(() => newDuties([{ ...leading, timeoutMs: Number.NaN }]))
  const seat = new DutySeat(leading)
  const peers = Array.from({ length: peersMax + 1 }, (_, number) => `p${number}` as PeerId)
  assert.throws(() => seat.give(0, { kind: 'peersChanged', peers }))
  seat.give(0, { kind: 'elected', token: 1 })
  assert.throws(() => seat.give(1, { kind: 'elected', token: 1 }), 'a token is given once')
  for (let request = 0; request <= asksMax; request++)
    seat.give(1, { kind: 'pauseAsked', request, name: 'repair' })
  assert.deepEqual(seat.last('answered'), { kind: 'answered', request: asksMax, outcome: 'busy' })
})
