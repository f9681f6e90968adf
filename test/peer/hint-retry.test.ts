// Goal: an owner that was deaf for a while, and whose connections outlived that, is handed what it missed. Method: pure peers;
// nobody reads the key or compares replicas meanwhile.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defaultLimits } from '../../replication/limits.ts'
import { PureFleet } from './pure-fleet.ts'
import { a, c, everyone, keyAt, startView, writeChain } from './small-fleet.ts'

test('hints of a peer that stays connected are delivered', () => {
  const key = keyAt(0)
  const fleet = new PureFleet(startView(), everyone)
  fleet.mayPass = ({ to }) => to !== c
  const version = writeChain(fleet, a, key, 1)
  fleet.runFor(defaultLimits.hintAfterMs + defaultLimits.hintRetryMs * 1.5)
  const held = () => {
    const head = fleet.at(c).records.head(key)
    return head === null || head === 'damaged' ? null : head.value.version
  }
  assert.ok(fleet.at(a).hints.length > 0)
  assert.equal(held(), null)
  fleet.mayPass = () => true
  fleet.runFor(defaultLimits.hintRetryMs * 1.5)
  assert.equal(held(), version)
})
