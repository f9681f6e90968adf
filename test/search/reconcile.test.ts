// Goal: the index ends up with what the store has, whatever it had before. Method: stocks handed to the port of the worker,
// what it says is missing is fed, and everything is asked for.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ContextKey } from '../../base/ids.ts'
import { developer, keyOf, put, searchWith, versionAt } from './fixtures.ts'

const held = (name: string, ...times: number[]) => ({ key: keyOf(name), versions: times.map(versionAt) })

test('what the store has no more goes, what the index lacks is named', async t => {
  const host = await searchWith(t, [
    put('a', { title: 'apple', writtenMs: 1000 }),
    put('a', { title: 'apricot', writtenMs: 2000 }),
    put('b', { title: 'banana', writtenMs: 1000 }),
    put('c', { title: 'cherry', partition: 1 }),
  ])
  const names = async (asOfMs?: number) => {
    const { hits } = await host.search({ roles: [developer], query: '', ...(asOfMs && { asOfMs }) })
    return hits.map(({ address, version }) => `${address.at(-1)}${Number.parseInt(version.slice(0, 12), 16)}`)
  }
  const missing = await host.reconcile({
    held: [held('a', 2000, 3000), held('b'), held('d', 1000)],
    range: null,
  })
  assert.deepEqual(
    missing.map(({ key, version }) => [key, version]),
    [
      [keyOf('a'), versionAt(3000)],
      [keyOf('d'), versionAt(1000)],
    ],
  )
  assert.deepEqual((await names()).sort(), ['a2000', 'c1000'])
  assert.deepEqual(await names(1500), ['c1000'], 'the trimmed version is not in the past either')
  // A version that turned out never to have been: the one before stands again.
  const again = await host.reconcile({ held: [held('a', 1000)], range: null })
  assert.deepEqual(again, [{ key: keyOf('a'), version: versionAt(1000) }])
  assert.deepEqual(await names(), ['c1000'])
})

test('a range says that there is nothing else in it', async t => {
  const letters = [...'abcdefgh']
  const host = await searchWith(
    t,
    letters.map((name, at) => put(name, { title: name, partition: at % 2 })),
  )
  const even = letters.filter((_, at) => at % 2 === 0).sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))
  const count = async () => (await host.search({ roles: [developer], query: '' })).total
  const [first, second, third] = even.map(keyOf) as [ContextKey, ContextKey, ContextKey]
  await host.reconcile({ held: [], range: { partition: 0, after: first, through: second } })
  assert.equal(await count(), 7)
  await host.reconcile({
    held: [{ key: third, versions: [versionAt(1000)] }],
    range: { partition: 0, after: second, through: null },
  })
  assert.equal(await count(), 6)
  await host.reconcile({ held: [], range: { partition: 0, after: null, through: null } })
  assert.equal(await count(), 4)
})
