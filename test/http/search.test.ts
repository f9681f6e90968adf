// Goal: the paths of the search answer what the contract says, refuse what it does not, and count and note what they did.
// Method: a real door on a peer in memory.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openTestDoor, pathOf } from './open-door.ts'

const post = (body: unknown) => ({
  method: 'POST',
  body: JSON.stringify(body),
  headers: { 'content-type': 'application/json' },
})

test('a question is taken as it is meant', async t => {
  const {
    ask,
    memory: { search },
  } = await openTestDoor(t)
  const whole = {
    query: 'token -draft',
    mode: 'all',
    filters: {
      project: ['shop'],
      tags: ['a', 'b'],
      pathPrefix: 'src',
      createdFrom: '2026-01-01',
      decidedBefore: '2026-02-01T00:00:00Z',
    },
    facets: ['project'],
    sort: 'time',
    limit: 5,
    asOf: '2026-03-01T00:00:00Z',
    fields: ['summary'],
    maxTokens: 100,
    highlights: false,
  }
  const { status, text } = await ask('/v1/search', post(whole))
  assert.equal(status, 200, text)
  const { asOf: _, filters, ...rest } = whole
  assert.deepEqual(search.asked, {
    ...rest,
    asOfMs: Date.UTC(2026, 2, 1),
    filters: { ...filters, createdFrom: Date.UTC(2026, 0, 1), decidedBefore: Date.UTC(2026, 1, 1) },
  })
  const answer = JSON.parse(text)
  assert.deepEqual([answer.total, answer.coverage, answer.missing], [1, 1, []])
  assert.deepEqual(answer.hits[0].highlights, { content: [[4, 9]] })
  assert.equal(JSON.parse((await ask('/v1/search', post({}))).text).total, 1)
})

test('the past is that of a time, or of when the version at an address was written', async t => {
  const {
    ask,
    memory: { search },
  } = await openTestDoor(t)
  const address = (temporal: string, path = 'plan') => `ucxl://any:any@shop:any/${temporal}/${path}`
  const put = async (summary: string) => {
    const { status, text } = await ask(pathOf(address('*^')), {
      ...post({ summary }),
      method: 'PUT',
    })
    assert.equal(status, 200, text)
  }
  for (const summary of ['first', 'second', 'third']) await put(summary)
  const history = JSON.parse((await ask(`${pathOf(address('*^'))}/history`)).text)
  const written = history.versions.map(({ writtenAt }: { writtenAt: string }) => Date.parse(writtenAt))
  const meant: [string, number][] = [
    ['2026-03-01', Date.UTC(2026, 2, 1)],
    [address('~~1'), written[1]],
    [address('*~'), written[2]],
    [address('^^1'), written[1]],
    [address('*^'), written[0]],
    [address('@2026-03-01T00:00:00Z'), Date.UTC(2026, 2, 1)],
  ]
  for (const [asOf, ms] of meant) {
    const { status, text } = await ask('/v1/search', post({ query: 'token', asOf }))
    assert.deepEqual([status, search.asked?.asOfMs], [200, ms], `${asOf}: ${text}`)
  }
  const refused: [string, string][] = [
    [address('~~1', 'nothing'), 'NOT_FOUND'],
    ['ucxl://nonsense', 'ADDRESS_INVALID'],
    ['~~1', 'USAGE'],
  ]
  for (const [asOf, code] of refused) {
    const { body } = await ask('/v1/search', post({ query: 'token', asOf }))
    assert.deepEqual([body.error.code, body.error.hint !== ''], [code, true], asOf)
  }
})

test('what is wrong is refused with its place and a way on', async t => {
  const { ask } = await openTestDoor(t)
  const refused: [unknown, number, string][] = [
    [{ query: '"open' }, 400, 'QUERY_INVALID'],
    [{ query: 'colour:red' }, 400, 'QUERY_INVALID'],
    [{ query: 7 }, 400, 'USAGE'],
    [{ limit: 101 }, 400, 'USAGE'],
    [{ facets: ['content'] }, 400, 'USAGE'],
    [{ filters: { colour: ['red'] } }, 400, 'USAGE'],
    [{ asOf: 'yesterday' }, 400, 'USAGE'],
    [{ words: 'x' }, 400, 'USAGE'],
    [{ roles: ['nobody'] }, 400, 'ROLE_UNKNOWN'],
  ]
  for (const [body, status, code] of refused) {
    const { status: found, body: answer } = await ask('/v1/search', post(body))
    assert.deepEqual([found, answer.error.code], [status, code], JSON.stringify(body))
    assert.ok(answer.error.hint)
  }
  const { body } = await ask('/v1/search', post({ query: 'a "b' }))
  assert.match(body.error.message, /^Character 3 of the query/)
})

test('the index is listed, looked after and refused under an unknown name', async t => {
  const { ask } = await openTestDoor(t)
  const json = async (path: string, init?: object) => JSON.parse((await ask(path, init)).text)
  assert.equal((await json('/v1/index')).indexes[0].name, 'main')
  assert.equal((await json('/v1/index/stats')).phase, 'following')
  for (const what of ['rebuild', 'optimize']) {
    assert.equal((await json(`/v1/index/${what}`, post({}))).complete, true)
    assert.equal((await json(`/v1/index/${what}`, post({ name: 'x' }))).error.code, 'INDEX_UNKNOWN')
  }
  assert.deepEqual(await json('/v1/index/verify', post({ name: 'main' })), { pieces: 3, damaged: 0 })
})

test('searches are counted by what was asked for', async t => {
  const {
    ask,
    memory: { search },
  } = await openTestDoor(t)
  for (const query of ['', 'token', 'token expiry', '"token expiry"', 'tok*', 'tokne~'])
    await ask('/v1/search', post({ query }))
  search.coverage = { coverage: 0.5, missing: [{ partitions: 8, peers: [{ name: 'p2', why: 'late' }] }] }
  await ask('/v1/search', post({ query: 'token' }))
  const { text } = await ask('/metrics')
  for (const [kind, count] of Object.entries({
    filter: 1,
    word: 2,
    words: 1,
    phrase: 1,
    pattern: 1,
    fuzzy: 1,
  }))
    assert.match(text, new RegExp(`slurp_search_duration_seconds_count{kind="${kind}"} ${count}\\n`))
  assert.match(text, /slurp_search_partial_total 1\n/)
  assert.match(text, /slurp_search_hits_total 7\n/)
  assert.match(text, /slurp_index_lag_seconds 0\n/)
})
