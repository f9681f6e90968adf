// Goal: fleets of two versions of the code are simulated: about half of all starts run the other one, which lives by itself and
// is held to the same invariants. Method: a copy of the sources as the other version, which must change nothing; a copy
// with a fault, which must be found; and what git holds.
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { after, test } from 'node:test'
import { furnish, loadVersion, plantVersion } from '../../sim/mixed/other-version.ts'
import { mutants } from '../../sim/mutants/mutants.ts'
import { plantTree } from '../../sim/mutants/tree.ts'
import type { OtherVersion } from '../../sim/process.ts'
import { runSeed } from '../../sim/scenario.ts'
import { runSeeds } from '../../sim/seeds/pool.ts'
import { brokenWords } from '../../sim/seeds/totals.ts'

const planted: { remove(): void }[] = []
after(() => {
  for (const tree of planted) tree.remove()
})

async function version(name: string): Promise<OtherVersion> {
  const mutant = mutants.find(each => each.name === name) ?? { ...mutants[0]!, name, edits: [] }
  const tree = plantTree(mutant)
  planted.push(tree)
  furnish(tree.path)
  return await loadVersion({ path: tree.path, name })
}

test('a fleet that is mixed with a copy of itself does what it does alone', async () => {
  const mixedWith = await version('a copy')
  for (const seed of [1, 2, 3, 4, 5, 6]) {
    const alone = runSeed(seed)
    const mixed = runSeed(seed, { mixedWith })
    const { mixedStarts, ...faults } = mixed.faults
    assert.ok((mixedStarts ?? 0) > 0, `seed ${seed} never ran the copy`)
    assert.equal(mixed.mixedWith, 'a copy')
    assert.deepEqual({ trace: mixed.traceHash, faults }, { trace: alone.traceHash, faults: alone.faults })
  }
})

test('a version that breaks a rule is found out, and the seed says how to run it again', async () => {
  const { world = {} } = mutants.find(each => each.name === 'a quorum of one')!
  const mixedWith = await version('a quorum of one')
  const seeds = Array.from({ length: 60 }, (_, at) => at + 1)
  const broken = seeds
    .map(seed => runSeed(seed, { ...world, mixedWith }))
    .find(each => each.violations.length > 0)
  assert.ok(broken, 'no seed found it')
  assert.ok(broken.story.some(line => line.includes('runs version a quorum of one')))
  assert.match(
    brokenWords(broken),
    new RegExp(`npm run sim -- --seeds ${broken.seed} --mixed a quorum of one`),
  )
})

test('a version comes out of the repository, and what is none of it is refused', async () => {
  const tree = plantVersion('HEAD')
  planted.push(tree)
  const told: (string | undefined)[] = []
  await runSeeds({ first: 1, last: 2 }, 1, result => told.push(result.mixedWith) > 0, tree)
  assert.deepEqual(told, [tree.name, tree.name])
  assert.match(tree.name, /^[0-9a-f]{12}$/)
  tree.remove()
  assert.equal(existsSync(tree.path), false)
  for (const wrong of ['--output=x', 'no such branch', '0'.repeat(40)])
    assert.throws(() => plantVersion(wrong), { code: 'USAGE', message: /is no commit of this repository/ })
})
