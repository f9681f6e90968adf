// Goal: a digest tells sets of records apart, whatever the order in which they were added. Method: sets of random keys and
// ballots, and the smallest possible difference between two of them.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Ballot, ContextKey } from '../../base/ids.ts'
import { bucketCount, Digest, differing, emptySum } from '../../replication/digest.ts'

const hexOf = (digits: number) =>
  fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: digits, maxLength: digits })
const records = fc.uniqueArray(
  fc.record({ key: hexOf(64), ballot: hexOf(32), bucket: fc.nat(bucketCount - 1) }),
  { selector: ({ key }) => key, minLength: 1, maxLength: 50 },
)
type Entry = { readonly key: string; readonly ballot: string; readonly bucket: number }

function sumsOf(entries: readonly Entry[]): string[] {
  const digest = new Digest()
  for (const { bucket, key, ballot } of entries) digest.add(bucket, key as ContextKey, ballot as Ballot)
  return digest.sums()
}

test('the same records in any order have the same sums, and an empty bucket has its own', () => {
  fc.assert(
    fc.property(records, entries => {
      const sums = sumsOf(entries)
      assert.deepEqual(sumsOf(entries.toReversed()), sums)
      const used = new Set(entries.map(({ bucket }) => bucket))
      for (const [bucket, sum] of sums.entries()) {
        assert.match(sum, /^[0-9a-f]{16}$/)
        assert.equal(sum === emptySum, !used.has(bucket))
      }
    }),
  )
})

test('one digit of one ballot more or less shows in its bucket and in no other', () => {
  fc.assert(
    fc.property(records, fc.nat(31), fc.nat(), (entries, at, which) => {
      const changed = entries[which % entries.length]!
      const digit = changed.ballot[at] === '0' ? '1' : '0'
      const ballot = changed.ballot.slice(0, at) + digit + changed.ballot.slice(at + 1)
      const others = entries.map(entry => (entry === changed ? { ...entry, ballot } : entry))
      assert.deepEqual(differing(sumsOf(entries), sumsOf(others)), [changed.bucket])
    }),
  )
})

test('two records that trade their ballots are not the same two records', () => {
  fc.assert(
    fc.property(hexOf(64), hexOf(64), hexOf(32), hexOf(32), (keyA, keyB, ballotA, ballotB) => {
      fc.pre(keyA !== keyB && ballotA !== ballotB)
      const pair = (first: string, second: string) =>
        sumsOf([
          { key: keyA, ballot: first, bucket: 0 },
          { key: keyB, ballot: second, bucket: 0 },
        ])
      assert.notDeepEqual(pair(ballotA, ballotB), pair(ballotB, ballotA))
    }),
  )
})

test('sums that are missing count as those of nothing', () => {
  assert.deepEqual(differing([], []), [])
  assert.deepEqual(differing(['0000000000000001'], []), [0])
})
