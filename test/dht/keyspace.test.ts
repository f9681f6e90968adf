// Goal: partitions cut the key space into equal, gapless slices, and distances are XOR distances.
// Method: properties over random keys, judged with big integers.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type ContextKey, controlKey, isControlKey, type PartitionId } from '../../base/ids.ts'
import {
  compareDistance,
  controlPartition,
  partitionCentre,
  partitionOf,
  partitionRange,
} from '../../dht/keyspace.ts'
import { visitNearest } from '../../dht/points.ts'

const numbers = fc.bigInt({ min: 0n, max: 2n ** 256n - 1n })
const keyOf = (number: bigint) => number.toString(16).padStart(64, '0') as ContextKey
const numberOf = (key: ContextKey) => BigInt(`0x${key}`)
const keys = numbers.map(keyOf)
/** No address has such a key; they are a partition of their own. */
const controlKeys = 2n ** 16n
const counts = fc.integer({ min: 0, max: 12 }).map(bits => 2 ** bits)

test('a key lies in the partition of its top bits', () => {
  fc.assert(
    fc.property(keys, counts, (key, count) => {
      fc.pre(!isControlKey(key))
      assert.equal(BigInt(partitionOf(key, count)), (numberOf(key) * BigInt(count)) >> 256n)
    }),
  )
})

test('the last 65536 keys are a partition of their own, whatever the number of partitions', () => {
  fc.assert(
    fc.property(fc.nat(0xffff), counts, (number, count) => {
      assert.equal(numberOf(controlKey(number)), 2n ** 256n - controlKeys + BigInt(number))
      assert.equal(partitionOf(controlKey(number), count), controlPartition)
    }),
  )
  assert.ok(!isControlKey(keyOf(2n ** 256n - controlKeys - 1n)))
})

test('the ranges of all partitions follow each other without gap from the first key to the last', () => {
  fc.assert(
    fc.property(counts, count => {
      let next = 0n
      for (let partition = 0; partition < count; partition++) {
        const { first, last } = partitionRange(partition as PartitionId, count)
        assert.equal(numberOf(first), next)
        assert.equal(partitionOf(first, count), partition)
        const ordinary = partition < count - 1 ? numberOf(last) : numberOf(last) - controlKeys
        assert.equal(partitionOf(keyOf(ordinary), count), partition)
        next = numberOf(last) + 1n
      }
      assert.equal(next, 2n ** 256n)
    }),
    { numRuns: 13 },
  )
})

test('the centre is half-way between first and last', () => {
  fc.assert(
    fc.property(counts, fc.nat(4095), (count, draw) => {
      const partition = (draw % count) as PartitionId
      const { first, last } = partitionRange(partition, count)
      const middle = (numberOf(first) + numberOf(last) + 1n) / 2n
      assert.equal(numberOf(partitionCentre(partition, count)), middle)
    }),
  )
})

test('distances compare as XOR of the numbers', () => {
  fc.assert(
    fc.property(numbers, numbers, numbers, (a, b, target) => {
      const difference = (a ^ target) - (b ^ target)
      const sign = difference < 0n ? -1 : difference > 0n ? 1 : 0
      assert.equal(Math.sign(compareDistance(keyOf(a), keyOf(b), keyOf(target))), sign)
    }),
  )
})

test('points are visited from the nearest outwards', () => {
  fc.assert(
    fc.property(fc.array(numbers, { minLength: 1, maxLength: 60 }), keys, (drawn, target) => {
      const sorted = drawn.map(keyOf).sort()
      const points = sorted.map((key, member) => ({
        bytes: Uint8Array.from(Buffer.from(key, 'hex')),
        member,
      }))
      const visited: ContextKey[] = []
      visitNearest(points, Uint8Array.from(Buffer.from(target, 'hex')), member => {
        visited.push(sorted[member]!)
        return false
      })
      assert.deepEqual(
        visited,
        [...sorted].sort((a, b) => compareDistance(a, b, target)),
      )
    }),
  )
})
