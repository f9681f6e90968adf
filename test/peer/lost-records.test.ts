// Goal: a replica that may have lost all that it held reads it back in one round a key, as many at once as it may: what is
// healed first must not stand in the way of the rest. And what is asked for meanwhile is told to the log once. With an old
// view it knows neither what it owns nor what it has voted for. Method: pure peers, one of which is told that its disk lost
// records.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ballotFrom, hlcFrom } from '../../base/hlc.ts'
import type { View } from '../../dht/view.ts'
import type { PartitionRecord } from '../../replication/records.ts'
import { PureFleet } from './pure-fleet.ts'
import {
  a,
  b,
  c,
  d,
  e,
  everyone,
  joint,
  keyAt,
  learning,
  partition,
  stable,
  startView,
  writeChain,
} from './small-fleet.ts'

const keys = Array.from({ length: 200 }, (_, at) => keyAt(at))

function lost(): PureFleet {
  const fleet = new PureFleet(startView(), everyone)
  for (const key of keys) writeChain(fleet, a, key, 1)
  fleet.restart(c)
  fleet.sent.length = 0
  fleet.at(c).events.length = 0
  fleet.step(c, { kind: 'recordsLost' })
  return fleet
}

test('every key is written back by one round of its own', () => {
  const fleet = lost()
  // Until ballots of the present lie above all that it may have met.
  fleet.mayPass = () => false
  fleet.runFor(60_000)
  fleet.mayPass = () => true
  fleet.sent.length = 0
  fleet.runUntil(() => fleet.at(c).peer.damagedPartitions().length === 0, 120_000)
  const accepts = fleet.sent.filter(
    ({ from, to, message }) => from === c && to === a && message.kind === 'accept',
  )
  assert.equal(accepts.length, keys.length)
  for (const key of keys) assert.equal(fleet.do(c, { kind: 'read', key }).kind, 'found')
})

test('a key that others ask for while its partition is read back is no news', () => {
  const fleet = lost()
  for (let round = 0; round < 3; round++)
    for (const key of keys.slice(0, 20)) assert.equal(fleet.do(c, { kind: 'read', key }).kind, 'found')
  const news = fleet.at(c).events.filter(({ kind }) => kind === 'damageFound')
  assert.deepEqual(news, [])
})

const dropAfterMs = 1_000

/** Moves the partition to these owners, by all stages. @returns the last view. */
function moved(fleet: PureFleet, from: View, owners: Parameters<typeof learning>[1]): View {
  const learn = learning(from, owners)
  const both = joint(learn)
  const end = stable(both)
  for (const view of [learn, both, end]) {
    fleet.tellAll(view)
    fleet.runFor(500)
  }
  return end
}

const recordOf = (fleet: PureFleet): PartitionRecord => {
  const record = fleet.at(c).records.partition(partition)
  assert.ok(record !== null && record !== 'damaged')
  return record
}

/** What c answers when it is asked for its vote about a key. */
function voteOf(fleet: PureFleet, view: View): string {
  const before = fleet.sent.length
  const ballot = ballotFrom(hlcFrom(Math.floor(fleet.wallMs) + 5_000, 0, 'eeeeeeee'), 1)
  const { epoch } = view.partitions[partition]!
  const message = { kind: 'prepare', id: 7, epoch, key: keys[0]!, ballot, withData: false } as const
  fleet.step(c, { kind: 'messageArrived', from: e, message })
  const answers = fleet.sent.slice(before).filter(({ from, to }) => from === c && to === e)
  const answer = answers.find(({ message: told }) => 'id' in told && told.id === 7)?.message
  assert.ok(answer)
  return answer.kind === 'refused' ? answer.reason : answer.kind
}

/** c starts again with a view from before it came in, as the newer one is lost, and hears of nothing for a while. */
function startedWith(fleet: PureFleet, view: View): void {
  fleet.at(c).storedView = view
  fleet.mayPass = ({ from, to }) => from !== c && to !== c
  fleet.restart(c)
  fleet.step(c, { kind: 'recordsLost' })
  fleet.runFor(dropAfterMs * 3)
}

test('what it holds is not dropped because of a view that is older than that', () => {
  const first = startView([a, b, d])
  const fleet = new PureFleet(first, everyone, { dropAfterMs })
  const now = moved(fleet, first, [a, b, c])
  writeChain(fleet, a, keys[0]!, 1)
  startedWith(fleet, first)
  assert.ok(fleet.at(c).records.head(keys[0]!), 'nobody may need it, and somebody might')
  fleet.tellAll(now, [c])
  fleet.runFor(50)
  assert.equal(voteOf(fleet, now), 'damaged')
  fleet.mayPass = () => true
  fleet.runUntil(() => fleet.at(c).peer.damagedPartitions().length === 0, 120_000)
  assert.equal(voteOf(fleet, now), 'promise')
})

test('who dropped its copy under a view that was lost votes only when it was read back (seed 8000676)', () => {
  const first = startView([a, b, c])
  const fleet = new PureFleet(first, everyone, { dropAfterMs })
  writeChain(fleet, a, keys[1]!, 1)
  const before = recordOf(fleet)
  const away = moved(fleet, first, [a, b, d])
  fleet.runFor(dropAfterMs * 2)
  const now = moved(fleet, away, [a, b, c])
  writeChain(fleet, a, keys[0]!, 1)
  // Its disk lost the end: what it last knew of this partition is from before it left.
  fleet.at(c).records.partitions.set(partition, before)
  startedWith(fleet, away)
  assert.equal(fleet.at(c).records.head(keys[0]!), null, 'it was dropped')
  assert.equal(recordOf(fleet).since, 0)
  fleet.mayPass = () => true
  fleet.tellAll(now, [c])
  fleet.runUntil(() => recordOf(fleet).since !== 0)
  assert.equal(voteOf(fleet, now), 'damaged')
  fleet.runUntil(() => fleet.at(c).peer.damagedPartitions().length === 0, 120_000)
  assert.ok(fleet.at(c).records.head(keys[0]!))
  assert.equal(voteOf(fleet, now), 'promise')
})
