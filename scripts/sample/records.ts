import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { decisionRecords, isDecision } from './decisions.ts'
import { folderRecord } from './folders.ts'
import { readHouses } from './houses.ts'
import { pageRecord } from './pages.ts'
import type { SampleRecord } from './record.ts'
import { sourceRecord } from './sources.ts'
import { byText, readTree } from './tree.ts'

/**
 * What the project knows about itself, as contexts: every source file and folder, every decision record with
 * what it follows and supersedes, every page. The same tree gives the same records in the same order.
 *
 * @param root - folder of the project.
 */
export function sampleRecords(root: string): SampleRecord[] {
  const { files, folders } = readTree(root)
  const houses = readHouses(root)
  const decisions = files.filter(isDecision)
  const leaves = files.flatMap(path => {
    const text = readFileSync(join(root, path), 'utf8')
    if (isDecision(path)) return decisionRecords(path, text, decisions)
    return [path.endsWith('.md') ? pageRecord(path, text) : sourceRecord(path, text, houses)]
  })
  const newest = leaves.filter((record, at) => leaves[at + 1]?.path !== record.path)
  // A folder of tests tells the goal of each; records of their own would double the sample.
  const told = leaves.filter(record => !record.path.startsWith('test/'))
  const all = [...told, ...folders.map(path => folderRecord(path, houses, newest))]
  return all.sort((a, b) => byText(a.path, b.path) || a.version - b.version)
}

/** NDJSON, one record a line. */
export const sampleText = (records: readonly SampleRecord[]): string =>
  records.map(record => `${JSON.stringify(record)}\n`).join('')
