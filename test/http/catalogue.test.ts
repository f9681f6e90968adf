// Goal: the paths on hierarchy, differences and decisions answer what the contract says, and refuse what it does not.
// Method: a real door on a peer in memory.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openTestDoor, pathOf, put } from './open-door.ts'

const at = (path: string) => `ucxl://any:any@shop:any/*^/${path}`

test('resolve merges, and explains where it is asked to', async t => {
  const { ask } = await openTestDoor(t)
  await ask(pathOf(at('')), put({ summary: 'root', tags: ['a'] }))
  await ask(pathOf(at('src/a')), put({ tags: ['b'] }))
  const plain = JSON.parse((await ask(`${pathOf(at('src/a'))}/resolve`)).text)
  assert.deepEqual(plain, { address: at('src/a'), context: { summary: 'root', tags: ['a', 'b'] } })
  for (const explain of ['1', 'true']) {
    const { text } = await ask(`${pathOf(at('src/a'))}/resolve?explain=${explain}`)
    const { sources, levels } = JSON.parse(text)
    assert.deepEqual(sources, { summary: [at('')], tags: [at(''), at('src/a')] })
    assert.equal(levels.length, 2)
  }
  const deep = at(Array.from({ length: 40 }, () => 'd').join('/'))
  const refused: [string, number, string][] = [
    [`${pathOf(deep)}/resolve`, 400, 'TOO_DEEP'],
    [`${pathOf('nowhere')}/resolve`, 400, 'ADDRESS_INVALID'],
    [`${pathOf(at('src/a'))}/resolve?explain=maybe`, 400, 'USAGE'],
    [`${pathOf(at('src/a'))}/resolve?depth=3`, 400, 'USAGE'],
  ]
  for (const [path, status, code] of refused) {
    const { status: found, body } = await ask(path)
    assert.deepEqual([found, body.error.code], [status, code], path)
    assert.ok(body.error.hint)
  }
})

test('diff compares with what is named, or shows the last change', async t => {
  const { ask } = await openTestDoor(t)
  await ask(pathOf(at('a')), put({ tags: ['a'], summary: 'x' }))
  await ask(pathOf(at('a')), put({ tags: ['b'], summary: 'x' }))
  await ask(pathOf(at('b')), put({ summary: 'x' }))
  const changes = async (query: string) =>
    JSON.parse((await ask(`${pathOf(at('a'))}/diff${query}`)).text).changes
  assert.deepEqual(await changes(''), [{ field: 'tags', change: 'changed', added: ['b'], removed: ['a'] }])
  assert.deepEqual(await changes(`?to=${encodeURIComponent(at('b'))}`), [
    { field: 'tags', change: 'removed', value: ['b'] },
  ])
  assert.equal((await ask(`${pathOf(at('a'))}/diff?to=tomorrow`)).body.error.code, 'USAGE')
})

test('lists, trees and stale contexts come in pages, under a prefix', async t => {
  const { ask } = await openTestDoor(t)
  for (const path of ['a', 'a/b', 'c']) await ask(pathOf(at(path)), put({ title: path }))
  await ask(pathOf(at('a')), put({ decision: { status: 'withdrawn' } }))
  await ask(pathOf(at('c')), put({ decision: { follows: ['a'] } }))
  const json = async (path: string) => JSON.parse((await ask(path)).text)
  const first = await json('/v1/contexts?prefix=shop&limit=2')
  assert.deepEqual([first.contexts.length, first.total], [2, 3])
  const rest = await json(`/v1/contexts?prefix=shop&cursor=${first.cursor}`)
  assert.deepEqual([rest.contexts[0].address, rest.cursor], [at('c'), null])
  const { nodes, coverage } = await json('/v1/tree?depth=1')
  assert.deepEqual(nodes, [{ project: 'shop', path: '', depth: 1, here: 0, contexts: 3 }])
  assert.deepEqual(coverage, { partitions: 16, partitionsHere: 16, partitionsTotal: 16, unlisted: 0 })
  const stale = await json('/v1/stale')
  assert.deepEqual(stale.contexts[0].follows, [
    { address: at('a'), standing: 'withdrawn', status: 'withdrawn', supersededBy: [] },
  ])
  const graph = await json(`${pathOf(at('c'))}/decisions?hops=5&direction=before`)
  assert.deepEqual(graph.links, [{ from: at('c'), to: at('a'), relation: 'follows' }])
  for (const path of [
    '/v1/contexts?limit=0',
    '/v1/contexts?cursor=x',
    '/v1/tree?depth=65',
    '/v1/stale?hops=1',
    `${pathOf(at('c'))}/decisions?hops=99`,
    `${pathOf(at('c'))}/decisions?direction=up`,
  ])
    assert.equal((await ask(path)).body.error.code, 'USAGE', path)
  assert.equal((await ask('/v1/contexts?prefix=a%2F%2Fb')).body.error.code, 'ADDRESS_INVALID')
  assert.equal((await ask('/v1/tree?role=nobody')).body.error.code, 'ROLE_UNKNOWN')
  assert.equal((await ask(`${pathOf(at('none'))}/decisions`)).status, 404)
})
