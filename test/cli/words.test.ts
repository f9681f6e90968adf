// Goal: a line at the prompt of the demo splits as a shell would split it. Method: examples, and any words quoted.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { splitWords } from '../../node/cli/demo/words.ts'

test('quotes and backslashes are taken as a shell takes them', () => {
  assert.deepEqual(splitWords(`put 'a b' --field summary="it's \\"so\\"" c\\ d ''`), [
    'put',
    'a b',
    '--field',
    `summary=it's "so"`,
    'c d',
    '',
  ])
  assert.deepEqual(splitWords('   '), [])
  assert.throws(() => splitWords(`get 'open`), /is not closed/)
})

test('any words survive quoting', () => {
  fc.assert(
    fc.property(fc.array(fc.string()), words => {
      const quoted = words.map(word => `'${word.replaceAll("'", `'\\''`)}'`)
      assert.deepEqual(splitWords(quoted.join(' ')), words)
    }),
  )
})
