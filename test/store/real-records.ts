import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { sharedData } from '../shared-data.ts'

export type RealRecord = Record<string, unknown> & {
  project: string
  path: string
  version: number
  roles: string[]
}

let records: Promise<RealRecord[]> | null = null

/** The 6,684 real records, parsed once a process. */
export function realRecords(): Promise<RealRecord[]> {
  records ??= Promise.resolve().then(() =>
    gunzipSync(readFileSync(sharedData('contexts.ndjson.gz')))
      .toString('utf8')
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line) as RealRecord),
  )
  return records
}
