// Goal: a read that no quorum agrees on ends in one full round, a history's too. Method: one reader with scripted
// answers of three replicas.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { noBallot, type PeerId, type Version } from '../../base/ids.ts'
import type { Client } from '../../replication/context.ts'
import { onSettled, startWalk } from '../../replication/history-walk.ts'
import type { Outcome, Value, VersionRecord } from '../../replication/messages.ts'
import { newReader, onReaderAnswer, type Reader, startRead, sweepReads } from '../../replication/reader.ts'
import { ballotAt, key, peer, processOf, valueAt, wallMs } from './memory-records.ts'

const owners = [peer('a'), peer('b'), peer('c')] as const
const now = { wallMs, monotonicMs: 1_000 }
const local: Client = { kind: 'local', request: 1 }

/** What the peer does with the outcome of a read that a walk asked for, or of the round in its place. */
function settled(reader: Reader, client: Client, outcome: Outcome): void {
  assert.ok(client.kind === 'history')
  onSettled(reader.walks, client.reading, outcome, now)
}

/** What the caller is told; what a walk asked for is brought to it first. */
function told(reader: Reader): Outcome | null {
  const { wishes } = reader.process
  for (let wish = wishes.shift(); wish; wish = wishes.shift()) {
    if (wish.kind !== 'finish') continue
    if (wish.client.kind === 'local') return wish.outcome
    settled(reader, wish.client, wish.outcome)
  }
  return null
}

const newProcess = () => processOf(peer('x'), owners, 1)

for (const isHistory of [false, true]) {
  test(`a ${isHistory ? 'history' : 'read'} whose replay is refused asks for one round`, () => {
    const process = newProcess()
    const rounds: Client[] = []
    const reader = newReader(
      process,
      () => [],
      client => rounds.push(client),
    )
    if (isHistory) startWalk(reader.walks, local, key, null, 10, 3_000, now)
    else startRead(reader, local, key, 2_000, now)
    const asker = [...reader.reads.values()][0]!.client
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
    assert.deepEqual(rounds, [asker])
    if (!isHistory) return
    // What the round settles is where the history begins.
    settled(reader, rounds[0]!, { kind: 'found', value: valueAt(5) })
    const question = process.wishes.findLast(wish => wish.kind === 'send')?.message
    assert.ok(question?.kind === 'chainAsked' && question.from === valueAt(5).version)
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
  startWalk(reader.walks, local, key, newest.version, 10, 5_000, now)
  const id = [...reader.walks.jobs.keys()][0]!
  onReaderAnswer(reader, owners[1], { kind: 'chain', id, key, records: [hole] }, now)
  const finished = process.wishes.find(wish => wish.kind === 'finish')
  assert.deepEqual(finished?.outcome, { kind: 'versions', records, next: null })
})

const record = (at: number): VersionRecord => {
  const { version, kind, hash, expiresAtMs, data, parent } = valueAt(at)
  return { version, kind, hash, expiresAtMs, data, parent }
}

/** A walk that a process which is no owner began, and the answers of the owners. */
function scriptedWalk(from: Version | null) {
  const process = newProcess()
  const reader = newReader(
    process,
    () => [],
    () => assert.fail('nothing is to be settled by a round'),
  )
  const begin = () => startWalk(reader.walks, local, key, from, 10, 5_000, now)
  begin()
  const idNow = () => [...reader.walks.jobs.keys()][0]!
  return {
    begin,
    reader,
    idNow,
    /** Owners that were asked for a version, in this order. */
    asked: () =>
      process.wishes.flatMap(wish =>
        wish.kind === 'send' && wish.message.kind === 'chainAsked' ? [wish.to] : [],
      ),
    gives: (owner: PeerId, records: VersionRecord[], id = idNow()) =>
      onReaderAnswer(reader, owner, { kind: 'chain', id, key, records }, now),
    refuses: (owner: PeerId) =>
      onReaderAnswer(reader, owner, { kind: 'refused', id: idNow(), epoch: 1, reason: 'damaged' }, now),
    /** What a majority says stands now, to the last question about it. */
    stands: (value: Value) => {
      const id = [...reader.reads.keys()].at(-1)!
      const accepted = ballotAt(5)
      const report = { kind: 'report', id, key, gcFloor: noBallot, accepted, value } as const
      for (const owner of owners.slice(0, 2)) onReaderAnswer(reader, owner, report, now)
      return told(reader)
    },
    sweepAt: (monotonicMs: number) => sweepReads(reader, { ...now, monotonicMs }),
  }
}

test('a history whose beginning was trimmed away on the way is settled again, never called empty (seed 1002308)', () => {
  const { begin, reader, idNow, gives, stands, sweepAt } = scriptedWalk(null)
  const noneHas = () => {
    const id = idNow()
    for (const owner of owners) gives(owner, [], id)
    return told(reader)
  }
  stands(valueAt(5))
  assert.equal(noneHas(), null)
  stands(valueAt(6))
  gives(owners[0], [record(6)])
  assert.deepEqual(told(reader), { kind: 'versions', records: [record(6)], next: null })

  begin()
  stands(valueAt(7))
  assert.equal(noneHas(), null)
  const lost = stands(valueAt(7))
  assert.deepEqual(lost, { kind: 'unreached' }, 'what stands and what nobody has is damaged, not absent')

  begin()
  stands(valueAt(7))
  assert.equal(noneHas(), null)
  sweepAt(5_000)
  assert.deepEqual(told(reader), { kind: 'unreached' })
})

test('who refuses a part of a history is not waited for while others have not been asked (seed 2002878)', () => {
  const { reader, asked, gives, refuses, sweepAt } = scriptedWalk(valueAt(5).version)
  for (const _ of owners) refuses(asked().at(-1)!)
  assert.deepEqual(asked().toSorted(), [...owners].toSorted(), 'each once; then it waits')
  sweepAt(sweepAt(now.monotonicMs))
  gives(asked().at(-1)!, [record(5)])
  assert.deepEqual(told(reader), { kind: 'versions', records: [record(5)], next: null })
})

test('whose record is damaged is not waited for when a quorum keeps a version no more (seed 8255290)', () => {
  const [a, b, c] = owners
  const asker = scriptedWalk(valueAt(5).version)
  asker.refuses(c)
  asker.gives(a, [])
  assert.equal(told(asker.reader), null, 'one of three may never have had it')
  asker.gives(b, [])
  assert.deepEqual(told(asker.reader), { kind: 'versions', records: [], next: null })

  const unsure = scriptedWalk(valueAt(5).version)
  for (const owner of [b, c]) unsure.refuses(owner)
  unsure.gives(a, [])
  assert.equal(told(unsure.reader), null, 'it may have been on the two that cannot read theirs')

  for (const isMissing of [true, false]) {
    const process = processOf(a, owners, 1)
    const never = () => assert.fail('nothing is to be settled by a round')
    const reader = newReader(
      process,
      () => [],
      never,
      undefined,
      () => isMissing,
    )
    startWalk(reader.walks, local, key, valueAt(5).version, 10, 5_000, now)
    const id = [...reader.walks.jobs.keys()][0]!
    onReaderAnswer(reader, b, { kind: 'refused', id, epoch: 1, reason: 'damaged' }, now)
    onReaderAnswer(reader, c, { kind: 'chain', id, key, records: [] }, now)
    const ended = isMissing ? { kind: 'versions', records: [], next: null } : null
    assert.deepEqual(told(reader), ended, 'an owner itself counts when it can tell')
  }
})

test('a history ends where a quorum says that it does, whoever is silent', () => {
  const newest = { ...record(7), parent: valueAt(6).version }
  const kept = { keptFrom: newest.version, parent: newest.parent }
  const { reader, gives, stands } = scriptedWalk(null)
  stands(valueAt(7, kept))
  gives(owners[2], [newest, record(6)])
  const outcome = { kind: 'versions', records: [newest], next: null } as const
  assert.deepEqual(told(reader), outcome, 'what an owner kept that missed it is not shown')

  const below = scriptedWalk(valueAt(6).version)
  below.gives(below.asked()[0]!, [])
  assert.equal(
    below.reader.reads.size,
    1,
    'further down it is found out when somebody has not what is looked for',
  )
  assert.deepEqual(below.stands(valueAt(7, kept)), { kind: 'versions', records: [], next: null })
})

test('a history goes on while it is found out where it ends, and begins anew when what stood is gone', () => {
  const further = scriptedWalk(valueAt(5).version)
  const [first, second] = owners
  further.gives(first, [])
  further.gives(second, [record(5)])
  assert.deepEqual(told(further.reader), { kind: 'versions', records: [record(5)], next: null })

  const { reader, gives, stands } = scriptedWalk(null)
  stands(valueAt(5))
  gives(first, [])
  stands(valueAt(6))
  gives(first, [record(6)])
  assert.deepEqual(told(reader), { kind: 'versions', records: [record(6)], next: null })
})

test('an answer about another version says nothing about the one that is looked for', () => {
  const { reader, idNow, gives, asked } = scriptedWalk(valueAt(6).version)
  const id = idNow()
  gives(asked()[0]!, [{ ...record(6), parent: valueAt(5).version }])
  for (const owner of owners) gives(owner, [], id)
  assert.equal(told(reader), null, 'those were asked for the version before')
  assert.equal(reader.walks.jobs.size, 1)
})
