// Goal: a replica that may have lost all that it held reads it back in one round a key, as many at once as it may: what is
// healed first must not stand in the way of the rest. And what is asked for meanwhile is told to the log once. Method: pure
// peers, one of which is told that its disk lost records.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PureFleet } from './pure-fleet.ts'
import { a, c, everyone, keyAt, startView, writeChain } from './small-fleet.ts'

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
