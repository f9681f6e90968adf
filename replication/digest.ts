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
    let low = 0x9e3779b9
    let high = 0x85ebca77
    for (const text of [key, accepted]) {
      for (let at = 0; at < text.length; at += 8) {
        const word = Number.parseInt(text.slice(at, at + 8), 16)
        low = mixed(low, word, 0xcc9e2d51)
        high = mixed(high, word, 0x9e3779b1)
      }
    }
    this.#low[bucket]! += spread(low)
    this.#high[bucket]! += spread(high)
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

/** Takes one word in. The steps are those of Appleby's MurmurHash3 (public domain); each lane multiplies by a number of its own. */
function mixed(hash: number, word: number, factor: number): number {
  let part = Math.imul(word, factor)
  part = (part << 15) | (part >>> 17)
  let next = hash ^ Math.imul(part, 0x1b873593)
  next = (next << 13) | (next >>> 19)
  return (Math.imul(next, 5) + 0xe6546b64) | 0
}

/** The end of it: every bit of the sum changes with every bit of what was taken in. */
function spread(hash: number): number {
  let end = hash ^ (hash >>> 16)
  end = Math.imul(end, 0x85ebca6b)
  end ^= end >>> 13
  end = Math.imul(end, 0xc2b2ae35)
  return (end ^ (end >>> 16)) >>> 0
}
