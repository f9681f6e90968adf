// Goal: a comparison says what changed between any two versions, and nothing else. Method: the rules on contexts alone, and
// versions of two processes of one fleet.
import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { compareFields } from '../../../node/store/compare/compare.ts'
import { textChange } from '../../../node/store/compare/text-change.ts'
import { onBothFleets } from '../both-fleets.ts'
import { refusal } from '../refusal.ts'
import { newAddress, withTime } from '../stores.ts'

test('fields come, go and change; lists are sets; decision and metadata are taken apart', () => {
  const changes = compareFields(
    {
      title: 'one',
      tags: ['a', 'b', 'b'],
      insights: ['x', 'y'],
      overridesParent: true,
      decision: { reason: 'first', confidence: 0.5, supersedes: null },
      metadata: { deep: { a: 1, b: [2] }, gone: 1 },
    },
    {
      summary: 'new',
      tags: ['c', 'a'],
      insights: ['y', 'x', 'y'],
      overridesParent: false,
      decision: { reason: 'first', confidence: 0.75 },
      metadata: { deep: { b: [2], a: 1 } },
    },
  )
  deepEqual(changes, [
    { field: 'decision.confidence', change: 'changed', before: 0.5, after: 0.75 },
    { field: 'metadata.gone', change: 'removed', value: 1 },
    { field: 'overridesParent', change: 'changed', before: true, after: false },
    { field: 'summary', change: 'added', value: 'new' },
    { field: 'tags', change: 'changed', added: ['c'], removed: ['b'] },
    { field: 'title', change: 'removed', value: 'one' },
  ])
})

const word = fc.constantFrom('alpha', 'beta', ' ', '. ', 'gamma', 'ü', '  ')
const line = fc.constantFrom('one', 'two', '', 'three four', '- x')

test('words that stayed and went make the text before, those that stayed and came the text after', () => {
  fc.assert(
    fc.property(fc.array(word), fc.array(word), (old, now) => {
      const [before, after] = [old.join(''), now.join('')]
      const change = textChange(before, after)
      if (!('words' in change)) {
        ok('before' in change)
        return
      }
      const without = (kind: string) =>
        change.words
          .filter(run => run.kind !== kind)
          .map(run => run.text)
          .join('')
      deepEqual([without('added'), without('removed')], [before, after])
    }),
  )
})

test('hunks of lines turn the text before into the text after', () => {
  fc.assert(
    fc.property(fc.array(line, { minLength: 2 }), fc.array(line, { minLength: 2 }), (old, now) => {
      const change = textChange(`${old.join('\n')}\n`, `${now.join('\n')}\n`)
      ok('hunks' in change)
      const made: string[] = [...old]
      for (const { oldStart, oldLines, lines } of change.hunks.toReversed()) {
        const kept = lines.filter(each => !each.startsWith('-')).map(each => each.slice(1))
        made.splice(oldLines === 0 ? oldStart : oldStart - 1, oldLines, ...kept)
      }
      deepEqual(made, now)
    }),
  )
})

test('texts with next to nothing in common are given whole', () => {
  deepEqual(textChange('abc', 'xyz'), { before: 'abc', after: 'xyz' })
  const lines = (from: number) => Array.from({ length: 2_000 }, (_, at) => `${from + at}`).join('\n')
  ok('before' in textChange(lines(0), lines(10_000)))
  ok('hunks' in textChange(lines(0), lines(5)))
})

onBothFleets('comparing versions', check => {
  check('by time, by hop, by version, and of two contexts', async ({ store, other, pass, bench }) => {
    const [address, second] = [newAddress(), newAddress()]
    const first = await store.storeContext(address, { title: 'one two three', tags: ['a'] })
    await pass(10)
    const moment = `@${new Date(bench.processes[0]!.clock.wallMs()).toISOString()}`
    await pass(10)
    const middle = await other.storeContext(address, { title: 'one 2 three', tags: ['a'] })
    await store.storeContext(address, { title: 'one 2 three', tags: ['b'] })
    await store.storeContext(second, { title: 'one 2 three', tags: ['b'], content: 'more' })

    const title = {
      field: 'title',
      change: 'changed',
      words: [
        { kind: 'same', text: 'one ' },
        { kind: 'removed', text: 'two' },
        { kind: 'added', text: '2' },
        { kind: 'same', text: ' three' },
      ],
    }
    const tags = { field: 'tags', change: 'changed', added: ['b'], removed: ['a'] }
    const changes = async (from: string, to?: string) => (await other.compareContexts(from, to)).changes
    deepEqual(await changes(address), [tags], 'the last change')
    deepEqual(await changes(withTime(address, '*~')), [tags, title])
    deepEqual(await changes(withTime(address, moment), '*^'), [tags, title])
    deepEqual(await changes(withTime(address, '*~'), withTime(address, '~~1')), [title])
    deepEqual(await changes(`${address}#${first.version}`, middle.version), [title])
    deepEqual(await changes(address, second), [{ field: 'content', change: 'added', value: 'more' }])
    deepEqual(await changes(`${address}#${middle.version}`, `${address}#${middle.version}`), [])
    const { from, to } = await other.compareContexts(`${address}#${first.version}`, '~~1')
    deepEqual([from.address, from.version], [`${address}#${first.version}`, first.version])
    deepEqual([to.address, to.version], [withTime(address, '~~1'), middle.version])
  })

  check('what is no version, or nobody may read, is refused', async ({ store, other }) => {
    const address = newAddress()
    await store.storeContext(address, { title: '1' })
    const { version } = await store.deleteContext(address)
    await store.storeContext(address, { title: '2' }, { roles: ['tester'] })
    const codeOf = async (from: string, to?: string) => (await refusal(other.compareContexts(from, to))).code
    equal(await codeOf(address, version), 'ROLE_DENIED')
    equal(await codeOf(withTime(address, '*~'), version), 'VERSION_UNKNOWN', 'a deletion')
    equal(await codeOf(withTime(address, '*~'), 'f'.repeat(24)), 'VERSION_UNKNOWN')
    equal(await codeOf(withTime(address, '*~'), '000000000001000000000000'), 'VERSION_UNKNOWN')
    equal(await codeOf(withTime(address, '*~'), '~~9'), 'VERSION_UNKNOWN')
    equal(await codeOf(newAddress(), '*^'), 'NOT_FOUND')
    equal(await codeOf(address, 'yesterday'), 'USAGE')
    equal(await codeOf(address, '@yesterday'), 'ADDRESS_INVALID')
    equal(await codeOf(`${withTime(address, '*~')}#${version}`), 'ADDRESS_INVALID')
    match((await refusal(other.compareContexts(address, 'yesterday'))).hint, /slurp history/)
  })
})
