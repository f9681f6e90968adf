// Goal: a running fleet finds what it was told as well as the reference does, tells no role what is not for it, has no word
// of it in any file, and after a kill -9, or a wipe of its keys, has again exactly what stands. Method: three processes
// with everything; the two collections of the test data through `slurp batch import` and `POST /v1/search`.
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { discountedGain, judgementsOf, recordsOf } from '../search/judgements.ts'
import { sharedData } from '../shared-data.ts'
import { Fleet, until } from './fleet.ts'

const work = mkdtempSync(join(tmpdir(), 'slurp-search-'))
const peers = ['p1', 'p2', 'p3']
const canary = 'kanarienvogelsuche'
const at = (path: string) => `ucxl://any:any@canaries:any/*^/${path}`
const collections = [
  { name: 'cranfield', reference: 0.5157 },
  { name: 'medline', reference: 0.6897 },
] as const
let fleet: Fleet

before(async () => {
  fleet = await Fleet.start(join(work, 'fleet'), work, ['--empty', '--peers', '3'])
  for (const name of peers) await until(`${name} is ready`, () => fleet.isReady(name), 60_000)
  await fleet.settled()
})
after(async () => {
  await fleet.stop()
  rmSync(work, { recursive: true, force: true })
})

type Found = {
  hits: { address: string; version: string; role: string }[]
  total: number
  coverage: number
  facets: Record<string, { value: string; count: number }[]>
  missing: unknown[]
  error?: { code: string; message: string; hint: string }
}

async function search(name: string, question: object): Promise<Found> {
  return (await fleet.call(name, 'POST', '/v1/search', question)).body as unknown as Found
}

/** A peer answers for the whole fleet, and finds so many. */
async function finds(name: string, question: object, total: number, withinMs = 120_000): Promise<void> {
  let last: unknown = null
  const isFound = async () => {
    const { hits: _, facets: __, ...found } = await search(name, question)
    last = found
    return found.coverage === 1 && found.total === total
  }
  try {
    await until(`${name} finds ${total} for ${JSON.stringify(question)}`, isFound, withinMs)
  } catch (failure) {
    throw new Error(`${(failure as Error).message}; at last ${JSON.stringify(last)}`)
  }
}

const put = async (name: string, path: string, context: object, roles = '') => {
  const { status, body } = await fleet.call(name, 'PUT', fleet.context(at(path), roles), context)
  assert.equal(status, 200, JSON.stringify(body))
}

for (const { name: collection, reference } of collections) {
  test(`${collection} is ranked as well as by the reference, at every door`, async t => {
    const read = (name: string) => readFileSync(sharedData(`ir/${collection}/${name}`))
    const documents = recordsOf<{ id: string; title: string; text: string }>(
      gunzipSync(read('docs.ndjson.gz')).toString(),
    )
    const file = join(work, `${collection}.ndjson`)
    const lines = documents.map(({ id, title, text }) =>
      JSON.stringify({ project: collection, path: `docs/${id}`, title, content: text }),
    )
    writeFileSync(file, `${lines.join('\n')}\n`)
    const imported = await fleet.slurp('p1', ['batch', 'import', file, '--json'])
    assert.equal(imported.code, 0, imported.out + imported.err)
    rmSync(file)
    const filters = { project: [collection] }
    for (const peer of peers) await finds(peer, { filters }, documents.length)
    const judged = judgementsOf(read('qrels.tsv').toString())
    const queries = recordsOf<{ id: string; text: string }>(read('queries.ndjson').toString())
    let sum = 0
    for (const [number, { id, text }] of queries.filter(each => judged.has(each.id)).entries()) {
      const grades = judged.get(id)!
      const { hits, coverage } = await search(peers[number % 3]!, { query: text, filters, highlights: false })
      assert.equal(coverage, 1)
      const found = hits.map(({ address }) => grades.get(address.split('/').at(-1)!) ?? 0)
      const ideal = discountedGain([...grades.values()].sort((a, b) => b - a))
      sum += ideal === 0 ? 0 : discountedGain(found) / ideal
    }
    const quality = sum / judged.size
    t.diagnostic(`nDCG@10 ${quality.toFixed(4)}, reference ${reference}`)
    assert.ok(quality >= reference, `nDCG@10 is ${quality}`)
  })
}

test('what is not for a role shows in nothing that it is told', async () => {
  const secret = { title: `${canary} geheim`, content: `${canary} content`, tags: [`${canary}-tag`] }
  await put('p1', 'secret', secret, '?roles=security')
  await put('p1', 'open', { title: `${canary} open`, tags: ['open'] }, '?roles=developer,tester')
  const asDeveloper = { roles: ['developer'], facets: ['tags', 'project', 'path', 'role'] }
  for (const name of peers) {
    await finds(name, { query: canary }, 2)
    for (const query of [canary, `${canary}~`, 'kanarien*', '*vogelsuche', 'geheim', '']) {
      const answer = await search(name, { query, filters: { project: ['canaries'] }, ...asDeveloper })
      assert.equal(answer.total, query === 'geheim' ? 0 : 1, query)
      assert.ok(answer.hits.every(({ role }) => role === 'developer'))
      assert.doesNotMatch(JSON.stringify(answer), /geheim|security|-tag|secret/)
    }
  }
  const unknown = await fleet.slurp('p1', ['search', canary, '--role', 'nobody', '--json'])
  assert.deepEqual([unknown.code, JSON.parse(unknown.out).error.code], [2, 'ROLE_UNKNOWN'])
  const wrong = await fleet.slurp('p1', ['search', '(a OR "b', '--json'])
  assert.equal(wrong.code, 2)
  assert.match(JSON.parse(wrong.out).error.message, /Character 7/)
})

test('what is wrong with a question is told in the same words at both doors, with what to do', async () => {
  const first = (await fleet.call('p1', 'POST', '/v1/search', { query: canary, limit: 1 })).body
  const wrong: [string[], object, string, number, number][] = [
    [['(a OR "b'], { query: '(a OR "b' }, 'QUERY_INVALID', 2, 400],
    [['colour:red'], { query: 'colour:red' }, 'QUERY_INVALID', 2, 400],
    [['token', '--facets', 'content'], { query: 'token', facets: ['content'] }, 'USAGE', 2, 400],
    [['token', '--fields', 'colour'], { query: 'token', fields: ['colour'] }, 'USAGE', 2, 400],
    [['token', '--cursor', 'old'], { query: 'token', cursor: 'old' }, 'CURSOR_INVALID', 2, 400],
    [['token', '--index', 'code'], { query: 'token', index: 'code' }, 'INDEX_UNKNOWN', 4, 404],
    [['token', '--role', 'nobody'], { query: 'token', roles: ['nobody'] }, 'ROLE_UNKNOWN', 2, 400],
    [['token', '--as-of', 'lately'], { query: 'token', asOf: 'lately' }, 'USAGE', 2, 400],
    [['token', '--as-of', at('nothing')], { query: 'token', asOf: at('nothing') }, 'NOT_FOUND', 4, 404],
  ]
  const cursor = String(first.cursor)
  wrong.push([['other', '--cursor', cursor], { query: 'other', cursor }, 'CURSOR_INVALID', 2, 400])
  for (const [args, question, code, exit, status] of wrong) {
    const typed = await fleet.slurp('p1', ['search', ...args, '--json'])
    const { error } = JSON.parse(typed.out) as { error: { code: string; message: string; hint: string } }
    assert.deepEqual([error.code, typed.code], [code, exit], args.join(' '))
    assert.ok(error.hint.length > 10, error.hint)
    const answered = await fleet.call('p2', 'POST', '/v1/search', question)
    assert.deepEqual([answered.status, answered.body.error], [status, error], args.join(' '))
  }
  const rebuild = await fleet.slurp('p1', ['index', 'rebuild', 'code', '--json'])
  assert.deepEqual([rebuild.code, JSON.parse(rebuild.out).error.code], [4, 'INDEX_UNKNOWN'])
})

test('the past is searched by a time, and by a version of another context', async () => {
  const word = `${canary}plan`
  await put('p1', 'plan', { title: `${word} one` })
  await put('p2', 'decided', { title: 'first' })
  await put('p3', 'plan', { title: `${word} two` })
  await put('p1', 'decided', { title: 'second' })
  for (const name of peers) {
    await finds(name, { query: `"${word} two"` }, 1)
    const then = { asOf: `ucxl://any:any@canaries:any/~~1/decided` }
    await finds(name, { query: `"${word} one"`, ...then }, 1)
    await finds(name, { query: `"${word} two"`, ...then }, 0)
  }
  const typed = await fleet.slurp('p2', [
    'search',
    word,
    '--as-of',
    'ucxl://any:any@canaries:any/*~/decided',
    '--json',
  ])
  assert.equal((JSON.parse(typed.out) as Found).hits.length, 1)
})

test('an index of another kind is made at the next start, without a pause of the main one', async () => {
  const exact = [{ name: 'exact', analyzers: { title: 'exact' } }]
  const file = join(fleet.dir, 'p3', 'peer.json')
  await fleet.kill('p3')
  writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), indexes: exact }))
  await fleet.revive('p3')
  await fleet.settled()
  await put('p1', 'kin', { title: `${canary}s gliding` })
  const filters = { project: ['canaries'] }
  await finds('p3', { query: 'glide', filters }, 1)
  await finds('p3', { query: 'glide', index: 'exact', filters }, 0)
  await finds('p3', { query: 'gliding', index: 'exact', filters }, 1)
  const listed = await fleet.slurp('p3', ['index', 'ls', '--json'])
  const { indexes } = JSON.parse(listed.out) as { indexes: { name: string; ready: boolean }[] }
  assert.deepEqual(
    indexes.map(({ name, ready }) => [name, ready]),
    [
      ['main', true],
      ['exact', true],
    ],
  )
  assert.equal((await fleet.slurp('p3', ['index', 'rebuild', 'exact', '--json'])).code, 0)
  const unknown = await fleet.slurp('p1', ['search', 'gliding', '--index', 'exact', '--json'])
  assert.deepEqual([unknown.code, JSON.parse(unknown.out).error.code], [4, 'INDEX_UNKNOWN'])
})

test('after a kill -9 a peer has again what stands, and nothing else', async () => {
  const words = Array.from({ length: 40 }, (_, number) => `${canary}${number}x`)
  for (const [number, word] of words.entries())
    await put(peers[number % 3]!, `many/${number}`, { title: word })
  await fleet.kill('p3')
  for (let number = 0; number < 10; number++) {
    const { status } = await fleet.call('p1', 'DELETE', fleet.context(at(`many/${number}`)))
    assert.equal(status, 200)
  }
  await put('p2', 'many/10', { title: `${canary}changed` })
  await put('p2', 'later', { title: `${canary}later` })
  await fleet.revive('p3')
  await fleet.settled()
  for (const name of peers) {
    await finds(name, { query: `${canary}later` }, 1)
    for (const [number, word] of words.entries()) await finds(name, { query: word }, number <= 10 ? 0 : 1)
    await finds(name, { query: `${canary}changed` }, 1)
  }
  const ended = await search('p3', { query: words[3], asOf: new Date().toISOString() })
  assert.equal(ended.total, 0, 'what was deleted is not in the past either')
})

test('what expires is found no more', async () => {
  await put('p1', 'brief', { title: `${canary}brief` }, '?ttl=6')
  for (const name of peers)
    await until(name, async () => (await search(name, { query: `${canary}brief` })).total <= 1)
  for (const name of peers) await finds(name, { query: `${canary}brief` }, 0)
})

test('a peer whose keys are wiped finds nothing, and says why, until they are back', async () => {
  assert.equal((await fleet.slurp('p2', ['key', 'seal'])).code, 0)
  const refused = await fleet.slurp('p2', ['search', canary, '--json'])
  assert.deepEqual([refused.code, JSON.parse(refused.out).error.code], [9, 'SEALED'])
  assert.equal((await fleet.slurp('p2', ['index', 'stats', '--json'])).code, 9)
  assert.equal((await search('p1', { query: `${canary}later` })).coverage, 1, 'the others have everything')
  assert.equal((await fleet.slurp('p2', ['key', 'unseal'])).code, 0)
  await finds('p2', { query: `${canary}later` }, 1)
})

test('the index is looked after from the command line', async () => {
  for (const args of [
    ['index', 'ls'],
    ['index', 'optimize'],
    ['index', 'rebuild'],
    ['index', 'verify'],
  ]) {
    const { code, out, err } = await fleet.slurp('p1', [...args, '--json'])
    assert.equal(code, 0, out + err)
  }
  await finds('p1', { query: `${canary}later` }, 1)
  const { out } = await fleet.slurp('p1', ['search', `${canary}later`])
  assert.match(out, /ucxl:\/\/any:any@canaries:any\/\*\^\/later.*\n.*\n.*later\n\n1 context\n/)
})

test('no word of it is in any file', async () => {
  // As they lie while the peers run, and as a stop leaves them.
  const lookOnce = () => {
    let files = 0
    for (const file of readdirSync(fleet.dir, { recursive: true, withFileTypes: true })) {
      if (!file.isFile()) continue
      files += 1
      const bytes = readFileSync(join(file.parentPath, file.name)).toString('latin1')
      for (const word of [canary, 'aerodynam', 'boundary layer', 'lens protein'])
        assert.ok(!bytes.toLowerCase().includes(word), `${word} in ${file.name}`)
    }
    return files
  }
  // What a compaction puts in the place of a file was in no list yet: then all is looked at again.
  const look = () => {
    for (let tries = 1; ; tries++) {
      try {
        return lookOnce()
      } catch (failure) {
        if (tries === 20 || (failure as NodeJS.ErrnoException).code !== 'ENOENT') throw failure
      }
    }
  }
  assert.ok(look() > 30)
  await fleet.kill('p2')
  await fleet.stop()
  look()
})
