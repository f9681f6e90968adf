// Goal: a replica keeps rules 1, 2, 3 and 8 of the protocol, restarts and damage included. Method: questions to
// one acceptor over records in memory, with a restart that keeps the records and forgets everything else.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hlcMs } from '../../base/hlc.ts'
import { noBallot } from '../../base/ids.ts'
import { isWhole } from '../../replication/acceptor.ts'
import { defaultLimits } from '../../replication/limits.ts'
import { boundDamage, markDamaged, markWhole, noFloors } from '../../replication/partition-state.ts'
import { considerBackfill } from '../../replication/versions.ts'
import { ballotAt, key, place, Replica, valueAt, versionAt, wallMs } from './memory-records.ts'

const granted = (reply: object): boolean => 'granted' in reply && reply.granted === true

test('rule 1: a prepare is granted only above every promise and every accepted ballot', () => {
  const replica = new Replica()
  assert.ok(granted(replica.prepare(ballotAt(5))))
  assert.ok(!granted(replica.prepare(ballotAt(5))), 'the same ballot twice')
  assert.ok(!granted(replica.prepare(ballotAt(4))), 'a lower one')
  assert.ok(granted(replica.accept(ballotAt(5), valueAt(5))))
  const refusal = replica.prepare(ballotAt(5))
  assert.ok(refusal.kind === 'promise' && !refusal.granted && refusal.promised === ballotAt(5))
})

test('rule 2: an accept below the promise is refused, at or above it is kept with its version', () => {
  const replica = new Replica()
  replica.prepare(ballotAt(5))
  assert.ok(!granted(replica.accept(ballotAt(4), valueAt(4))))
  assert.ok(granted(replica.accept(ballotAt(5), valueAt(5))))
  assert.ok(granted(replica.accept(ballotAt(7), valueAt(7, { parent: versionAt(5) }))))
  assert.ok(!granted(replica.accept(ballotAt(6), valueAt(6))))
  assert.equal(replica.records.versions.size, 2, 'both versions stay as history')
  const report = replica.query()
  assert.ok(report.kind === 'report' && report.value?.version === versionAt(7) && report.value.data !== null)
})

test('rule 2: `next` is promised only while the accept is granted, and a repeated accept says so truly', () => {
  const replica = new Replica()
  const first = replica.accept(ballotAt(5), valueAt(5), ballotAt(6))
  assert.ok(first.kind === 'accepted' && first.granted && first.nextGranted)
  assert.ok(!granted(replica.prepare(ballotAt(6))), 'the next ballot is taken')
  assert.ok(granted(replica.prepare(ballotAt(9))))
  const again = replica.accept(ballotAt(5), valueAt(5), ballotAt(6))
  assert.ok(again.kind === 'accepted' && again.granted && !again.nextGranted, 'a higher promise stands now')
  const other = replica.accept(ballotAt(5), valueAt(8))
  assert.equal(other.kind, 'refused', 'never two values at one ballot (rule 5)')
})

test('rule 3: after a restart every key counts as promised at the ceiling', () => {
  const replica = new Replica()
  replica.prepare(ballotAt(5))
  const stored = replica.records.partition(place.partition)
  assert.ok(stored !== null && stored !== 'damaged' && stored.ceiling >= ballotAt(5))
  assert.ok(hlcMs(stored.ceiling) <= wallMs + defaultLimits.ballotDriftMaxMs / 2)
  replica.restart()
  assert.ok(!granted(replica.accept(ballotAt(4), valueAt(4))), 'a lower ballot slips in after the restart')
  assert.ok(!granted(replica.prepare(ballotAt(6))), 'below the ceiling')
  const later = wallMs + defaultLimits.ballotDriftMaxMs
  assert.ok(granted(replica.prepare(ballotAt(defaultLimits.ceilingReserveMs + 1), later)))
})

test('rule 3: a boot by itself adds nothing to the ceiling', () => {
  const replica = new Replica()
  replica.prepare(ballotAt(5))
  const before = replica.records.partition(place.partition)
  for (let boot = 0; boot < 20; boot++) {
    replica.restart()
    replica.prepare(ballotAt(6))
  }
  assert.deepEqual(replica.records.partition(place.partition), before)
})

test('a ballot far ahead of the clock is refused and changes nothing', () => {
  const replica = new Replica()
  const reply = replica.prepare(ballotAt(defaultLimits.ballotDriftMaxMs + 1))
  assert.ok(reply.kind === 'refused' && reply.reason === 'drift')
  assert.equal(replica.records.partitions.size, 0)
})

test('another epoch or another owner is told so', () => {
  const replica = new Replica()
  const stale = replica.ask({ kind: 'query', id: 1, epoch: 0, key, withData: false }).reply
  const ahead = replica.ask({ kind: 'query', id: 1, epoch: 2, key, withData: false }).reply
  assert.ok(stale.kind === 'refused' && stale.reason === 'stale')
  assert.ok(ahead.kind === 'refused' && ahead.reason === 'ahead')
})

test('a damaged head is answered `damaged`, votes in nothing, and is healed only above the ceiling', () => {
  const replica = new Replica()
  replica.accept(ballotAt(5), valueAt(5))
  replica.records.heads.set(key, 'damaged')
  replica.restart()
  for (const reply of [replica.query(), replica.prepare(ballotAt(6))]) {
    assert.ok(reply.kind === 'refused' && reply.reason === 'damaged')
  }
  assert.ok(!granted(replica.accept(ballotAt(5), valueAt(5))), 'it may have accepted something higher')
  const above = ballotAt(defaultLimits.ceilingReserveMs + 1)
  const later = wallMs + defaultLimits.ballotDriftMaxMs
  assert.ok(granted(replica.accept(above, valueAt(5), noBallot, later)))
  assert.ok(isWhole(replica.acceptor, key, place, later))
})

test('a version whose bytes are damaged is told without them and written anew by a repeated accept', () => {
  const replica = new Replica()
  replica.accept(ballotAt(5), valueAt(5))
  replica.records.versions.set(key + versionAt(5), 'damaged')
  const considered = replica.ask({ kind: 'query', id: 1, epoch: 1, key, withData: true })
  assert.ok(considered.damaged && considered.reply.kind === 'report' && considered.reply.value?.data === null)
  const vote = replica.prepare(ballotAt(6))
  assert.ok(
    vote.kind === 'refused' && vote.reason === 'damaged',
    'a vote for what nobody can write back would block the key for ever (seed 1183 of the simulator)',
  )
  assert.ok(granted(replica.accept(ballotAt(5), valueAt(5))))
  assert.ok(isWhole(replica.acceptor, key, place, wallMs))
})

test('a damaged partition answers `damaged` for every key until it is whole, absent ones included', () => {
  const replica = new Replica()
  replica.accept(ballotAt(5), valueAt(5))
  replica.records.save([markDamaged(replica.acceptor, place, wallMs)])
  assert.ok(replica.query().kind === 'refused')
  replica.restart()
  assert.ok(replica.query().kind === 'refused', 'the mark is durable')
  replica.records.save([markWhole(replica.acceptor, place, noFloors, wallMs)])
  assert.ok(replica.query().kind === 'report')
})

test('in a damaged partition an old record counts for nothing, even when the clock ran backwards since', () => {
  const replica = new Replica()
  replica.accept(ballotAt(5), valueAt(5))
  replica.restart()
  const hourAgo = wallMs - 3_600_000
  // The tail that is gone held the ceiling and a newer accept.
  replica.records.partitions.clear()
  replica.records.save([markDamaged(replica.acceptor, place, hourAgo)])
  assert.equal(
    replica.query().kind,
    'refused',
    'what it still has may be older than what it lost (seed 4028)',
  )
  assert.ok(!granted(replica.accept(ballotAt(9), valueAt(9))), 'the others may have met something higher')
  replica.records.save([boundDamage(replica.acceptor, place, ballotAt(8), hourAgo)])
  assert.ok(!granted(replica.accept(ballotAt(4), valueAt(4))), 'below what it can still read')
  assert.ok(
    !granted(replica.accept(ballotAt(8), valueAt(8))),
    'below what the others have met (seed 3016464)',
  )
  assert.ok(granted(replica.accept(ballotAt(9), valueAt(9))))
  assert.equal(replica.query().kind, 'report', 'accepted anew, it counts')
  replica.restart()
  assert.equal(replica.query().kind, 'refused', 'and after a restart it is read back once more')
})

test('rule 8: a replay that comes too late changes no value but leaves its version to the history', () => {
  const replica = new Replica()
  replica.accept(ballotAt(9), valueAt(9, { parent: versionAt(5) }))
  const { reply } = replica.ask({
    kind: 'replay',
    id: 1,
    epoch: 1,
    key,
    ballot: ballotAt(5),
    value: valueAt(5),
  })
  assert.ok(!granted(reply))
  assert.ok(replica.records.version(key, versionAt(5)) !== null)
  const report = replica.query()
  assert.ok(report.kind === 'report' && report.accepted === ballotAt(9))
  const missing = considerBackfill(replica.acceptor.records, {
    kind: 'backfill',
    id: 2,
    key,
    record: valueAt(5),
  })
  assert.equal(missing.changes.length, 0, 'what is here is not written twice')
})

test('forgetting promises counts as a restart: none is ever taken back', () => {
  const replica = new Replica()
  const keyAt = (n: number) => n.toString(16).padStart(64, '0') as typeof key
  for (let n = 0; n <= defaultLimits.promisesMax; n++) {
    replica.ask({ kind: 'prepare', id: 1, epoch: 1, key: keyAt(n), ballot: ballotAt(50), withData: false })
  }
  const low = replica.ask({
    kind: 'accept',
    id: 1,
    epoch: 1,
    key: keyAt(7),
    ballot: ballotAt(10),
    value: valueAt(10),
    next: noBallot,
  })
  assert.ok(!granted(low.reply))
})
