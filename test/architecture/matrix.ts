import type { Source } from './source.ts'

export type House = {
  /** Folder without the slash at its end; files directly in `node/` are the house `node`. */
  readonly name: string
  readonly pure: boolean
  /** Houses and single files that it may import. */
  readonly mayImport: ReadonlySet<string>
  /** Those of which it may import types only. */
  readonly typesOnly: ReadonlySet<string>
  readonly packages: boolean
  readonly builtIns: boolean
}

/** Folders that are no house: they may import everything, and no house may import them. */
const outside = new Set(['test', 'scripts', 'bin'])

/**
 * Reads the houses from the table in docs/ARCHITECTURE.md, so that the page cannot say anything else than what
 * is held. In the last column: `house` or `file.ts`, "(types)" after it for types only, the words "packages"
 * and "built-ins", or "everything".
 */
export function readMatrix(page: string): House[] {
  const rows = page.split('\n').filter(line => /^\| `[^|]+\/`/.test(line))
  return rows.flatMap(row => {
    const [, names = '', pure = '', , may = ''] = row.split('|')
    const listed = [...may.matchAll(/`([^`]+)`( \(types\))?/g)].map(([, name = '', types]) => ({
      name: name.replace(/\/$/, ''),
      types: types !== undefined,
    }))
    const everything = /\beverything\b/.test(may)
    return [...names.matchAll(/`([^`]+)\/`/g)].map(([, name = '']) => ({
      name,
      pure: pure.trim() === 'yes',
      mayImport: new Set(everything ? ['*'] : listed.map(item => item.name)),
      typesOnly: new Set(listed.filter(item => item.types).map(item => item.name)),
      packages: everything || /\bpackages\b/.test(may),
      builtIns: everything || /\bbuilt-ins\b/.test(may),
    }))
  })
}

/** The house that a file is in; null outside of all houses. */
export function houseOf(path: string, houses: readonly House[]): House | null {
  const fits = houses.filter(({ name }) =>
    name === 'node' ? /^node\/[^/]+$/.test(path) : path.startsWith(`${name}/`),
  )
  return fits.sort((a, b) => b.name.length - a.name.length)[0] ?? null
}

/** What a file imports that its house may not; also a file in a folder that the table does not know. */
export function importViolations(source: Source, houses: readonly House[]): string[] {
  const folder = source.path.split('/')[0]!
  if (outside.has(folder) || !source.path.includes('/')) return []
  const house = houseOf(source.path, houses)
  if (house === null) return [`${source.path} is in no house of docs/ARCHITECTURE.md`]
  return source.imports.flatMap(imported => {
    const problem = imported.file === null ? externalProblem(house, imported.specifier) : null
    const internal =
      imported.file === null ? null : internalProblem(house, houses, imported.file, imported.typesOnly)
    const found = problem ?? internal
    return found === null ? [] : [`${source.path} imports ${imported.specifier}: ${found}`]
  })
}

function externalProblem(house: House, specifier: string): string | null {
  const kind = specifier.startsWith('node:') ? 'builtIns' : 'packages'
  return house[kind] ? null : `${house.name} may import no ${kind === 'builtIns' ? 'built-ins' : 'packages'}`
}

function internalProblem(
  house: House,
  houses: readonly House[],
  file: string,
  typesOnly: boolean,
): string | null {
  if (!file.endsWith('.ts')) return 'imports carry their .ts extension'
  const target = houseOf(file, houses)
  if (target === null) return 'it is in no house'
  if (target.name === house.name || house.mayImport.has('*')) return null
  const allowed = [file, target.name].find(name => house.mayImport.has(name))
  if (allowed === undefined) return `${house.name} may not import ${target.name}`
  if (house.typesOnly.has(allowed) && !typesOnly) return `${house.name} may import types of ${allowed} only`
  return null
}
