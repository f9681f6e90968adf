// Goal: who comes into a partition has what its owners had, and no stage ends before that is so (rule 10). Method: five
// pure peers with records in memory, told one view after the other.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PeerId } from '../../base/ids.ts'
import { toJoint, toStable } from '../../dht/stages.ts'
import { PureFleet } from '../peer/pure-fleet.ts'
import {
  a,
  b,
  c,
  d,
  e,
  everyone,
  keyAt,
  learning,
  nextView,
  partition,
  startView,
  writeChain,
} from '../peer/small-fleet.ts'

const keys = [0, 1, 2, 3, 4].map(keyAt)

const stateAt = (fleet: PureFleet, peer: PeerId, asked: PeerId = a) =>
  fleet.at(asked).peer.reports(partition, fleet.at(asked).peer.view().partitions[0]!.epoch, peer)

function filled(): PureFleet {
  const fleet = new PureFleet(startView(), everyone)
  for (const key of keys) writeChain(fleet, a, key, 3)
  return fleet
}

test('a learner copies heads and whole histories without a single round', () => {
  const fleet = filled()
  fleet.runFor(1_000)
  const before = fleet.sent.length
  fleet.tellAll(learning(startView(), [a, b, d]))
  fleet.runUntil(() => stateAt(fleet, d) === 'copied')
  for (const key of keys) assert.deepEqual(fleet.at(d).records.head(key), fleet.at(a).records.head(key))
  assert.deepEqual(new Set(fleet.at(d).records.versions.keys()), new Set(fleet.at(a).records.versions.keys()))
  const rounds = fleet.sent
    .slice(before)
    .filter(({ message }) => message.kind === 'prepare' || message.kind === 'accept')
  assert.equal(rounds.length, 0)
})
