// Goal: a peer knows the time as soon as a majority of its fleet agrees on it, whatever view it starts with, and not
// before. Method: the clock of one process, told by others by hand.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FleetId, PeerId } from '../../base/ids.ts'
import { sha256Hex } from '../../crypto/digest.ts'
import { initialView } from '../../dht/view.ts'
import { FleetClock } from '../../node/driver/fleet-clock.ts'
import { defaultLimits } from '../../replication/limits.ts'
import type { key } from '../replication/memory-records.ts'

const nowMs = 1_800_000_000_000
const aheadMs = 2_700_000

function clockOf(members: readonly string[], replicas: number) {
  const time = { wallMs: nowMs + aheadMs, monotonicMs: 5 }
  const own = { wallMs: () => time.wallMs, monotonicMs: () => time.monotonicMs }
  const view = initialView({
    fleet: 'f'.repeat(64) as FleetId,
    members: members.map(name => ({ id: name as PeerId, name, weight: 1, zone: name })),
    replicas,
    partitionCount: 4,
    hash: text => sha256Hex(text) as string as typeof key,
  })
  const clock = new FleetClock({
    own: { ...own, at: () => () => undefined, soon: () => undefined },
    self: 'a' as PeerId,
    view: () => view,
    ...defaultLimits,
  })
  const tell = (by: string, wallMs: number, count = members.length, epoch = 1) =>
    clock.told(by as PeerId, { kind: 'clockTold', wallMs, epoch, members: count })
  return { clock, tell, time }
}

test('a majority that agrees is enough, one that is apart is not', () => {
  const { clock, tell } = clockOf(['a', 'b', 'c', 'd', 'e'], 3)
  tell('b', nowMs)
  tell('c', nowMs + 20_000)
  assert.equal(clock.isKnown, false)
  assert.throws(() => clock.wallMs(), { code: 'QUORUM_UNREACHED' })
  tell('d', nowMs + 1_000)
  assert.equal(clock.isKnown, false)
  tell('e', nowMs + 2_000)
  assert.equal(clock.isKnown, true)
  // The median is that of e.
  assert.equal(clock.wallMs(), nowMs + 2_000 + defaultLimits.ballotDriftMaxMs / 2)
})

test('a view of long ago does not keep a peer from taking part', () => {
  const { clock, tell } = clockOf(['a', 'b', 'c', 'd', 'e', 'f'], 3)
  tell('g', nowMs, 3, 40)
  tell('h', nowMs, 3, 40)
  assert.equal(clock.isKnown, true)
  assert.equal(clock.wallMs(), nowMs + defaultLimits.ballotDriftMaxMs / 2)
})

test('what was agreed on goes on while the clocks that are known are apart', () => {
  const { clock, tell, time } = clockOf(['a', 'b', 'c', 'd', 'e'], 3)
  time.wallMs = nowMs
  const pass = (ms: number) => {
    time.wallMs += ms
    time.monotonicMs += ms
  }
  tell('b', nowMs)
  tell('c', nowMs)
  assert.equal(clock.wallMs(), nowMs)
  // Two of five jump, which is a minority of the members and most of those that this peer knows.
  tell('b', nowMs + aheadMs)
  time.wallMs += aheadMs
  pass(1_000)
  assert.equal(clock.wallMs(), nowMs + 1_000 + defaultLimits.ballotDriftMaxMs / 2)
  pass(60_000)
  assert.equal(clock.wallMs(), nowMs + 61_000 + defaultLimits.ballotDriftMaxMs / 2)
  // A majority agrees anew: a second later than this peer had thought.
  for (const by of ['c', 'd', 'e']) tell(by, nowMs + 62_000)
  pass(1_000)
  assert.equal(clock.wallMs(), nowMs + 63_000 + defaultLimits.ballotDriftMaxMs / 2)
})

test('after a while less than a majority will do, but not nobody', () => {
  const alone = clockOf(['a', 'b', 'c'], 3)
  alone.time.monotonicMs += 3_600_000
  assert.equal(alone.clock.isKnown, false)
  const few = clockOf(['a', 'b', 'c', 'd', 'e'], 3)
  few.tell('b', nowMs)
  assert.equal(few.clock.isKnown, false)
  few.time.monotonicMs += 30_000
  assert.equal(few.clock.isKnown, true)
  const single = clockOf(['a', 'b', 'c'], 1)
  single.time.monotonicMs += 30_000
  assert.equal(single.clock.isKnown, true)
})
