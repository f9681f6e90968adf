// Goal: a rule of retention keeps what it says, never less than the current version. Method: chains of random ages, and
// what each version of them is kept for.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { hlcFrom, hlcMs } from '../../base/hlc.ts'
import type { Version } from '../../base/ids.ts'
import { keepFrom } from '../../replication/retention.ts'

const nowMs = 1_800_000_000_000
const versionAt = (ageMs: number): Version => hlcFrom(nowMs - ageMs, 0, 'aaaaaaaa')
const chains = fc
  .uniqueArray(fc.integer({ min: 0, max: 10_000 }), { minLength: 1, maxLength: 20 })
  .map(ages => ages.toSorted((a, b) => a - b).map(versionAt))
const limit = fc.option(fc.integer({ min: 0, max: 12 }), { nil: null })
const age = fc.option(fc.integer({ min: 0, max: 10_000 }), { nil: null })

test('what is within the number or within the age stays, and so does what stands now', () => {
  fc.assert(
    fc.property(chains, limit, age, (chain, versions, ageMs) => {
      const from = keepFrom(chain, false, { versions, ageMs }, nowMs)
      if (versions === null && ageMs === null) return assert.equal(from, null)
      assert.ok(from !== null && chain.includes(from) && from <= chain[0]!)
      for (const [at, version] of chain.entries()) {
        const isNeeded =
          at === 0 ||
          (versions !== null && at < versions) ||
          (ageMs !== null && hlcMs(chain[at - 1]!) + ageMs > nowMs)
        assert.equal(version >= from, isNeeded)
      }
    }),
  )
})

test('whatever is read as of a moment within the age is read as of it afterwards too', () => {
  const standingAt = (chain: readonly Version[], agoMs: number) =>
    chain.find(version => hlcMs(version) <= nowMs - agoMs)
  fc.assert(
    fc.property(
      chains,
      limit,
      fc.integer({ min: 1, max: 10_000 }),
      fc.nat(),
      (chain, versions, ageMs, drawn) => {
        const from = keepFrom(chain, true, { versions, ageMs }, nowMs)
        const kept = chain.filter(version => from === null || version >= from)
        const agoMs = drawn % ageMs
        assert.equal(standingAt(kept, agoMs), standingAt(chain, agoMs))
      },
    ),
  )
})

test('a history that is short and young enough is left alone', () => {
  const chain = [1, 2, 3].map(versionAt)
  assert.equal(keepFrom(chain, true, { versions: 3, ageMs: null }, nowMs), null)
  assert.equal(keepFrom(chain, true, { versions: 1, ageMs: 10_000 }, nowMs), null)
  assert.equal(keepFrom(chain, true, { versions: 2, ageMs: null }, nowMs), chain[1])
  assert.equal(keepFrom(chain, true, { versions: 0, ageMs: null }, nowMs), chain[0])
  assert.equal(keepFrom([], true, { versions: 1, ageMs: null }, nowMs), null)
})
