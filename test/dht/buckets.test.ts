// Goal: the buckets of a partition are slices of it that follow each other without gap or overlap. Method: random keys and
// numbers of partitions, and the keys at the edges.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type ContextKey, controlKey, type PartitionId } from '../../base/ids.ts'
import { bucketOf, keyBefore } from '../../dht/buckets.ts'
import { controlPartition, partitionOf } from '../../dht/keyspace.ts'

const key = fc
  .string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: 64, maxLength: 64 })
  .map(text => text as ContextKey)
const partitionCount = fc.nat(12).map(bits => 2 ** bits)

test('a key lies behind the key before its bucket and not behind that of the next', () => {
  fc.assert(
    fc.property(key, partitionCount, (of, count) => {
      const partition = partitionOf(of, count)
      const bucket = bucketOf(of, partition, count)
      const before = keyBefore(bucket, partition, count)
      assert.ok(before === null || of > before)
      const isLast = bucket === 255
      if (isLast && partition === count - 1) return
      const next = isLast
        ? keyBefore(0, (partition + 1) as PartitionId, count)
        : keyBefore(bucket + 1, partition, count)
      assert.ok(next !== null && of <= next)
    }),
  )
})

test('the key before a bucket is the last of the one before it', () => {
  fc.assert(
    fc.property(partitionCount, fc.nat(), fc.integer({ min: 1, max: 255 }), (count, number, bucket) => {
      const partition = (number % count) as PartitionId
      const before = keyBefore(bucket, partition, count)
      assert.ok(before !== null)
      assert.equal(partitionOf(before, count), partition)
      assert.equal(bucketOf(before, partition, count), bucket - 1)
    }),
  )
})

test('the control registers are one bucket, and the first bucket of all begins the key space', () => {
  assert.equal(bucketOf(controlKey(7), controlPartition, 256), 0)
  assert.equal(keyBefore(0, controlPartition, 256), null)
  assert.equal(keyBefore(0, 0 as PartitionId, 256), null)
})
