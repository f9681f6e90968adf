import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import type { Mutant } from '../../sim/mutants/mutants.ts'
import { plantTree } from '../../sim/mutants/tree.ts'

/**
 * A test for each mutant: an edit of a copy of the sources, whose `files` are loaded from there and played, seed by
 * seed, until something is wrong.
 *
 * @param play - what is wrong with the schedule of this seed, if anything.
 */
export function noticeMutants<Protocol>(
  mutants: readonly Mutant[],
  files: readonly string[],
  seedsMax: number,
  play: (seed: number, protocol: Protocol) => readonly string[],
): void {
  for (const mutant of mutants) {
    test(`noticed: ${mutant.name}`, (t: TestContext) => notice(t, mutant, files, seedsMax, play))
  }
}

async function notice<Protocol>(
  t: TestContext,
  mutant: Mutant,
  files: readonly string[],
  seedsMax: number,
  play: (seed: number, protocol: Protocol) => readonly string[],
): Promise<void> {
  const tree = plantTree(mutant)
  try {
    const modules = await Promise.all(files.map(file => import(pathToFileURL(join(tree.path, file)).href)))
    const protocol: Protocol = Object.assign({}, ...modules)
    for (let seed = 1; seed <= seedsMax; seed++) {
      const [violation] = play(seed, protocol)
      if (violation === undefined) continue
      t.diagnostic(`after ${seed} seeds, ${violation}`)
      return
    }
    assert.fail(`not noticed in ${seedsMax} seeds`)
  } finally {
    tree.remove()
  }
}
