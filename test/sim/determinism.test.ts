// Goal: a seed is a world; what broke once breaks again. Method: run seeds twice, here and in another process, and
// compare the fingerprint of everything that happened.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runSeed, type SimResult } from '../../sim/scenario.ts'
import { runSeeds } from '../../sim/seeds/pool.ts'

const seeds = { first: 1001, last: 1008 }
const here: SimResult[] = []
for (let seed = seeds.first; seed <= seeds.last; seed++) here.push(runSeed(seed))

test('the same seed twice leaves the same trace', () => {
  for (const result of here) assert.deepEqual(runSeed(result.seed), result)
})

test('the same seed leaves the same trace in another process', async () => {
  const elsewhere: SimResult[] = []
  await runSeeds(seeds, 1, result => elsewhere.push(result) > 0)
  assert.deepEqual(elsewhere, here)
})

test('another seed leaves another trace', () => {
  assert.equal(new Set(here.map(result => result.traceHash)).size, here.length)
})
