import { assert } from '../base/assert.ts'
import type { ContextKey, PartitionId } from '../base/ids.ts'
import { controlPartition, isPartitionCount } from './keyspace.ts'

/** 12 bits of a key may name its partition, the next 8 its bucket. */
const prefixDigits = 5
const prefixBits = 20
const bucketBits = 8
const keyDigits = 64

/**
 * The slice of its partition that a key lies in, from 0 to 255: the eight bits behind those of the partition. The control
 * partition is one slice.
 */
export function bucketOf(key: ContextKey, partition: PartitionId, partitionCount: number): number {
  if (partition === controlPartition) return 0
  return (Number.parseInt(key.slice(0, prefixDigits), 16) >> shiftOf(partitionCount)) & 0xff
}

/** The last key of the space before a slice: who lists behind it begins with the slice. Null: the slice begins it. */
export function keyBefore(bucket: number, partition: PartitionId, partitionCount: number): ContextKey | null {
  if (partition === controlPartition) return null
  const bits = prefixBits - bucketBits - shiftOf(partitionCount)
  const prefix = (partition << (prefixBits - bits)) | (bucket << shiftOf(partitionCount))
  if (prefix === 0) return null
  const digits = (prefix - 1).toString(16).padStart(prefixDigits, '0')
  return (digits + 'f'.repeat(keyDigits - prefixDigits)) as ContextKey
}

/** Bits of the prefix behind those of the bucket. */
function shiftOf(partitionCount: number): number {
  assert(isPartitionCount(partitionCount), 'partitions are a power of two from 1 to 4096')
  return prefixBits - bucketBits - (31 - Math.clz32(partitionCount))
}
