// Goal: the HTTP paths of contexts answer as the contract of DESIGN section 7 says, and what does not fit is
// refused with one sentence, the right status and nothing changed. Method: a real door on a peer in memory.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { advice } from '../../base/errors.ts'
import { openTestDoor, pathOf, put } from './open-door.ts'

const address = 'ucxl://any:any@notes:any/*^/a/b'

test('a context is stored, read, listed and deleted', async t => {
  const { ask } = await openTestDoor(t)
  const stored = await ask(
    `${pathOf(address)}?roles=architect,developer&ifVersion=none&ttl=60`,
    put({ summary: 'one' }),
  )
  assert.equal(stored.status, 200)
  assert.deepEqual(Object.keys(stored.body).sort(), [
    'acks',
    'address',
    'parent',
    'replicas',
    'roles',
    'version',
  ])
  const read = await ask(`${pathOf(address)}?consistency=linearizable`)
  assert.equal(read.body.version, stored.body.version)
  assert.deepEqual(read.body.context, { summary: 'one' })
  const listed = await ask(`${pathOf(address)}/history?limit=5`)
  assert.equal(listed.body.versions.length, 1)
  assert.equal(listed.body.cursor, null)
  const gone = await ask(`${pathOf(address)}?ifVersion=${stored.body.version}`, { method: 'DELETE' })
  assert.equal(gone.status, 200)
  assert.equal((await ask(pathOf(address))).body.error.code, 'NOT_FOUND')
})

test('a conflict is 409 with the version that stands', async t => {
  const { ask } = await openTestDoor(t)
  const stored = await ask(pathOf(address), put({ summary: 'one' }))
  const refused = await ask(`${pathOf(address)}?ifVersion=none`, put({ summary: 'two' }))
  assert.equal(refused.status, 409)
  assert.equal(refused.body.error.code, 'VERSION_CONFLICT')
  assert.deepEqual(refused.body.current, { version: stored.body.version })
})

test('any path survives percent-encoding', async t => {
  const { ask } = await openTestDoor(t)
  const segment = fc
    .string({ minLength: 1, maxLength: 12, unit: 'grapheme' })
    .filter(text => text === text.normalize() && text.isWellFormed())
  await fc.assert(
    fc.asyncProperty(segment, async text => {
      const written = `ucxl://any:any@notes:any/*^/${encodeURIComponent(text)}`
      const { status, body } = await ask(pathOf(written), put({ summary: text }))
      if (status !== 200) return assert.equal(body.error.code, 'ADDRESS_INVALID')
      const read = await ask(pathOf(written))
      assert.equal(read.body.context.summary, text)
      assert.equal(read.body.address, body.address)
    }),
    { numRuns: 60 },
  )
})

const refusals: {
  name: string
  path: string
  init?: RequestInit
  code: keyof typeof advice
  status?: number
}[] = [
  { name: 'a malformed address', path: pathOf('nonsense'), code: 'ADDRESS_INVALID' },
  { name: 'malformed percent-encoding', path: '/v1/contexts/%E0%A4%A', code: 'USAGE' },
  { name: 'an address that is not encoded', path: '/v1/contexts/ucxl://a:b@c:d/*^/x', code: 'ROUTE_UNKNOWN' },
  { name: 'an unknown role', path: `${pathOf(address)}?roles=wizard`, init: put({}), code: 'ROLE_UNKNOWN' },
  {
    name: 'broken JSON',
    path: pathOf(address),
    init: { method: 'PUT', body: '{"summary":' },
    code: 'JSON_INVALID',
  },
  { name: 'an empty body', path: pathOf(address), init: { method: 'PUT', body: '' }, code: 'JSON_INVALID' },
  {
    name: 'a body that is no UTF-8',
    path: pathOf(address),
    init: { method: 'PUT', body: new Uint8Array([0xff]) },
    code: 'JSON_INVALID',
  },
  { name: 'a context that is a list', path: pathOf(address), init: put([]), code: 'CONTEXT_INVALID' },
  {
    name: 'a field of the wrong kind',
    path: pathOf(address),
    init: put({ tags: 'x' }),
    code: 'CONTEXT_INVALID',
  },
  {
    name: 'an oversized context',
    path: pathOf(address),
    init: put({ content: 'x'.repeat(200_000) }),
    code: 'TOO_LARGE',
  },
  { name: 'an unknown parameter', path: `${pathOf(address)}?color=red`, code: 'USAGE' },
  { name: 'a parameter given twice', path: `${pathOf(address)}?role=a&role=b`, code: 'USAGE' },
  { name: 'a ttl of nothing', path: `${pathOf(address)}?ttl=0`, init: put({}), code: 'USAGE' },
  { name: 'an unknown path', path: '/v1/nothing', code: 'ROUTE_UNKNOWN' },
  {
    name: 'a method that the path has not',
    path: '/v1/status',
    init: { method: 'POST' },
    code: 'ROUTE_UNKNOWN',
  },
  { name: 'a URL that is too long', path: `/v1/status?x=${'y'.repeat(9000)}`, code: 'TOO_LARGE' },
  {
    name: 'headers that are too large',
    path: '/v1/status',
    init: { headers: { x: 'y'.repeat(20_000) } },
    code: 'TOO_LARGE',
  },
  { name: 'no token', path: pathOf(address), init: { headers: { authorization: '' } }, code: 'TOKEN_WRONG' },
  {
    name: 'a wrong token',
    path: pathOf(address),
    init: { headers: { authorization: 'Bearer nope' } },
    code: 'TOKEN_WRONG',
  },
  {
    name: 'a wrong token on an unknown path',
    path: '/x',
    init: { headers: { authorization: 'Bearer nope' } },
    code: 'TOKEN_WRONG',
  },
]

for (const { name, path, init, code } of refusals) {
  test(`${name} is refused with ${code}`, async t => {
    const { ask, memory, logged } = await openTestDoor(t)
    const { status, body, headers } = await ask(path, init)
    assert.equal(body.error?.code, code)
    assert.equal(status, advice[code].http)
    assert.equal(body.error.retryable, false)
    assert.match(body.error.message, /^[A-Z].*[.]$/)
    assert.ok(body.error.hint.length > 0)
    assert.equal(headers.get('x-content-type-options'), 'nosniff')
    assert.equal(headers.get('cache-control'), 'no-store')
    assert.equal(memory.versionsKept(), 0)
    assert.ok(!JSON.stringify(body).includes('    at '), 'no stack trace')
    assert.ok(!logged.join('').includes('notes'), 'no address in the log')
  })
}

test('a bug is INTERNAL: neither the answer nor the log has its text', async t => {
  const { ask, memory, logged } = await openTestDoor(t)
  memory.peer.store.retrieveContext = () => Promise.reject(new TypeError('canary'))
  const { status, body, text } = await ask(pathOf(address))
  assert.deepEqual([status, body.error.code, body.error.retryable], [500, 'INTERNAL', true])
  assert.ok(!text.includes('canary') && !text.includes('TypeError'))
  assert.ok(logged.some(line => line.startsWith('a request failed unexpectedly')))
})
