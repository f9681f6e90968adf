// Goal: the paths of keys hand requests on, and answer with states and stable codes. Method: a door on keys in memory.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openTestDoor } from './open-door.ts'

const post = (body: unknown): RequestInit => ({ method: 'POST', body: JSON.stringify(body) })

test('keys are shown, wiped, collected and dealt anew', async t => {
  const opened = await openTestDoor(t)
  const ask = async (path: string, init?: RequestInit) => {
    const { status, text } = await opened.ask(path, init)
    return { status, said: JSON.parse(text) as Record<string, unknown> & { error: { code: string } } }
  }
  assert.equal((await ask('/v1/keys')).said.state, 'open')
  const { secrets } = (await ask('/v1/keys/shares')).said as unknown as { secrets: { name: string }[] }
  assert.deepEqual(
    secrets.map(({ name }) => name),
    ['architect'],
  )
  assert.equal((await ask('/v1/keys/seal', post({}))).said.state, 'sealed')
  const { said } = await ask('/v1/keys')
  assert.deepEqual([said.state, said.short, said.missing], ['sealed', 1, ['p2']])
  opened.memory.keys.isAway = true
  const refused = await ask('/v1/keys/unseal', post({}))
  assert.deepEqual([refused.status, refused.said.error.code], [503, 'SEALED'])
  opened.memory.keys.isAway = false
  assert.equal((await ask('/v1/keys/unseal', post({}))).said.state, 'open')
  assert.deepEqual((await ask('/v1/keys/reshare', post({ force: true }))).said, {
    dealt: ['architect/1'],
    holders: ['p1'],
  })
  assert.equal((await ask('/v1/keys/reshare', post({ force: 'yes' }))).status, 400)
})
