import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { sampleRecords, sampleText } from './sample/records.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const file = fileURLToPath(new URL('../sample/contexts.ndjson', import.meta.url))

const records = sampleRecords(root)
mkdirSync(dirname(file), { recursive: true })
writeFileSync(file, sampleText(records))
console.log(`wrote ${records.length} contexts to sample/contexts.ndjson`)
