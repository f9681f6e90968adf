// Goal: a read answers only what a whole quorum reported, and never asks without end (rule 7). Method: one reading
// with scripted reports of three replicas.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { noBallot, type PeerId } from '../../base/ids.ts'
import type { Value } from '../../replication/messages.ts'
import type { Quorum } from '../../replication/quorum.ts'
import {
  askOneMore,
  newReading,
  onReadingAnswer,
  type Reading,
  readingQuestionFor,
} from '../../replication/reading.ts'
import { ballotAt, key, peer, valueAt, versionAt } from './memory-records.ts'

const [a, b, c, d] = [peer('a'), peer('b'), peer('c'), peer('d')] as [PeerId, PeerId, PeerId, PeerId]
const quorum: Quorum = { epoch: 1, groups: [[a, b, c]], targets: [a, b, c] }
let id = 0
const ids = () => ++id
const bare = (at: number): Value => ({ ...valueAt(at), data: null })
const start = () => newReading(key, quorum, [a, b, c], ids())
const report = (reading: Reading, from: PeerId, at: number | null, value: Value | null) =>
  onReadingAnswer(
    reading,
    from,
    {
      kind: 'report',
      id: reading.id,
      key,
      accepted: at === null ? noBallot : ballotAt(at),
      value,
      gcFloor: noBallot,
    },
    ids,
  )

test('two equal reports of three are an answer, the bytes come from one of them', () => {
  const reading = start()
  assert.equal(readingQuestionFor(reading, c), null, 'the third is not bothered')
  assert.equal(report(reading, a, 5, valueAt(5)), null)
  const end = report(reading, b, 5, bare(5))
  assert.ok(end?.kind === 'read' && end.value?.data !== null && end.value?.version === versionAt(5))
})

test('two absent reports are an answer', () => {
  const reading = start()
  report(reading, a, null, null)
  const end = report(reading, b, null, null)
  assert.ok(end?.kind === 'read' && end.value === null)
})

test('when two disagree the third is asked; an older ballot on a whole quorum answers, the newer one may be a stray', () => {
  const reading = start()
  report(reading, a, 7, valueAt(7))
  assert.equal(report(reading, b, 5, bare(5)), null)
  assert.ok(readingQuestionFor(reading, c) !== null)
  assert.equal(report(reading, c, 5, bare(5)), null, 'the bytes are still missing')
  const holder = [b, c].find(each => readingQuestionFor(reading, each) !== null)!
  const end = report(reading, holder, 5, valueAt(5))
  assert.ok(end?.kind === 'read' && end.value?.version === versionAt(5))
})

test('when all disagree the highest is replayed at its own ballot, and counts where it was granted', () => {
  const reading = start()
  report(reading, a, 7, valueAt(7))
  report(reading, b, 5, bare(5))
  assert.equal(report(reading, c, null, null), null)
  const question = readingQuestionFor(reading, b)
  assert.ok(question?.kind === 'accept' && question.ballot === ballotAt(7) && question.next === noBallot)
  const end = onReadingAnswer(
    reading,
    b,
    { kind: 'accepted', id: reading.id, granted: true, nextGranted: false, promised: ballotAt(7) },
    ids,
  )
  assert.ok(end?.kind === 'read' && end.value?.version === versionAt(7))
})

test('a replay that a promise refuses needs a full round', () => {
  const reading = start()
  report(reading, a, 7, valueAt(7))
  report(reading, b, 5, bare(5))
  report(reading, c, null, null)
  const end = onReadingAnswer(
    reading,
    c,
    { kind: 'accepted', id: reading.id, granted: false, nextGranted: false, promised: ballotAt(9) },
    ids,
  )
  assert.equal(end?.kind, 'roundNeeded')
})

test('replicas whose bytes are damaged are asked for them twice at most', () => {
  const reading = start()
  const asked = new Map<PeerId, number>()
  let end = null
  for (let step = 0; step < 50 && end === null; step++) {
    const from = [a, b, c].find(each => readingQuestionFor(reading, each) !== null)
    if (from === undefined) {
      if (!askOneMore(reading)) break
      continue
    }
    asked.set(from, (asked.get(from) ?? 0) + 1)
    end = report(reading, from, 5, bare(5))
  }
  assert.equal(end?.kind, 'roundNeeded')
  for (const times of asked.values()) assert.ok(times <= 2)
})

test('where so many refuse that no quorum is left, a round goes on asking', () => {
  const joint: Quorum = { epoch: 3, groups: [[a], [b, c, d]], targets: [a, b, c, d] }
  const reading = newReading(key, joint, [a, b, c, d], ids())
  report(reading, a, 5, valueAt(5))
  const refuse = (from: PeerId) =>
    onReadingAnswer(reading, from, { kind: 'refused', id: reading.id, epoch: 3, reason: 'notOwner' }, ids)
  assert.equal(refuse(b), null, 'the other two are enough')
  assert.deepEqual(refuse(c), { kind: 'roundNeeded' })
})
