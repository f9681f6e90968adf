import { readdirSync } from 'node:fs'
import { join } from 'node:path'

/** Folders that hold what people wrote; everything else in the root is left out. */
const houses = [
  'base',
  'bin',
  'crypto',
  'dht',
  'docs',
  'election',
  'node',
  'replication',
  'scripts',
  'sim',
  'test',
]
const pages = ['CHANGELOG.md', 'CONTRIBUTING.md', 'README.md']

export type Tree = {
  /** Paths from the root with `/`, sorted. */
  readonly files: readonly string[]
  /** Folders that hold at least one of `files`, at any depth. */
  readonly folders: readonly string[]
}

/** Sources and pages of the project, in the same order everywhere. */
export function readTree(root: string): Tree {
  const files: string[] = []
  const top = new Set(readdirSync(root))
  for (const house of houses) if (top.has(house)) collect(root, house, files)
  for (const page of pages) if (top.has(page)) files.push(page)
  files.sort(byText)
  const folders = new Set<string>()
  for (const file of files) {
    for (let at = file.lastIndexOf('/'); at > 0; at = file.lastIndexOf('/', at - 1))
      folders.add(file.slice(0, at))
  }
  return { files, folders: [...folders].sort(byText) }
}

/** Plain order of code units: the same whatever the locale. */
export const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

function collect(root: string, folder: string, files: string[]): void {
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
    const path = `${folder}/${entry.name}`
    if (entry.isDirectory()) collect(root, path, files)
    else if (/\.(ts|mjs|md)$/.test(entry.name)) files.push(path)
  }
}
