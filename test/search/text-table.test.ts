// Goal: a table of texts is a map of them, whatever is in them. Method: texts of few letters, some beyond ASCII and some cut in the
// middle of a character, beside a map.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Random, seeded } from '../../base/random.ts'
import { TextTable } from '../../node/search/analysis/text-table.ts'

const randomText = (random: Random) =>
  Array.from({ length: random.below(9) }, () => random.pick(['a', 'b', '/', '0', 'é', '語', '😀'])).join('')

test('a text has the number with which it came, and no other', () => {
  const random = seeded(1)
  const table = new TextTable()
  const known = new Map<string, number>()
  for (let turn = 0; turn < 20_000; turn++) {
    const text = randomText(random)
    assert.equal(table.find(text), known.get(text) ?? -1)
    if (!known.has(text)) known.set(text, known.size)
    assert.equal(table.add(text), known.get(text))
    assert.equal(table.size, known.size)
  }
  for (const [text, id] of known) assert.equal(table.textOf(id), text)
})

test('what is below a folder is found by whole names', () => {
  const random = seeded(2)
  const table = new TextTable()
  const paths = [...new Set(Array.from({ length: 2000 }, () => randomText(random)))]
  for (const path of paths) table.add(path)
  for (const folder of ['', 'a', 'a/b', 'é', '語/a']) {
    const bytes = Buffer.from(folder)
    const isBelow = (path: string) => folder === '' || path === folder || path.startsWith(`${folder}/`)
    for (const [id, path] of paths.entries()) assert.equal(table.isBelow(id, bytes), isBelow(path), path)
  }
})

test('half a character is found again, as long as it is asked for as it came', () => {
  const table = new TextTable()
  const half = '😀'.slice(0, 1)
  assert.equal(table.add(`a${half}`), 0)
  assert.equal(table.add(`a${half}`), 0)
  assert.equal(table.textOf(0), 'a\ufffd')
})
