// Goal: what `slurp status` says about how far a peer is behind is what the comparisons found, the gravest reason first.
// Method: comparisons by hand.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PartitionId, PeerId } from '../../base/ids.ts'
import { type Comparison, lagOf } from '../../replication/lag.ts'

const [p, q] = ['p', 'q'] as unknown as [PeerId, PeerId]
const partitions = (...numbers: number[]) => new Set(numbers as PartitionId[])

const comparison = (peer: PeerId, partition: number, more: Partial<Comparison> = {}): Comparison => ({
  partition: partition as PartitionId,
  peer,
  comparedAtMs: 1_000,
  equalAtMs: 1_000,
  peerBehind: 0,
  selfBehind: 0,
  left: 0,
  outcome: 'equal',
  ...more,
})

test('a peer that was never compared is told as such', () => {
  assert.deepEqual(lagOf([], new Map([[p, partitions(0, 1)]])), [
    {
      peer: p,
      partitions: 2,
      compared: 0,
      equal: 0,
      peerBehind: 0,
      selfBehind: 0,
      equalAtMs: null,
      why: 'notCompared',
    },
  ])
})

test('keys add up over the partitions, the oldest time and the gravest reason count', () => {
  const found = [
    comparison(p, 0, { equalAtMs: 700 }),
    comparison(p, 1, { outcome: 'repaired', peerBehind: 3, selfBehind: 1, equalAtMs: 500 }),
    comparison(q, 0),
    comparison(q, 1, { outcome: 'silent', peerBehind: 9, equalAtMs: null }),
  ]
  const shared = new Map([
    [p, partitions(0, 1)],
    [q, partitions(0, 1)],
  ])
  const [first, second] = lagOf(found, shared)
  assert.deepEqual(
    [first?.peer, first?.why, first?.peerBehind, first?.equalAtMs, first?.equal],
    [q, 'silent', 9, null, 1],
  )
  assert.deepEqual(
    [second?.peer, second?.why, second?.peerBehind, second?.selfBehind, second?.equalAtMs],
    [p, 'repairing', 3, 1, 500],
  )
})

test('what is not shared any more does not count', () => {
  const found = [comparison(p, 0), comparison(p, 7, { outcome: 'silent', peerBehind: 5 }), comparison(q, 0)]
  const lags = lagOf(found, new Map([[p, partitions(0)]]))
  assert.deepEqual(
    lags.map(({ peer, why, peerBehind, partitions: count }) => [peer, why, peerBehind, count]),
    [[p, 'equal', 0, 1]],
  )
})
