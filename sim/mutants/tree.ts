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
export type Tree = {
  readonly path: string
  /** Of processes that run the copy: what one copy had compiled, the others have too, but for the edited files. */
  readonly environment: NodeJS.ProcessEnv
  remove(): void
}

/** Node keeps what it compiled by its place, told from this folder, and compiles what has other contents anew. */
const compiled = join(projectFolder, 'node_modules', '.cache', 'slurp', 'mutants')

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
    mkdirSync(compiled, { recursive: true })
    symlinkSync(compiled, join(path, 'compiled'))
    for (const { file, find, replace } of mutant.edits) {
      const source = readFileSync(join(path, file), 'utf8')
      const found = source.split(find).length - 1
      if (found !== 1) throw new Error(`mutant "${mutant.name}": ${found} places in ${file} for: ${find}`)
      writeFileSync(
        join(path, file),
        source.replace(find, () => replace),
      )
    }
    const shared = { NODE_COMPILE_CACHE: join(path, 'compiled'), NODE_COMPILE_CACHE_PORTABLE: '1' }
    return { path, environment: { ...process.env, ...shared }, remove }
  } catch (failure) {
    remove()
    throw failure
  }
}
