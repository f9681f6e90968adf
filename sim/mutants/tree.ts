import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Mutant } from './mutants.ts'

/** What the simulator runs, and what that imports. */
export const simulatedFolders = [
  'base',
  'dht',
  'replication',
  'election',
  'node/peer',
  'node/driver',
  'node/control',
  'node/ports',
  'sim',
]
export const projectFolder = fileURLToPath(new URL('../..', import.meta.url))

/** A copy of the sources with the edits of a mutant. */
export type Tree = { readonly path: string; remove(): void }

/** @throws Error when an edit does not fit: the source moved on and the mutant must be written again. */
export function plantTree(mutant: Mutant): Tree {
  const path = mkdtempSync(join(tmpdir(), 'slurp-mutant-'))
  const remove = () => rmSync(path, { recursive: true, force: true })
  try {
    for (const folder of simulatedFolders.filter(each => existsSync(join(projectFolder, each)))) {
      mkdirSync(join(path, folder), { recursive: true })
      cpSync(join(projectFolder, folder), join(path, folder), { recursive: true })
    }
    writeFileSync(join(path, 'package.json'), '{"type":"module"}')
    symlinkSync(join(projectFolder, 'node_modules'), join(path, 'node_modules'))
    for (const { file, find, replace } of mutant.edits) {
      const source = readFileSync(join(path, file), 'utf8')
      const found = source.split(find).length - 1
      if (found !== 1) throw new Error(`mutant "${mutant.name}": ${found} places in ${file} for: ${find}`)
      writeFileSync(
        join(path, file),
        source.replace(find, () => replace),
      )
    }
    return { path, remove }
  } catch (failure) {
    remove()
    throw failure
  }
}
