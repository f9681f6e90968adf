import type { Ballot, ContextKey } from '../base/ids.ts'
import type { BucketSum } from './messages.ts'

/** Buckets of one partition: slices of it by the eight bits of a key behind those that name the partition. */
export const bucketCount = 256

/** What an empty bucket sums up to. */
export const emptySum: BucketSum = '0'.repeat(16)

/**
 * Sums of (key, accepted ballot) for the buckets of a partition. Sums do not depend on the order, so that a record can be
 * added at any time; two owners with the same records have the same sums. Against accidents, not against liars: who can
 * make keys can make two sets of equal sums, and is a member all the same.
 */
export class Digest {
  readonly #low = new Uint32Array(bucketCount)
  readonly #high = new Uint32Array(bucketCount)

  add(bucket: number, key: ContextKey, accepted: Ballot): void {
    this.#low[bucket]! += hashOf(key, accepted, 0x9e3779b9)
    this.#high[bucket]! += hashOf(accepted, key, 0x85ebca77)
  }

  sums(): BucketSum[] {
    return Array.from(this.#low, (low, bucket) => digits(this.#high[bucket]!) + digits(low))
  }
}

/** The buckets in which two owners differ. */
export function differing(a: readonly BucketSum[], b: readonly BucketSum[]): number[] {
  const buckets: number[] = []
  for (let bucket = 0; bucket < bucketCount; bucket++)
    if ((a[bucket] ?? emptySum) !== (b[bucket] ?? emptySum)) buckets.push(bucket)
  return buckets
}

const digits = (word: number): string => word.toString(16).padStart(8, '0')

/** 32 bits that all change with every digit; the mixing steps are those of Appleby's MurmurHash3 (public domain). */
function hashOf(first: string, second: string, seed: number): number {
  let hash = mixText(mixText(seed, first), second)
  hash ^= hash >>> 16
  hash = Math.imul(hash, 0x85ebca6b)
  hash ^= hash >>> 13
  hash = Math.imul(hash, 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

/** @param text - hex digits, a multiple of eight. */
function mixText(seed: number, text: string): number {
  let hash = seed
  for (let at = 0; at < text.length; at += 8) {
    let word = Math.imul(Number.parseInt(text.slice(at, at + 8), 16), 0xcc9e2d51)
    word = (word << 15) | (word >>> 17)
    hash ^= Math.imul(word, 0x1b873593)
    hash = (hash << 13) | (hash >>> 19)
    hash = (Math.imul(hash, 5) + 0xe6546b64) | 0
  }
  return hash
}
