import { spawn } from 'node:child_process'
import { join } from 'node:path'
import type { Mutant } from './mutants.ts'
import { plantTree } from './tree.ts'

/** What a hunt found: how the mutant betrayed itself, and after how many seeds. */
export type Prey = { readonly caught: string | null; readonly seeds: number }

/**
 * Runs a mutated copy of the sources, in a process of its own, until a checker complains.
 *
 * @param mutant - null hunts in the sources as they are, where nothing may be found.
 * @param seedsMax - seeds to try, from 1.
 */
export async function hunt(mutant: Mutant | null, directed: string | null, seedsMax: number): Promise<Prey> {
  const tree = plantTree(mutant)
  try {
    const out = await run(join(tree.path, 'sim/mutants/hunter.ts'), directed ?? String(seedsMax))
    return JSON.parse(out) as Prey
  } finally {
    tree.remove()
  }
}

function run(script: string, argument: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [script, argument], { stdio: ['ignore', 'pipe', 'pipe'] })
    let out = ''
    let err = ''
    child.stdout.on('data', chunk => (out += chunk))
    child.stderr.on('data', chunk => (err += chunk))
    child.on('error', reject)
    child.on('close', code => (code === 0 ? resolve(out) : reject(new Error(`the hunter failed: ${err}`))))
  })
}
