// Goal: what a peer missed reaches it, and nothing is sent to who has no use for it, over and over. Method: one deliverer
// with hints for peers that are owners, or are not any more, and with scripted answers.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ContextKey, PeerId } from '../../base/ids.ts'
import { deliver, hintsListedMax, newDeliverer, onDelivered } from '../../replication/hints.ts'
import { ballotAt, key, MemoryRecords, peer, processOf, valueAt, versionAt } from './memory-records.ts'

const owners = [peer('a'), peer('b'), peer('c')] as const
const [self, missed] = owners

const newProcess = () => processOf(self, owners, 4)

const keyOf = (number: number) => (number.toString(16).padStart(4, '0') + key.slice(4)) as ContextKey

function withHints(count: number, of: PeerId) {
  const process = newProcess()
  const records = new MemoryRecords()
  const hints = Array.from({ length: count }, (_, number) => {
    const at = { key: keyOf(number), version: versionAt(number) }
    const value = valueAt(number)
    records.save([
      { kind: 'head', key: at.key, head: { accepted: ballotAt(number), value: { ...value, data: null } } },
      { kind: 'version', key: at.key, record: value },
    ])
    return { peer: of, ...at }
  })
  const deliverer = newDeliverer(process, records)
  const done = deliver(deliverer, of, hints, 0)
  const sent = process.wishes.flatMap(wish => (wish.kind === 'send' ? [wish.message] : []))
  return { deliverer, hints, done, sent }
}

const accepted = (id: number) =>
  ({ kind: 'accepted', id, granted: true, nextGranted: false, promised: ballotAt(1) }) as const
const refused = (id: number) => ({ kind: 'refused', id, epoch: 4, reason: 'notOwner' }) as const
const idOf = (message: object): number => ('id' in message ? Number(message.id) : 0)

test('a hint is an accept at its original ballot, in the epoch of now', () => {
  const { sent, done } = withHints(2, missed)
  assert.deepEqual(done, [])
  assert.deepEqual(
    sent.map(message => message.kind === 'replay' && [message.epoch, message.key, message.ballot]),
    [
      [4, keyOf(0), ballotAt(0)],
      [4, keyOf(1), ballotAt(1)],
    ],
  )
})

test('who is no acceptor of the key any more needs none: the hint is forgotten', () => {
  const { hints, sent, done } = withHints(2, peer('x'))
  assert.deepEqual(sent, [])
  assert.deepEqual(
    done,
    hints.map(hint => ({ kind: 'hintDone', hint })),
  )
})

test('the next hints are listed when these were taken, and not as long as they are refused', () => {
  for (const answer of [accepted, refused]) {
    const { deliverer, sent } = withHints(hintsListedMax, missed)
    const readies = sent.map(message => onDelivered(deliverer, missed, answer(idOf(message)))?.ready)
    assert.deepEqual(new Set(readies.slice(0, -1)), new Set([false]))
    assert.equal(readies.at(-1), answer === accepted, 'else both would be at it without end')
  }
})

test('an answer of somebody else counts for nothing', () => {
  const { deliverer, sent } = withHints(1, missed)
  assert.equal(onDelivered(deliverer, peer('c'), accepted(idOf(sent[0]!))), null)
  assert.ok(onDelivered(deliverer, missed, accepted(idOf(sent[0]!)))?.change)
})
