// Goal: an index of another kind stands beside the main one, finds what its words mean, and comes and goes while the main one
// answers. Method: a folder that is opened with one list of indexes and then with another.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import type { IndexConfiguration } from '../../node/search/engine/configuration.ts'
import { mainIndex } from '../../node/search/engine/configuration.ts'
import type { SearchHost } from '../../node/search/search-host.ts'
import { at, developer, found, keyOf, newDir, put, searchWith, security, startSearch } from './fixtures.ts'

/** A merge waits for ten quiet seconds. */
const calmWithinMs = 60_000

const code: IndexConfiguration = {
  name: 'code',
  analyzers: { content: 'exact', summary: 'none' },
  weights: { title: 3 },
}

const documents = [
  put('plural', { title: 'Tokens', content: 'if the token is not valid then return' }),
  put('single', { title: 'Words', summary: 'tokens', content: 'const tokens = parseTokens(text)' }),
]

test('each field is looked through as its analyzer says', async t => {
  const host = await searchWith(t, documents, [mainIndex, code])
  const inCode = (query: string, mode: 'any' | 'all' = 'any') =>
    found(host, query, { index: 'code', mode }).then(names => names.sort())
  const cases: [string, string[], ('any' | 'all')?][] = [
    // The title has stems, the content has not.
    ['token', ['plural']],
    ['tokens', ['plural', 'single']],
    ['title:token', ['plural']],
    ['content:token', ['plural']],
    ['content:tokens', ['single']],
    ['content:the', ['plural']],
    ['content:"if the token is not"', ['plural']],
    ['content:"if a token is not"', []],
    ['parsetokens', ['single']],
    ['parse tokens', ['single'], 'all'],
    ['content:tok*', ['plural', 'single']],
    ['content:*kens', ['single']],
    ['content:tokne~', ['plural']],
    ['words -content:token', ['single']],
    ['const OR return', ['plural', 'single']],
  ]
  for (const [query, names, mode] of cases) assert.deepEqual(await inCode(query, mode), names, query)
  assert.deepEqual(
    await found(host, 'token').then(names => names.sort()),
    ['plural', 'single'],
    'the main one',
  )
  await assert.rejects(inCode('summary:tokens'), { code: 'QUERY_INVALID' })
  const { hits } = await host.search({ roles: [developer], index: 'code', query: 'token' })
  assert.deepEqual(hits[0]!.highlights, { title: [[0, 6]], content: [[7, 12]] })
})

test('highlights are where the words stand as the analyzer of the field reads them, also in what a fan-out presents', async t => {
  const content = 'Const Tokens = parseTokens(token)'
  const host = await searchWith(t, [put('a', { title: 'Tokens', content })], [mainIndex, code])
  const cases: [string, string, string[]][] = [
    ['code', 'content:tokens', ['Tokens', 'Tokens']],
    ['code', 'content:token', ['token']],
    ['code', 'content:tok*', ['Tokens', 'Tokens', 'token']],
    ['code', 'content:*kens', ['Tokens', 'parseTokens']],
    ['code', 'content:"parse tokens"', ['parseTokens']],
    ['code', 'content:tokne~', ['token']],
    ['code', 'token', ['token']],
    ['code', '*kens', ['Tokens', 'parseTokens']],
    ['main', 'token', ['Tokens', 'Tokens', 'token']],
    ['main', '*kens', ['Tokens', 'parseTokens']],
  ]
  for (const [index, query, words] of cases) {
    const request = { roles: [developer], index, query }
    const { hits } = await host.search(request)
    const { candidates } = await host.rank(request)
    for (const [hit] of [hits, await host.present(candidates, request)])
      assert.deepEqual(
        hit!.highlights?.content?.map(([start, end]) => content.slice(start, end)),
        words,
        `${index}: ${query}`,
      )
  }
})

const many = Array.from({ length: 120 }, (_, i) =>
  put(`d${i}`, {
    content: `canary ${i}`,
    writtenMs: 1000 + i,
    roles: i % 3 === 0 ? [security] : [developer],
  }),
)
const roles = [developer, security]
const total = async (host: SearchHost, more: object = {}) =>
  (await host.search({ roles, query: 'canary', ...more })).total

test('a new index is made of the main one while that answers, and has what came meanwhile', async t => {
  const dir = await newDir(t)
  let host = await startSearch(t, dir)
  await host.apply([...many, put('d1', { content: 'canary again', writtenMs: 5000 })], at(1))
  await host.noteComplete()
  await host.close()
  for (const isCutOff of [true, false]) {
    host = await startSearch(t, dir, { indexes: [mainIndex, code] })
    assert.deepEqual(await host.checkpoint(), at(isCutOff ? 1 : 2), 'nothing has to be fed again')
    const { complete, total: counted } = await host.search({ roles, query: 'canary' })
    assert.deepEqual([complete, counted], [true, isCutOff ? 120 : 119])
    const [, made] = (await host.report()).indexes
    const early = await host.search({ roles, query: 'canary', index: 'code' })
    assert.equal(early.complete, made!.ready, 'what lacks something says so')
    if (isCutOff) {
      await host.apply([{ kind: 'remove', key: keyOf('d0') }], at(2))
      await host.close(false)
    }
  }
  await host.apply(
    [
      { kind: 'remove', key: keyOf('d2') },
      put('new', { content: 'canary', writtenMs: 9000 }),
      put('d3', { content: 'canary', writtenMs: 9000, roles: [developer] }),
    ],
    at(3),
  )
  await host.settled()
  const { indexes } = await host.report()
  assert.deepEqual(
    indexes.map(({ name, ready }) => [name, ready]),
    [
      ['main', true],
      ['code', true],
    ],
  )
  for (const asOfMs of [undefined, 1050, 5000, 8999]) {
    const more = asOfMs === undefined ? {} : { asOfMs }
    const inMain = await total(host, more)
    assert.ok(inMain > 40)
    assert.equal(await total(host, { ...more, index: 'code' }), inMain, `as of ${asOfMs}`)
  }
  assert.equal(await total(host, { query: 'again' }), 1)
  await host.close()
  host = await startSearch(t, dir, { indexes: [mainIndex, code] })
  assert.equal((await host.search({ roles, query: 'canary', index: 'code' })).complete, true)
  assert.equal(await total(host, { index: 'code' }), await total(host))
})

test('what is made in another way is made anew, and what is not wanted any more goes', async t => {
  const dir = await newDir(t)
  const open = (...more: IndexConfiguration[]) => startSearch(t, dir, { indexes: [mainIndex, ...more] })
  let host = await open(code)
  await host.apply(documents, at(1))
  await host.noteComplete()
  await host.close()
  host = await open({ ...code, analyzers: { content: 'english' } })
  await host.settled()
  assert.deepEqual((await found(host, 'content:token', { index: 'code' })).sort(), ['plural', 'single'])
  assert.deepEqual(await host.checkpoint(), at(1))
  await host.close()
  host = await open()
  await assert.rejects(found(host, 'token', { index: 'code' }), { code: 'INDEX_UNKNOWN' })
  assert.equal((await host.report()).indexes.length, 1)
  assert.equal((await found(host, 'token')).length, 2)
})

test('an index without a past has only what holds now, also when it is made of one that has it', async t => {
  const dir = await newDir(t)
  let host = await startSearch(t, dir)
  await host.apply([put('a', { content: 'before' }), put('a', { content: 'now', writtenMs: 2000 })], at(1))
  await host.noteComplete()
  await host.close()
  host = await startSearch(t, dir, { indexes: [mainIndex, { name: 'now', history: false }] })
  await host.settled()
  const past = { asOfMs: 1500 }
  assert.deepEqual(await found(host, 'before', past), ['a'])
  await assert.rejects(found(host, 'before', { ...past, index: 'now' }), { code: 'USAGE' })
  assert.deepEqual(await found(host, 'now', { index: 'now' }), ['a'])
  const [, report] = (await host.report()).indexes
  assert.equal(
    report!.shelves.reduce((sum, { ended }) => sum + ended, 0),
    0,
  )
})

test('what came in many small parts is made into few when nothing comes in', async t => {
  const host = await startSearch(t, await newDir(t))
  const parts = 7
  for (let part = 0; part < parts; part++)
    await host.apply([put(`part${part}`, { title: 'token', writtenMs: 1000 + part })], at(part))
  await host.noteComplete()
  const segments = async () => (await host.report()).indexes[0]!.shelves[0]!.segments
  const before = await found(host, 'token')
  assert.equal(await segments(), parts)
  for (const endMs = Date.now() + calmWithinMs; (await segments()) > 1; await setTimeout(100))
    assert.ok(Date.now() < endMs, 'it is tidied in the end')
  assert.deepEqual(await found(host, 'token'), before)

  await host.apply([put('late', { title: 'token' })], at(parts))
  await host.settled()
  assert.equal(await segments(), 2, 'one that is small beside it does not have all of it written anew')
})
