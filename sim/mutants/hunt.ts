import { spawn } from 'node:child_process'
import { join } from 'node:path'
import type { Mutant } from './mutants.ts'
import { plantTree, type Tree } from './tree.ts'

/** What a hunt found: how the mutant betrayed itself, and after how many seeds. */
export type Prey = { readonly caught: string | null; readonly seeds: number }

/** What the process of a hunt is to do: one directed schedule, or the seeds from 1. */
export type Orders = {
  readonly directed: string | null
  readonly seedsMax: number
  readonly world: NonNullable<Mutant['world']>
}

/**
 * Runs a mutated copy of the sources, in a process of its own, until a checker complains.
 *
 * @param seedsMax - seeds to try, where the mutant has no directed schedule.
 */
export async function hunt(mutant: Mutant, seedsMax: number): Promise<Prey> {
  const tree = plantTree(mutant)
  const directed = mutant.how === 'seeds' ? null : mutant.how.directed
  const orders: Orders = { directed, seedsMax, world: mutant.world ?? {} }
  try {
    const out = await run(tree, JSON.stringify(orders))
    return JSON.parse(out) as Prey
  } finally {
    tree.remove()
  }
}

function run({ path, environment }: Tree, argument: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(path, 'sim/mutants/hunter.ts'), argument], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: environment,
    })
    let out = ''
    let err = ''
    child.stdout.on('data', chunk => (out += chunk))
    child.stderr.on('data', chunk => (err += chunk))
    child.on('error', reject)
    child.on('close', code => (code === 0 ? resolve(out) : reject(new Error(`the hunter failed: ${err}`))))
  })
}
