// Goal: the sample that ships tells what this project is now, and any fleet takes it. Method: make it again from
// the sources and compare with the committed file; check every record as an import does.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { defaultAddressTemplate, newAddressTemplate } from '../../node/store/address-template.ts'
import { recordToContext } from '../../node/store/import-record.ts'
import { parseContext } from '../../node/store/schema.ts'
import { everyRole } from '../../scripts/sample/record.ts'
import { sampleRecords, sampleText } from '../../scripts/sample/records.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const file = fileURLToPath(new URL('../../sample/contexts.ndjson', import.meta.url))
const records = sampleRecords(root)

test('the committed sample is what the sources give', () => {
  const committed = readFileSync(file, 'utf8')
  const lines = new Set(committed.split('\n'))
  const news = records.filter(record => !lines.has(JSON.stringify(record))).map(record => record.path)
  assert.ok(
    committed === sampleText(records),
    `sample/contexts.ndjson is stale (${news.slice(0, 5).join(', ') || 'records left out or moved'}): run \`npm run -s sample\` and commit it`,
  )
})

test('every record can be imported under its own address', () => {
  const template = newAddressTemplate(defaultAddressTemplate)
  for (const record of records) {
    const { context, roles } = recordToContext(JSON.parse(JSON.stringify(record)))
    parseContext(context)
    template.expand(context)
    assert.ok(
      roles && roles.length > 0 && roles.every(role => (everyRole as readonly string[]).includes(role)),
    )
    assert.ok(record.summary !== '' && record.purpose !== '' && record.content !== '', record.path)
  }
})

test('versions of a path count from 1, and decisions name paths of the sample', () => {
  const paths = new Set(records.map(record => record.path))
  let before = { path: '', version: 0 }
  for (const record of records) {
    assert.equal(record.version, record.path === before.path ? before.version + 1 : 1, record.path)
    before = record
    const { follows, supersedes } = record.decision
    for (const named of supersedes === null ? follows : [...follows, supersedes])
      assert.ok(paths.has(named), named)
  }
  assert.ok(records.some(record => record.decision.follows.length > 0))
  assert.ok(records.some(record => record.version > 1))
})
