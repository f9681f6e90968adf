// Goal: a seed is a whole run. Method: equal seeds side by side, and rough uniformity of one long run.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { seeded } from '../../base/random.ts'

const drawn = (seed: number) => {
  const random = seeded(seed)
  return Array.from({ length: 50 }, () => [
    random.next(),
    random.below(7),
    random.pick('abc'.split('')),
    random.chance(0.3),
  ])
}

test('the same seed draws the same, another seed something else', () => {
  fc.assert(
    fc.property(fc.nat(0xfffffffe), seed => {
      assert.deepEqual(drawn(seed), drawn(seed))
      assert.notDeepEqual(drawn(seed), drawn(seed + 1))
    }),
  )
})

test('draws stay in their range', () => {
  fc.assert(
    fc.property(fc.nat(), fc.integer({ min: 1, max: 2 ** 31 }), (seed, below) => {
      const random = seeded(seed)
      for (let i = 0; i < 20; i++) {
        const [fraction, number] = [random.next(), random.below(below)]
        assert.ok(fraction >= 0 && fraction < 1)
        assert.ok(Number.isInteger(number) && number >= 0 && number < below)
      }
      assert.equal(random.chance(0), false)
      assert.equal(random.chance(1), true)
    }),
  )
})

test('all of ten numbers come about equally often, also one after another', () => {
  const random = seeded(1)
  const counts = new Array<number>(100).fill(0)
  let last = 0
  for (let i = 0; i < 100_000; i++) {
    const number = random.below(10)
    counts[last * 10 + number]!++
    last = number
  }
  for (const count of counts) assert.ok(count > 800 && count < 1200, `${count} of about 1000`)
})
