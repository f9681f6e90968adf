// Goal: a read that no quorum agrees on ends in one full round, a history's too. Method: one reader with scripted
// answers of three replicas.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { noBallot } from '../../base/ids.ts'
import type { Client } from '../../replication/context.ts'
import { startChain, startHistory } from '../../replication/history-walk.ts'
import type { VersionRecord } from '../../replication/messages.ts'
import { newReader, onReaderAnswer, startRead, sweepReads } from '../../replication/reader.ts'
import { ballotAt, key, peer, processOf, valueAt, wallMs } from './memory-records.ts'

const owners = [peer('a'), peer('b'), peer('c')] as const
const now = { wallMs, monotonicMs: 1_000 }
const local: Client = { kind: 'local', request: 1 }

const newProcess = () => processOf(peer('x'), owners, 1)

for (const historyLimit of [null, 10]) {
  test(`a ${historyLimit === null ? 'read' : 'history'} whose replay is refused asks for one round`, () => {
    const process = newProcess()
    const rounds: Client[] = []
    const reader = newReader(
      process,
      () => [],
      client => rounds.push(client),
    )
    startRead(reader, local, key, historyLimit, 2_000, now)
    const idNow = () => [...reader.reads.keys()][0]!
    const report = { kind: 'report', key, gcFloor: noBallot } as const
    const [a, b, c] = owners
    onReaderAnswer(reader, a, { ...report, id: idNow(), accepted: ballotAt(5), value: valueAt(5) }, now)
    onReaderAnswer(reader, b, { ...report, id: idNow(), accepted: noBallot, value: null }, now)
    onReaderAnswer(reader, c, { kind: 'refused', id: idNow(), epoch: 1, reason: 'damaged' }, now)
    const refusal = {
      kind: 'accepted',
      id: idNow(),
      granted: false,
      nextGranted: false,
      promised: ballotAt(9),
    } as const
    onReaderAnswer(reader, b, refusal, now)
    assert.equal(reader.reads.size, 0, 'reading again would meet the same promise for ever (seed 2136)')
    const deadlineMs = now.monotonicMs + 2_000
    assert.deepEqual(rounds, [
      historyLimit === null ? local : { kind: 'history', asker: local, limit: historyLimit, deadlineMs },
    ])
  })
}

test('below a hole that another owner filled a walk goes on with what this replica has (seed 182)', () => {
  const self = owners[0]
  const process = processOf(self, owners, 1)
  const records = [4, 3, 2, 1].map((at): VersionRecord => {
    const { version, kind, hash, expiresAtMs, data } = valueAt(at)
    return { version, kind, hash, expiresAtMs, data, parent: at === 1 ? null : valueAt(at - 1).version }
  })
  const [newest, hole, ...oldest] = records as [VersionRecord, VersionRecord, ...VersionRecord[]]
  const own = (from: string) => (from === newest.version ? [newest] : from === hole.version ? [] : oldest)
  const reader = newReader(
    process,
    (_, from) => own(from),
    () => assert.fail('nothing is to be settled'),
  )
  startChain(reader.walks, local, key, newest.version, 10, 5_000, now)
  const id = [...reader.walks.jobs.keys()][0]!
  onReaderAnswer(reader, owners[1], { kind: 'chain', id, key, records: [hole] }, now)
  const finished = process.wishes.find(wish => wish.kind === 'finish')
  assert.deepEqual(finished?.outcome, { kind: 'versions', records, next: null })
})

const record = (at: number): VersionRecord => {
  const { version, kind, hash, expiresAtMs, data, parent } = valueAt(at)
  return { version, kind, hash, expiresAtMs, data, parent }
}

test('a history whose beginning was trimmed away on the way is settled again, never called empty (seed 1002308)', () => {
  const process = newProcess()
  const reader = newReader(
    process,
    () => [],
    () => assert.fail('nothing is to be settled by a round'),
  )
  const noneLeft = () => {
    const id = [...reader.walks.jobs.keys()][0]!
    for (const owner of owners) onReaderAnswer(reader, owner, { kind: 'chain', id, key, records: [] }, now)
  }
  const outcome = () => process.wishes.find(wish => wish.kind === 'finish')?.outcome ?? null
  /** What a majority says stands now. */
  const stands = (at: number) => {
    const id = [...reader.reads.keys()][0]!
    const report = { kind: 'report', id, key, gcFloor: noBallot, accepted: ballotAt(at) } as const
    for (const owner of owners.slice(0, 2))
      onReaderAnswer(reader, owner, { ...report, value: valueAt(at) }, now)
  }
  startHistory(reader.walks, local, key, valueAt(5).version, 10, 5_000, now)
  noneLeft()
  assert.equal(outcome(), null)
  stands(6)
  const id = [...reader.walks.jobs.keys()][0]!
  onReaderAnswer(reader, owners[0], { kind: 'chain', id, key, records: [record(6)] }, now)
  assert.deepEqual(outcome(), { kind: 'versions', records: [record(6)], next: null })
  process.wishes.length = 0

  startHistory(reader.walks, local, key, valueAt(7).version, 10, 5_000, now)
  noneLeft()
  stands(7)
  assert.deepEqual(outcome(), { kind: 'unreached' }, 'what stands and what nobody has is damaged, not absent')
  process.wishes.length = 0

  startHistory(reader.walks, local, key, valueAt(7).version, 10, 5_000, now)
  noneLeft()
  sweepReads(reader, { ...now, monotonicMs: 5_000 })
  assert.deepEqual(outcome(), { kind: 'unreached' })
})

test('who refuses a part of a history is not waited for while others have not been asked (seed 2002878)', () => {
  const process = newProcess()
  const reader = newReader(
    process,
    () => [],
    () => assert.fail('nothing is to be settled'),
  )
  startChain(reader.walks, local, key, valueAt(5).version, 10, 5_000, now)
  const id = [...reader.walks.jobs.keys()][0]!
  const asked = () => process.wishes.flatMap(wish => (wish.kind === 'send' ? [wish.to] : []))
  const refuse = () => {
    const from = asked().at(-1)!
    onReaderAnswer(reader, from, { kind: 'refused', id, epoch: 1, reason: 'damaged' }, now)
  }
  for (const _ of owners) refuse()
  assert.deepEqual(asked().toSorted(), [...owners].toSorted(), 'each once; then it waits')
  const wakeMs = sweepReads(reader, now)
  sweepReads(reader, { ...now, monotonicMs: wakeMs })
  onReaderAnswer(reader, asked().at(-1)!, { kind: 'chain', id, key, records: [record(5)] }, now)
  const finished = process.wishes.find(wish => wish.kind === 'finish')
  assert.deepEqual(finished?.outcome, { kind: 'versions', records: [record(5)], next: null })
})
