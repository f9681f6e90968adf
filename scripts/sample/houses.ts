import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** One row of the houses in docs/ARCHITECTURE.md. */
export type House = {
  readonly pure: boolean
  readonly holds: string
  readonly mayImport: string
}

/** Houses by folder, without the slash at the end. */
export function readHouses(root: string): ReadonlyMap<string, House> {
  const houses = new Map<string, House>()
  const text = readFileSync(join(root, 'docs', 'ARCHITECTURE.md'), 'utf8')
  for (const line of text.split('\n')) {
    const cells = line.split('|').map(cell => cell.trim())
    const [, names = '', pure = '', holds = '', mayImport = ''] = cells
    if (cells.length !== 6 || (pure !== 'yes' && pure !== 'no')) continue
    for (const [, folder = ''] of names.matchAll(/`([a-z/]+)\/`/g)) {
      houses.set(folder, { pure: pure === 'yes', holds: plain(holds), mayImport: plain(mayImport) })
    }
  }
  return houses
}

/** The house that a path is in: the nearest row of the table above it. */
export function houseOf(houses: ReadonlyMap<string, House>, path: string): House | null {
  for (let folder = path; folder !== ''; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('/')))) {
    const house = houses.get(folder)
    if (house) return house
  }
  return null
}

const plain = (cell: string): string => cell.replaceAll('`', '')
