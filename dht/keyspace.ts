import { assert } from '../base/assert.ts'
import { fromHex } from '../base/bytes.ts'
import { type ContextKey, isControlKey, type PartitionId } from '../base/ids.ts'

/** Partitions of one fleet, at most; so that a partition number is within the first three digits of a key. */
export const partitionCountMax = 4096

/**
 * The partition of what the fleet must agree on about itself: the view, the leader's lease, the state of duties. It
 * lies outside the numbers of any fleet, and has owners and stages like the others (rule 10).
 */
export const controlPartition = partitionCountMax as PartitionId

export const isPartitionCount = (count: number): boolean =>
  Number.isInteger(count) && count >= 1 && count <= partitionCountMax && (count & (count - 1)) === 0

const keyDigits = 64
const prefixDigits = 3
const prefixBits = 12

/** Bits of a key that name its partition. */
function bitsOf(partitionCount: number): number {
  assert(isPartitionCount(partitionCount), 'partitions are a power of two from 1 to 4096')
  return 31 - Math.clz32(partitionCount)
}

/**
 * The partition that holds `key`: its top bits, or the control partition for a control key. `partitionCount` is a
 * power of two from 1 to 4096.
 */
export function partitionOf(key: ContextKey, partitionCount: number): PartitionId {
  if (isControlKey(key)) return controlPartition
  const prefix = Number.parseInt(key.slice(0, prefixDigits), 16)
  return (prefix >> (prefixBits - bitsOf(partitionCount))) as PartitionId
}

/** First and last key of a partition, both inside it; the last one's has the control keys at its end. */
export function partitionRange(
  partition: PartitionId,
  partitionCount: number,
): { first: ContextKey; last: ContextKey } {
  const freeBits = prefixBits - bitsOf(partitionCount)
  const prefix = checked(partition, partitionCount) << freeBits
  return {
    first: keyFrom(prefix, '0'),
    last: keyFrom(prefix | ((1 << freeBits) - 1), 'f'),
  }
}

/** The point in the middle of a partition, the first of its upper half; placement measures distances from here. */
export function partitionCentre(partition: PartitionId, partitionCount: number): ContextKey {
  const freeBits = prefixBits - bitsOf(partitionCount)
  const number = checked(partition, partitionCount)
  if (freeBits > 0) return keyFrom((number << freeBits) | (1 << (freeBits - 1)), '0')
  return (number.toString(16).padStart(prefixDigits, '0') +
    '8'.padEnd(keyDigits - prefixDigits, '0')) as ContextKey
}

/**
 * Compares the XOR distances of `a` and `b` from `target`.
 *
 * @returns below 0 when `a` is nearer, above 0 when `b` is, 0 only when they are one point.
 * Source: Maymounkov and Mazières 2002, section 2.
 */
export function compareDistance(a: ContextKey, b: ContextKey, target: ContextKey): number {
  for (let i = 0; i < keyDigits; i++) {
    if (a[i] === b[i]) continue
    const wanted = Number.parseInt(target[i]!, 16)
    return (Number.parseInt(a[i]!, 16) ^ wanted) - (Number.parseInt(b[i]!, 16) ^ wanted)
  }
  return 0
}

/** The 32 bytes of a key. */
export function keyBytes(key: ContextKey): Uint8Array {
  const bytes = fromHex(key)
  assert(bytes !== null && bytes.length === keyDigits / 2, 'a key has 64 hex digits')
  return bytes
}

function checked(partition: PartitionId, partitionCount: number): number {
  assert(Number.isInteger(partition) && partition >= 0 && partition < partitionCount, 'no such partition')
  return partition
}

const keyFrom = (prefix: number, filling: string): ContextKey =>
  prefix.toString(16).padStart(prefixDigits, '0').padEnd(keyDigits, filling) as ContextKey
