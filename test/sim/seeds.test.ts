// Goal: every invariant holds in many worlds of 3 to 9 peers, and every fault really struck. Method: fixed seeds, so
// that what breaks here breaks again anywhere; SLURP_SIM_SEEDS=FIRST-LAST runs others. `npm run sim` runs many more.
import assert from 'node:assert/strict'
import { availableParallelism } from 'node:os'
import { after, test } from 'node:test'
import { parseRange, runSeeds, type SeedRange } from '../../sim/seeds/pool.ts'
import { brokenWords, Totals } from '../../sim/seeds/totals.ts'

const fixed = { first: 1, last: 500 }
const seedsPerTest = 100

const wanted = process.env.SLURP_SIM_SEEDS
const range = wanted === undefined ? fixed : parseRange(wanted)
assert.ok(range !== null, `SLURP_SIM_SEEDS is FIRST-LAST, not ${wanted}`)

const totals = new Totals()

for (let first = range.first; first <= range.last; first += seedsPerTest) {
  const part: SeedRange = { first, last: Math.min(range.last, first + seedsPerTest - 1) }
  test(`every invariant holds in seeds ${part.first} to ${part.last}`, async () => {
    const broken: string[] = []
    await runSeeds(part, Math.min(2, availableParallelism()), result => {
      totals.add(result)
      assert.ok(result.peers >= 3 && result.peers <= 9)
      if (result.violations.length > 0) broken.push(brokenWords(result))
      return broken.length < 3
    })
    assert.equal(broken.length, 0, broken.join('\n\n'))
  })
}

test('every kind of fault was drawn and struck', { skip: wanted !== undefined }, () => {
  assert.deepEqual(totals.missing(), [])
  assert.ok(totals.seeds >= 500)
  for (const change of ['joins', 'leaves', 'wipedDisks', 'reweighs', 'viewAdopted', 'elected', 'deposed'])
    assert.ok((totals.counts.get(change) ?? 0) > 0, `${change} happened`)
})

after(() => {
  for (const line of totals.words()) console.log(line)
})
