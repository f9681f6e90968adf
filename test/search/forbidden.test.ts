// Goal: whether there is something that an asker may not read shows in nothing that it is told. Method: two indexes that are alike
// but for what is forbidden, the same questions of every kind, and answers that must be alike to the last bit.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SearchRequest } from '../../node/search/api.ts'
import type { SearchHost } from '../../node/search/search-host.ts'
import { architect, developer, put, searchWith, security } from './fixtures.ts'

const roles = [developer]
const mine = Array.from({ length: 40 }, (_, i) =>
  put(`d${i}`, {
    title: `token ${i}`,
    content: `${'expiry '.repeat(1 + (i % 4))} session`,
    tags: [`tag${i % 3}`],
    project: i % 2 === 0 ? 'shop' : 'bank',
    confidence: (i % 10) / 10,
    writtenMs: 1000 + i,
    roles: i % 5 === 0 ? [developer, architect] : [developer],
  }),
)
/** With the same words and values and with others, older and newer; some take the place of one another. */
const forbidden = Array.from({ length: 200 }, (_, i) =>
  put(`s${i % 150}`, {
    title: `token geheim${i}`,
    content: `expiry tokenlike sessions ${'token '.repeat(i % 7)}`,
    tags: [`tag${i % 3}`, 'secret-tag'],
    project: i % 2 === 0 ? 'shop' : 'vault',
    path: `secret/${i}`,
    writtenMs: 500 + 100 * i,
    roles: i % 3 === 0 ? [security, architect] : [security],
  }),
)

const questions: Omit<SearchRequest, 'roles'>[] = [
  ...['', 'token', 'geheim100', 'tok*', '*ession', 'tokne~', '"token 7"', 'token -expiry', 'unheardof'].map(
    query => ({ query }),
  ),
  { query: 'token', sort: 'time' },
  { query: 'token', sort: 'confidence' },
  { query: 'expiry session', mode: 'all' },
  { query: '', filters: { project: ['vault'] } },
  { query: '', filters: { tags: ['secret-tag'] } },
  { query: '', filters: { role: [security] } },
  { query: '', filters: { pathPrefix: 'secret' } },
  { query: 'token', asOfMs: 1020 },
]

/** Every page, without how long it took and where it lies in the index. */
async function answersOf(host: SearchHost, asked: Omit<SearchRequest, 'roles'>): Promise<unknown[]> {
  const answers: unknown[] = []
  let cursor: string | null = null
  do {
    const question = { limit: 7, facets: ['project', 'tags', 'role', 'path'], fields: ['content'], ...asked }
    const answer = await host.search({ ...question, roles, ...(cursor !== null && { cursor }) })
    const { tookMs: _, ...told } = answer
    answers.push(told)
    cursor = answer.cursor
  } while (cursor !== null)
  return answers
}

test('an answer is the same whether there is something forbidden or not', async t => {
  const alone = await searchWith(t, mine)
  const among = await searchWith(t, [...forbidden.slice(0, 100), ...mine, ...forbidden.slice(100)])
  assert.equal((await among.search({ roles: [security], query: 'geheim100' })).total, 1, 'it is there')
  for (const question of questions)
    assert.deepEqual(
      await answersOf(among, question),
      await answersOf(alone, question),
      JSON.stringify(question),
    )
})

test('a refusal is the same whether there is something forbidden or not', async t => {
  const alone = await searchWith(t, mine)
  const among = await searchWith(t, [...mine, ...forbidden])
  const { cursor } = await among.search({ roles, query: 'token', limit: 1 })
  const wrong: Omit<SearchRequest, 'roles'>[] = [
    { query: '"geheim100' },
    { query: 'path:(' },
    { query: '', facets: ['geheim100'] },
    { query: '', index: 'secret' },
    { query: 'geheim100', cursor: cursor! },
  ]
  for (const question of wrong) {
    const [here, there] = await Promise.all(
      [alone, among].map(host => host.search({ roles, ...question }).catch((failure: unknown) => failure)),
    )
    assert.ok(here instanceof Error)
    assert.equal(String(there), String(here))
  }
})
