// Goal: a minority of wrong clocks moves nobody (decision 068). Method: clocks at random, of which less than half are wrong
// by anything, and the same questions for whatever part of them is known.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { majorityAgrees, medianBounds, medianWith, within } from '../../election/fleet-clock.ts'

const spanMs = 10_000
const slackMs = 5_000
const wrong = fc.integer({ min: -(2 ** 47), max: 2 ** 47 })
const right = fc.integer({ min: 0, max: 1_000 })
/** More right clocks than wrong ones. */
const clocks = fc
  .array(wrong, { maxLength: 8 })
  .chain(some => fc.tuple(fc.constant(some), fc.array(right, { minLength: some.length + 1, maxLength: 20 })))

test('a right clock is left as it is, a wrong one is brought near the right ones', () => {
  fc.assert(
    fc.property(clocks, ([wrongs, rights]) => {
      const all = [...wrongs, ...rights]
      for (const [at, ownMs] of all.entries()) {
        const bounds = medianBounds(all.filter((_, other) => other !== at))
        const median = medianWith(bounds, ownMs)
        assert.ok(median >= 0 && median <= 1_000, `${median}`)
        const kept = within(bounds, ownMs, slackMs)
        assert.ok(kept >= -slackMs && kept <= 1_000 + slackMs, `${kept}`)
        if (at >= wrongs.length) assert.equal(kept, ownMs)
      }
    }),
  )
})

test('once a majority agrees no clock that is heard of later moves the median away', () => {
  fc.assert(
    fc.property(clocks, fc.nat(), ([wrongs, rights], seed) => {
      const all = [...wrongs, ...rights]
      const known = all.filter((_, at) => (seed >> (at % 31)) % 2 === 1)
      if (!majorityAgrees(known, all.length, spanMs)) return
      const median = medianWith(medianBounds(known.slice(1)), known[0]!)
      assert.ok(median >= -spanMs && median <= 1_000 + spanMs, `${median}`)
    }),
  )
})

test('too few clocks, or clocks that are apart, are no majority', () => {
  assert.equal(majorityAgrees([0], 1, spanMs), true)
  assert.equal(majorityAgrees([0], 2, spanMs), false)
  assert.equal(majorityAgrees([0, 1], 3, spanMs), true)
  assert.equal(majorityAgrees([0, 20_000], 3, spanMs), false)
  // Three of five are known, and two of them are wrong together.
  assert.equal(majorityAgrees([0, 3_600_000, 3_600_001], 5, spanMs), false)
})

test('of two clocks the lower one counts', () => {
  assert.equal(medianWith(medianBounds([100]), 50), 50)
  assert.equal(medianWith(medianBounds([50]), 100), 50)
})
