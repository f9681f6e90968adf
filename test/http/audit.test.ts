// Goal: every decision at the door is on record, allowed and denied, before anything is answered; what cannot be recorded
// is refused. Method: the real door on a peer and a log in memory; every path that is recorded is asked.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SlurpError } from '../../base/errors.ts'
import { openTestDoor, pathOf, put } from './open-door.ts'

const address = 'ucxl://any:any@notes:any/*^/a'
const path = pathOf(address)
const json = { 'content-type': 'application/json' }

test('put, get, history and delete are recorded with their key, roles and subject', async t => {
  const { ask, memory } = await openTestDoor(t)
  await ask(`${path}?roles=architect`, put({ summary: 'canary' }))
  await ask(path)
  await ask(`${path}/history`)
  await ask(path, { method: 'DELETE' })
  const { decisions } = memory.audit
  assert.deepEqual(
    decisions.map(({ operation, outcome, code, rule }) => [operation, outcome, code, rule]),
    ['write', 'read', 'history', 'delete'].map(operation => [operation, 'allowed', null, 'token']),
  )
  for (const { key, subject, source, count } of decisions) {
    assert.match(key ?? '', /^[0-9a-f]{64}$/)
    assert.match(subject, /^token:[0-9a-f]{16}$/)
    assert.deepEqual([source, count], ['127.0.0.1', 1])
  }
  const rolesOf = (i: number) =>
    decisions[i]?.roles.map(({ name, keyVersion, fingerprint }) => [name, keyVersion, fingerprint])
  assert.deepEqual(
    [rolesOf(0), rolesOf(1)],
    [[['architect', 1, '0123456789abcdef']], [['architect', 1, '0123456789abcdef']]],
  )
})

test('what fails though allowed says how, and what a role denies is a denial', async t => {
  const { ask, memory } = await openTestDoor(t)
  await ask(path)
  memory.peer.store.retrieveContext = async () => {
    throw new SlurpError('ROLE_DENIED', 'No.')
  }
  memory.peer.store.storeContext = async () => {
    throw new SlurpError('SEALED', 'Blind.')
  }
  await ask(path)
  await ask(path, put({}))
  assert.deepEqual(
    memory.audit.decisions.map(({ operation, outcome, code, rule }) => [operation, outcome, code, rule]),
    [
      ['read', 'allowed', 'NOT_FOUND', 'token'],
      ['read', 'denied', 'ROLE_DENIED', 'role'],
      ['write', 'allowed', null, 'token'],
      ['write', 'denied', 'SEALED', 'role'],
    ],
  )
})

test('a search is on record when it begins, and what denies it is a decision of its own', async t => {
  const { ask, memory } = await openTestDoor(t)
  const { search } = memory.peer.search
  const searched = () => ask('/v1/search', { method: 'POST', body: '{}', headers: json })
  memory.peer.search.search = async (...given) => {
    assert.equal(memory.audit.decisions.length, 1)
    return search(...given)
  }
  assert.equal((await searched()).status, 200)
  memory.peer.search.search = async () => {
    throw new SlurpError('ROLE_DENIED', 'No.')
  }
  assert.equal((await searched()).status, 403)
  assert.deepEqual(
    memory.audit.decisions.map(({ operation, outcome, code, detail }) => [operation, outcome, code, detail]),
    [
      ['search', 'allowed', null, 'searchContexts'],
      ['search', 'allowed', null, 'searchContexts'],
      ['search', 'denied', 'ROLE_DENIED', 'searchContexts'],
    ],
  )
  memory.peer.search.search = search
  memory.audit.fails = true
  assert.equal((await searched()).status, 503)
})

test('a wrong token is a refusal, with nothing of what it carried', async t => {
  const { ask, memory } = await openTestDoor(t)
  await ask(path, { headers: { authorization: 'Bearer secret-of-somebody' } })
  assert.deepEqual(memory.audit.refusals, [
    { code: 'TOKEN_WRONG', subject: 'stranger', source: '127.0.0.1', operation: 'call', rule: 'token' },
  ])
  assert.deepEqual(memory.audit.decisions, [])
})

test('each line of a batch is recorded', async t => {
  const { ask, memory } = await openTestDoor(t)
  const lines = ['a', 'b', 'c'].map(name => JSON.stringify({ project: 'notes', path: name, summary: name }))
  await ask(`/v1/batch?address=${encodeURIComponent('ucxl://any:any@notes:any/*^/{path}')}`, {
    method: 'POST',
    body: lines.join('\n'),
  })
  const { decisions } = memory.audit
  assert.deepEqual(
    decisions.map(({ operation, outcome }) => [operation, outcome]),
    Array.from({ length: 3 }, () => ['write', 'allowed']),
  )
  assert.equal(new Set(decisions.map(({ key }) => key)).size, 3)
})

test('changes of the fleet are recorded with the call and the member', async t => {
  const { ask, memory } = await openTestDoor(t)
  await ask('/v1/peers/p4/leave', { method: 'POST', body: JSON.stringify({ how: 'drain' }) })
  await ask(`/v1/peers/${encodeURIComponent('p\n4')}/leave`, {
    method: 'POST',
    body: JSON.stringify({ how: 'drain' }),
  })
  await ask('/v1/leader/step-down', { method: 'POST' })
  await ask('/v1/retention')
  assert.deepEqual(
    memory.audit.decisions.map(({ operation, detail }) => [operation, detail]),
    [
      ['admin:members', 'leavePeer:p4'],
      ['admin:members', 'leavePeer:?'],
      ['admin:ring', 'stepDown'],
      ['admin:retention', 'retention'],
    ],
  )
})

test('nothing is begun and nothing is answered while nothing can be recorded', async t => {
  const { ask, memory } = await openTestDoor(t)
  await ask(path, put({ summary: 'canary' }))
  memory.audit.fails = true
  for (const init of [{}, put({ summary: 'two' }), { method: 'DELETE' }]) {
    const { status, body, text } = await ask(path, init)
    assert.deepEqual([status, body.error.code, body.error.retryable], [503, 'AUDIT_UNAVAILABLE', true])
    assert.doesNotMatch(text, /canary/)
  }
  assert.equal(memory.versionsKept(), 1)
  // How the peer is can still be seen.
  assert.equal((await ask('/health/checks')).status, 200)
  assert.equal((await ask('/v1/status')).status, 200)
})

test('a read whose record fails late is not answered', async t => {
  const { ask, memory } = await openTestDoor(t)
  await ask(path, put({ summary: 'canary' }))
  const { retrieveContext } = memory.peer.store
  memory.peer.store.retrieveContext = async (...given) => {
    memory.audit.fails = true
    return retrieveContext(...given)
  }
  const { status, text } = await ask(path)
  assert.equal(status, 503)
  assert.doesNotMatch(text, /canary/)
})

test('entries are listed and searched, and an export has one a line', async t => {
  const { ask } = await openTestDoor(t)
  await ask(path, put({ summary: 'canary' }))
  await ask(path)
  const search = async (query: string) =>
    JSON.parse((await ask(`/v1/audit?${query}`)).text).entries as { operation: string }[]
  assert.deepEqual(
    (await search(`address=${encodeURIComponent(address)}`)).map(({ operation }) => operation),
    ['write', 'read'],
  )
  assert.equal((await search('operation=read&outcome=allowed&role=architect')).length, 1)
  assert.equal((await search('outcome=denied')).length, 0)
  assert.equal((await search('since=2100-01-01T00:00:00Z')).length, 0)
  assert.equal((await ask('/v1/audit?limit=0')).body.error.code, 'USAGE')
  assert.equal((await ask('/v1/audit?address=nonsense')).body.error.code, 'ADDRESS_INVALID')
  const { text, headers } = await ask('/v1/audit/export?after=1')
  assert.match(headers.get('content-type') ?? '', /x-ndjson/)
  const lines = text
    .trim()
    .split('\n')
    .map(line => JSON.parse(line))
  assert.equal(lines[0].seq, 2)
  // Looking is on record as well.
  assert.equal(lines.at(-1).operation, 'admin:audit')
})
