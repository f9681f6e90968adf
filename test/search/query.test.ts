// Goal: the query language means what its page says, and what cannot be read is named by its place. Method: a few
// documents through the port, and a table of mistakes.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SlurpError } from '../../base/errors.ts'
import { developer, found, put, searchWith } from './fixtures.ts'

const documents = [
  put('expiry', { title: 'Token expiry', content: 'Tokens are refused when they are older than an hour.' }),
  put('rotation', { content: 'Rotation of the signing key; see rotateSigningKey in key_rotation.ts.' }),
  put('login', {
    summary: 'Users log in with a passkey',
    tags: ['auth', 'user-interface'],
    content: 'No tokens here.',
  }),
  put('state', { content: 'The state of the art. An art of its own.', path: 'docs/design/state.md' }),
  put('café', { content: 'Der Zugang über das Café ist naïve.' }),
]

const questions: [string, string[], ('any' | 'all')?][] = [
  ['tokens', ['expiry', 'login']],
  ['expired token', ['expiry', 'login']],
  ['refused passkey', ['expiry', 'login']],
  ['refused passkey', [], 'all'],
  ['token refused', ['expiry'], 'all'],
  ['token -passkey', ['expiry']],
  ['passkey OR rotation', ['login', 'rotation']],
  ['passkey OR rotation key', ['rotation'], 'all'],
  ['passkey AND tokens', ['login']],
  ['(passkey OR refused) AND -login -hour', ['login']],
  ['"signing key"', ['rotation']],
  ['"key signing"', []],
  ['"state of the art"', ['state']],
  ['"state art"', []],
  ['rota*', ['rotation']],
  ['*tation', ['rotation']],
  ['*efus*', ['expiry']],
  ['r*ion', ['rotation']],
  ['paskey~', ['login']],
  ['rotatoin~', ['rotation']],
  ['tags:auth', ['login']],
  ['tag:user-interface', ['login']],
  ['title:token', ['expiry']],
  ['content:expiry', []],
  ['path:design', ['state']],
  ['rotateSigningKey', ['rotation']],
  ['rotatesigningkey', ['rotation']],
  ['key_rotation.ts', ['rotation']],
  ['cafe', ['café']],
  ['NAÏVE', ['café']],
  ['-token', ['café', 'rotation', 'state']],
  ['', ['café', 'expiry', 'login', 'rotation', 'state']],
  ['who (knows of passkey', ['login']],
  ['unheardof', []],
]

test('questions find what they mean', async t => {
  const host = await searchWith(t, documents)
  for (const [query, names, mode] of questions) {
    const got = await found(host, query, mode === undefined ? {} : { mode })
    assert.deepEqual(got.sort(), [...names].sort(), query)
  }
})

const mistakes: [string, number][] = [
  ['token "expiry', 7],
  ['(token OR expiry', 1],
  ['token OR expiry)', 16],
  ['token OR', 9],
  ['AND token', 1],
  ['token AND OR expiry', 11],
  ['colour:red', 1],
  ['tags:(', 6],
  ['a b*', 3],
  ['ab~', 1],
  ['the of and', 1],
  ['()  OR x', 1],
]

test('a query that cannot be read is refused with the place and a hint', async t => {
  const host = await searchWith(t, documents)
  for (const [query, character] of mistakes) {
    await assert.rejects(
      host.search({ roles: [developer], query }),
      (thrown: unknown) =>
        thrown instanceof SlurpError &&
        thrown.code === 'QUERY_INVALID' &&
        thrown.message.startsWith(`Character ${character} of the query: `) &&
        thrown.hint.length > 10,
      query,
    )
  }
  const many = Array.from({ length: 40 }, (_, i) => `word${i}`).join(' ')
  await assert.rejects(host.search({ roles: [developer], query: many, mode: 'all' }), {
    code: 'QUERY_INVALID',
  })
  assert.deepEqual(await found(host, many), [])
  await assert.rejects(host.search({ roles: [developer], query: 'a'.repeat(5000) }), {
    code: 'QUERY_INVALID',
  })
})

test('what else is wrong with a request is named', async t => {
  const host = await searchWith(t, documents)
  const bad = [
    { limit: 0 },
    { limit: 101 },
    { sort: 'size' },
    { fields: ['roles'] },
    { facets: ['colour'] },
    { filters: { colour: ['red'] } },
    { filters: { tags: 'auth' } },
    { maxTokens: -1 },
    { roles: [] },
  ]
  for (const more of bad) {
    const request = { roles: [developer], query: 'token', ...more }
    await assert.rejects(host.search(request as never), { code: 'USAGE' }, JSON.stringify(more))
  }
  await assert.rejects(host.search({ roles: [developer], query: 'x', index: 'other' }), {
    code: 'INDEX_UNKNOWN',
  })
  await assert.rejects(host.search({ roles: ['manager' as never], query: 'x' }), { code: 'INDEX_UNKNOWN' })
})
