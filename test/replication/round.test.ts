// Goal: a round never sends what replicas must refuse, and its cached ballot answers only what it may (rules 4 to 6).
// Method: one round with scripted answers of three replicas.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { noBallot, type PeerId } from '../../base/ids.ts'
import type { Value, WriteOperation } from '../../replication/messages.ts'
import type { Quorum } from '../../replication/quorum.ts'
import { newRound, onAnswer, questionFor, type Round, startRound } from '../../replication/round.ts'
import { ballotAt, key, peer, valueAt, versionAt, wallMs, writeAt } from './memory-records.ts'

const [a, b, c] = [peer('a'), peer('b'), peer('c')] as [PeerId, PeerId, PeerId]
const quorum: Quorum = { epoch: 1, groups: [[a, b, c]], targets: [a, b, c] }
let id = 0
const ids = () => ++id

const start = (operation: WriteOperation, cached: Value | null, retried = false) => {
  const round = newRound(
    key,
    { kind: 'write', operation, retried },
    quorum,
    ballotAt(50),
    ballotAt(51),
    false,
  )
  const entry = cached ? { epoch: 1, ballot: ballotAt(50), value: { ...cached, data: null } } : null
  return { round, end: startRound(round, entry, ids, wallMs) }
}

const promise = (round: Round, from: PeerId, accepted: ReturnType<typeof ballotAt>, value: Value | null) =>
  onAnswer(
    round,
    from,
    {
      kind: 'promise',
      id: round.id,
      key,
      granted: true,
      promised: round.ballot,
      accepted,
      value,
      gcFloor: noBallot,
    },
    ids,
    wallMs,
  )

test('a refusal that must be recorded is never sent from the cache, which has no bytes', () => {
  const { round, end } = start(writeAt(9, 'any', versionAt(4)), valueAt(5), true)
  assert.equal(end, null)
  assert.equal(questionFor(round, a)?.kind, 'prepare')
})

test('a fresh write on a granted ballot goes out as an accept at once', () => {
  const { round } = start(writeAt(9, 'any', versionAt(5)), valueAt(5))
  const question = questionFor(round, a)
  assert.ok(
    question?.kind === 'accept' && question.value.parent === versionAt(5) && question.next === ballotAt(51),
  )
})

test('a failed precondition is not answered from the cache (rule 6), nor from a quorum that disagrees (rule 4)', () => {
  const { round, end } = start(writeAt(9, 'none', versionAt(5)), valueAt(5))
  assert.equal(end, null)
  assert.equal(questionFor(round, a)?.kind, 'prepare')
  assert.equal(promise(round, a, ballotAt(5), valueAt(5)), null)
  assert.equal(
    promise(round, b, noBallot, null),
    null,
    'two replicas disagree: the value is written back first',
  )
  assert.equal(questionFor(round, a)?.kind, 'accept')
})

test('a write follows only what a majority holds: the bytes of its parent are history (seed 632 of the simulator)', () => {
  const { round } = start(writeAt(9, 'any', versionAt(5)), null)
  promise(round, a, ballotAt(5), valueAt(5))
  promise(round, b, noBallot, null)
  const question = questionFor(round, b)
  assert.ok(question?.kind === 'accept' && question.value.version === versionAt(5), 'the parent goes first')
  const accepted = (from: PeerId) =>
    onAnswer(
      round,
      from,
      { kind: 'accepted', id: round.id, granted: true, nextGranted: true, promised: ballotAt(51) },
      ids,
      wallMs,
    )
  assert.equal(accepted(a), null)
  const end = accepted(b)
  assert.ok(end?.kind === 'settled' && end.cached?.ballot === ballotAt(51))
  assert.ok(!round.accepting, 'the write itself was not proposed yet')
})

test('a whole quorum with one ballot answers a failed precondition at once', () => {
  const { round } = start(writeAt(9, 'none', versionAt(5)), null)
  assert.equal(promise(round, a, ballotAt(5), valueAt(5)), null)
  const end = promise(round, b, ballotAt(5), valueAt(5))
  assert.ok(end?.kind === 'answered' && end.answer === 'conflict' && !end.chosen)
})

test('a lost accept burns the ballot and says that it may have been carried out (rule 5)', () => {
  const { round } = start(writeAt(9, 'any', versionAt(5)), valueAt(5))
  const refuse = (from: PeerId) =>
    onAnswer(
      round,
      from,
      { kind: 'accepted', id: round.id, granted: false, nextGranted: false, promised: ballotAt(70) },
      ids,
      wallMs,
    )
  assert.equal(refuse(a), null)
  const end = refuse(b)
  assert.ok(end?.kind === 'lost' && end.accepting && end.obstacle === ballotAt(70))
})

test('an answer about another key counts for nothing', () => {
  const { round } = start(writeAt(9, 'any', null), null)
  const other = 'b'.repeat(64) as typeof key
  const message = {
    kind: 'promise',
    id: round.id,
    key: other,
    granted: true,
    promised: round.ballot,
    accepted: noBallot,
    value: null,
    gcFloor: noBallot,
  } as const
  assert.equal(onAnswer(round, a, message, ids, wallMs), null)
  assert.equal(round.promises.size, 0)
})
