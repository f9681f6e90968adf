// Goal: the paths of retention hold requests to their schemas, hand them on, and answer with rules and stable codes.
// Method: a door on rules in memory.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openTestDoor } from './open-door.ts'

const post = (body: unknown): RequestInit => ({ method: 'POST', body: JSON.stringify(body) })

async function openRetentionDoor(t: Parameters<typeof openTestDoor>[0]) {
  const opened = await openTestDoor(t)
  return async (path: string, init?: RequestInit) => {
    const { status, text } = await opened.ask(path, init)
    return { status, said: JSON.parse(text) as Record<string, unknown> & { error: { code: string } } }
  }
}

test('rules are set, listed by name and taken away', async t => {
  const ask = await openRetentionDoor(t)
  const keepAll = { versions: null, ageSeconds: null }
  assert.deepEqual((await ask('/v1/retention')).said, { default: keepAll, projects: [] })
  const shop = { project: 'shop', versions: 5, ageSeconds: 3600 }
  await ask('/v1/retention', post(shop))
  const more = { project: 'müll eimer', versions: null, ageSeconds: null }
  const set = await ask('/v1/retention', post(more))
  assert.deepEqual([set.status, set.said], [200, { default: keepAll, projects: [more, shop] }])
  await ask('/v1/retention', post({ project: null, versions: 9, ageSeconds: null }))
  await ask('/v1/retention/unset', post({ project: 'müll eimer' }))
  const listed = { default: { versions: 9, ageSeconds: null }, projects: [shop] }
  assert.deepEqual((await ask('/v1/retention')).said, listed)
})

test('a preview says what would go, and sets nothing', async t => {
  const ask = await openRetentionDoor(t)
  const { said } = await ask(
    '/v1/retention/preview',
    post({ project: 'shop', rule: { versions: 7, ageSeconds: null } }),
  )
  assert.deepEqual(said, { contexts: 2, versions: 7, untold: 1, partitions: 12, partitionsTotal: 16 })
  assert.equal((await ask('/v1/retention/preview', post({ project: null, rule: null }))).status, 200)
  assert.deepEqual((await ask('/v1/retention')).said.projects, [])
})

const wrong: [string, unknown][] = [
  ['/v1/retention', { project: 'shop', versions: 0, ageSeconds: null }],
  ['/v1/retention', { project: 'shop', versions: 1.5, ageSeconds: null }],
  ['/v1/retention', { project: 'shop', versions: '3', ageSeconds: null }],
  ['/v1/retention', { project: 'shop', versions: 3 }],
  ['/v1/retention', { versions: 3, ageSeconds: null }],
  ['/v1/retention', { project: '', versions: 3, ageSeconds: null }],
  ['/v1/retention', { project: 'shop', versions: null, ageSeconds: -1 }],
  ['/v1/retention', { project: 'shop', versions: 3, ageSeconds: null, days: 3 }],
  ['/v1/retention/unset', {}],
  ['/v1/retention/preview', { project: 'shop' }],
]

test('a body that does not fit is refused and changes nothing', async t => {
  const ask = await openRetentionDoor(t)
  for (const [path, body] of wrong) {
    const { status, said } = await ask(path, post(body))
    assert.deepEqual([status, said.error.code], [400, 'USAGE'], `${path} ${JSON.stringify(body)}`)
  }
  const slash = await ask('/v1/retention', post({ project: 'a/b', versions: 3, ageSeconds: null }))
  assert.deepEqual([slash.status, slash.said.error.code], [400, 'ADDRESS_INVALID'])
  assert.deepEqual((await ask('/v1/retention')).said.projects, [])
})
