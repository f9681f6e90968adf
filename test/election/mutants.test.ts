// Goal: the schedules notice every broken sentence of rule 11; a checker that never failed proves nothing. Method: each
// mutant is an edit of a copy of the sources, loaded from there and played until a schedule complains.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { plantTree } from '../../sim/mutants/tree.ts'
import { leaseMutants } from './mutants.ts'
import type { Protocol } from './protocol.ts'
import { playSchedule } from './schedule.ts'

const seedsMax = 2_000

for (const mutant of leaseMutants) {
  test(`noticed: ${mutant.name}`, async t => {
    const tree = plantTree(mutant)
    try {
      const load = (file: string) => import(pathToFileURL(join(tree.path, file)).href)
      const protocol: Protocol = {
        ...(await load('election/lease.ts')),
        ...(await load('election/fence.ts')),
      }
      for (let seed = 1; seed <= seedsMax; seed++) {
        const [violation] = playSchedule(seed, protocol).violations
        if (violation === undefined) continue
        t.diagnostic(`after ${seed} seeds, ${violation}`)
        return
      }
      assert.fail(`not noticed in ${seedsMax} seeds`)
    } finally {
      tree.remove()
    }
  })
}
