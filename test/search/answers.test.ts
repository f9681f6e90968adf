// Goal: an answer is exactly what the asker's roles may see, counted, cut and turned page by page. Method: documents
// of several roles through the port.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SearchHost } from '../../node/search/search-host.ts'
import {
  architect,
  at,
  developer,
  found,
  keyOf,
  newDir,
  put,
  searchWith,
  security,
  startSearch,
  versionAt,
} from './fixtures.ts'

const some = [
  put('a', {
    project: 'p',
    tags: ['x', 'y'],
    status: 'accepted',
    confidence: 0.9,
    createdMs: 100,
    content: 'canary one',
  }),
  put('b', {
    project: 'p',
    tags: ['x'],
    status: 'proposed',
    path: 'docs/b.md',
    createdMs: 300,
    content: 'canary two',
  }),
  put('c', { project: 'q', roles: [security], tags: ['secret'], content: 'canary hidden whisper' }),
  put('d', {
    project: 'q',
    roles: [architect, developer],
    confidence: 0.5,
    path: 'docs/deep/d.md',
    createdMs: 200,
    content: 'canary three',
  }),
]

test('a role learns nothing of what it cannot read: hits, totals, facets, weights, patterns', async t => {
  const host = await searchWith(t, some)
  const without = await searchWith(
    t,
    some.filter((_, i) => i !== 2),
  )
  for (const query of ['canary', 'whisper', 'whis*', 'whispr~', '"hidden whisper"', '', '-nothing']) {
    const request = { roles: [developer], query, facets: ['project', 'tags', 'role'] }
    const { tookMs: _, ...answer } = await host.search(request)
    const { tookMs: __, ...expected } = await without.search(request)
    assert.deepEqual(answer, expected, query)
  }
  const both = await host.search({ roles: [developer, security], query: 'canary', facets: ['role'] })
  assert.equal(both.total, 4)
  assert.deepEqual(both.facets.role, [
    { value: 'developer', count: 3 },
    { value: 'security', count: 1 },
  ])
  assert.deepEqual(new Set(both.hits.map(({ role }) => role)), new Set([developer, security]))
})

test('words that only others may read do not take the place of what a pattern or a misspelling stands for', async t => {
  const others = Array.from({ length: 1100 }, (_, i) => `whispe${i.toString(36)}`)
  const host = await searchWith(t, [
    put('theirs', { roles: [security], content: others.join(' ') }),
    put('mine', { content: 'whispering whisperz' }),
  ])
  for (const query of ['whisp*', 'whispers~']) {
    const { total, cut } = await host.search({ roles: [developer], query })
    assert.deepEqual([total, cut], [1, []], query)
  }
  const { cut } = await host.search({ roles: [security], query: 'whisp*' })
  assert.deepEqual(cut, ['whisp*'])
})

test('filters, facets and sorts', async t => {
  const host = await searchWith(t, some)
  const names = (more: object) => found(host, 'canary', more).then(all => all.sort())
  assert.deepEqual(await names({ filters: { project: ['p'] } }), ['a', 'b'])
  assert.deepEqual(await names({ filters: { tags: ['y', 'z'] } }), ['a'])
  assert.deepEqual(await names({ filters: { status: ['accepted'], project: ['q'] } }), [])
  assert.deepEqual(await names({ filters: { pathPrefix: 'docs' } }), ['b', 'd'])
  assert.deepEqual(await names({ filters: { pathPrefix: 'docs/deep/' } }), ['d'])
  assert.deepEqual(await names({ filters: { pathPrefix: 'doc' } }), [])
  assert.deepEqual(await names({ filters: { createdFrom: 200, createdBefore: 300 } }), ['d'])
  assert.deepEqual(await names({ filters: { role: ['architect'] } }), ['d'])
  assert.deepEqual(await found(host, 'canary', { sort: 'time' }), ['b', 'd', 'a'])
  assert.deepEqual(await found(host, 'canary', { sort: 'confidence' }), ['a', 'd', 'b'])
  const { facets } = await host.search({
    roles: [developer],
    query: 'canary',
    facets: ['tags', 'project'],
    limit: 1,
  })
  assert.deepEqual(facets, {
    tags: [
      { value: 'x', count: 2 },
      { value: 'y', count: 1 },
    ],
    project: [
      { value: 'p', count: 2 },
      { value: 'q', count: 1 },
    ],
  })
})

test('highlights are offsets into the fields, and the snippet is a piece of one', async t => {
  const content = `${'Nothing of note. '.repeat(40)}Here connections are signed with a session key. Connected peers rest.`
  const host = await searchWith(t, [put('a', { title: 'Connect', content, tags: ['key', 'session key'] })])
  const { hits } = await host.search({
    roles: [developer],
    query: 'connect "session key"',
    fields: ['content'],
  })
  const [hit] = hits
  const marked = hit!.highlights.content!.map(([start, end]) => content.slice(start, end))
  assert.deepEqual(marked, ['connections', 'session key', 'Connected'])
  assert.deepEqual(hit!.highlights.tags, [[4, 15]])
  assert.deepEqual(hit!.highlights.title, [[0, 7]])
  assert.equal(hit!.snippetOf?.field, 'content')
  assert.ok(content.slice(hit!.snippetOf!.start).startsWith(hit!.snippet))
  assert.match(hit!.snippet, /connections are signed with a session key/)
  assert.deepEqual(hit!.context, { content })
})

test('maxTokens cuts behind a sentence, says so, and loses no hit', async t => {
  const sentence = 'Every canary sings in the morning. '
  const host = await searchWith(
    t,
    Array.from({ length: 5 }, (_, i) => put(`d${i}`, { content: sentence.repeat(40) })),
  )
  const request = { roles: [developer], query: 'canary', fields: ['content'], maxTokens: 450 }
  const first = await host.search(request)
  assert.ok(first.truncated)
  assert.ok(Buffer.byteLength(JSON.stringify(first.hits)) <= 450 * 4 + 100)
  const cut = first.hits.find(hit => hit.truncated)!
  const kept = String(cut.context?.content)
  assert.ok(kept.length > 0 && kept.length % sentence.length === sentence.length - 1, 'whole sentences')
  const names = new Set(first.hits.map(hit => hit.key))
  for (let cursor = first.cursor; cursor !== null; ) {
    const next = await host.search({ ...request, cursor })
    for (const { key } of next.hits) names.add(key)
    cursor = next.cursor
  }
  assert.equal(names.size, 5)
})

async function pages(host: SearchHost, between: (page: number) => Promise<void>): Promise<string[]> {
  const names: string[] = []
  let cursor: string | null = null
  for (let page = 0; page === 0 || cursor !== null; page++) {
    const request = { roles: [developer], query: 'canary song', limit: 7, ...(cursor !== null && { cursor }) }
    const answer = await host.search(request)
    names.push(...answer.hits.map(({ address }) => address.split('/').at(-1)!))
    cursor = answer.cursor
    await between(page)
  }
  return names
}

test('pages are those of one list, whatever is written meanwhile', async t => {
  const documents = Array.from({ length: 50 }, (_, i) =>
    put(`d${i}`, {
      content: `canary ${'song '.repeat(i % 7)} ${'filler '.repeat(i % 5)}`,
      writtenMs: 1000 + i,
    }),
  )
  const host = await searchWith(t, documents)
  const undisturbed = await pages(host, async () => undefined)
  assert.equal(new Set(undisturbed).size, 50)
  const disturbed = await pages(host, async page => {
    const late = Array.from({ length: 20 }, (_, i) =>
      put(`new${page}-${i}`, { content: 'canary song song song', writtenMs: 5000 + page }),
    )
    const again = put(`d${page * 3}`, { content: 'silence', writtenMs: 6000 + page })
    await host.apply([...late, again], at(100 + page))
  })
  assert.deepEqual(disturbed, undisturbed)
  const { cursor } = await host.search({ roles: [developer], query: 'canary', limit: 1 })
  const bad = { roles: [developer], query: 'song', limit: 1 }
  await assert.rejects(host.search({ ...bad, cursor: cursor! }), { code: 'CURSOR_INVALID' })
  await assert.rejects(host.search({ ...bad, cursor: 'abc' }), { code: 'CURSOR_INVALID' })
})

test('a later version, a removal, a trimmed history and a lost partition', async t => {
  const host = await searchWith(t, [
    put('a', { content: 'first', writtenMs: 1000 }),
    put('a', { content: 'second', writtenMs: 2000, roles: [architect] }),
    put('b', { content: 'first', writtenMs: 1000, partition: 3 }),
    put('b', { content: 'older', writtenMs: 500, partition: 3 }),
  ])
  const roles = [developer, architect]
  assert.deepEqual(await found(host, 'first'), ['b'])
  assert.deepEqual(await found(host, 'second', { roles }), ['a'])
  assert.deepEqual(await found(host, 'second'), [])
  assert.deepEqual((await found(host, 'first', { asOfMs: 1500 })).sort(), ['a', 'b'])
  assert.deepEqual(await found(host, 'older', { asOfMs: 600 }), ['b'])
  assert.deepEqual(await found(host, 'older'), [])
  assert.deepEqual(await found(host, 'first', { partitions: [3] }), ['b'])
  assert.deepEqual(await found(host, 'first', { partitions: [0] }), [])
  await host.apply([{ kind: 'trim', key: keyOf('b'), keepFrom: versionAt(1000) }], at(10))
  assert.deepEqual(await found(host, 'older', { asOfMs: 600 }), [])
  await host.apply([{ kind: 'remove', key: keyOf('a') }], at(11))
  assert.deepEqual(await found(host, '', { roles, asOfMs: 1500 }), ['b'])
  await host.apply([{ kind: 'removePartition', partition: 3 }], at(12))
  assert.deepEqual(await found(host, '', { roles, asOfMs: 1500 }), [])
})

test('an index that is being filled says so', async t => {
  const host = await startSearch(t, await newDir(t))
  assert.equal(await host.checkpoint(), null)
  await host.apply(some, at(4))
  assert.equal((await host.search({ roles: [developer], query: 'canary' })).complete, false)
  await host.noteComplete()
  assert.equal((await host.search({ roles: [developer], query: 'canary' })).complete, true)
  assert.deepEqual(await host.checkpoint(), at(4))
})
