import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { projectFolder, simulatedFolders } from '../mutants/tree.ts'

/** Of the simulator, the world and its checkers; its other folders only look at what a seed did. */
const worldFiles = /^(?:checker[\\/])?[^\\/]+$/

/** Fingerprint of everything that decides what a seed does: another one, other worlds. */
export function sourcesPrint(): string {
  const hash = createHash('sha256')
  for (const folder of simulatedFolders.filter(each => existsSync(join(projectFolder, each)))) {
    const names = readdirSync(join(projectFolder, folder), { recursive: true, encoding: 'utf8' })
    const deciding = names.filter(name => name.endsWith('.ts') && (folder !== 'sim' || worldFiles.test(name)))
    for (const name of deciding.sort()) {
      hash.update(`${folder}/${name}\0`)
      hash.update(readFileSync(join(projectFolder, folder, name)))
    }
  }
  return hash.digest('hex').slice(0, 16)
}
