// Goal: what a door says, or does not say, becomes the right outcome: a write is called refused only where it surely
// was. Method: a server that answers each way a door, a network or a dying process may.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Agent, createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import type { Ask, Outcome } from '../../sim/chaos/history/call.ts'
import { ask } from '../../sim/chaos/load/ask.ts'

const version = 'a'.repeat(24)
const put: Ask = { kind: 'put', mark: 'w1-1', ifVersion: 'none' }
type Handler = (asked: IncomingMessage, answer: ServerResponse, body: string) => void

async function asked(t: TestContext, wanted: Ask, handler: Handler, patienceMs = 5_000): Promise<Outcome> {
  const server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', text => {
      body += text
    })
    request.on('end', () => handler(request, response, body))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const agent = new Agent()
  t.after(() => {
    agent.destroy()
    server.closeAllConnections()
    server.close()
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return ask({ name: 'p1', url, token: 'secret' }, agent, 'ucxl://a/b', wanted, patienceMs, 'text')
}

const says =
  (status: number, body: object): Handler =>
  (_, answer) => {
    answer.statusCode = status
    answer.end(JSON.stringify(body))
  }
const fails = (status: number, code: string, more = {}) => says(status, { error: { code }, ...more })

test('a put carries its mark, its condition and its patience', async t => {
  let seen = ''
  const outcome = await asked(t, put, (request, answer, body) => {
    seen = `${request.method} ${request.url} ${request.headers.authorization} ${body}`
    says(200, { version, parent: null })(request, answer, body)
  })
  assert.deepEqual(outcome, { kind: 'written', version, parent: null })
  assert.match(seen, /^PUT \/v1\/contexts\/ucxl%3A%2F%2Fa%2Fb\?timeoutMs=5000&ifVersion=none Bearer secret /)
  assert.match(seen, /"decision":\{"reason":"w1-1"\}/)
})

test('answers to reads', async t => {
  const decision = { reason: 'w2-9' }
  assert.deepEqual(await asked(t, { kind: 'get' }, says(200, { version, context: { decision } })), {
    kind: 'found',
    version,
    mark: 'w2-9',
  })
  assert.deepEqual(await asked(t, { kind: 'get' }, fails(404, 'NOT_FOUND')), { kind: 'nothing' })
  const versions = [
    { version: 'b', deleted: true, author: 'p2', decision: null },
    { version: 'a', deleted: false, author: 'p1', decision },
  ]
  assert.deepEqual(await asked(t, { kind: 'history', limit: 5 }, says(200, { versions })), {
    kind: 'versions',
    entries: [
      { version: 'b', mark: null, author: 'p2' },
      { version: 'a', mark: 'w2-9', author: 'p1' },
    ],
  })
})

test('what a write was told', async t => {
  const cases: [Handler, Outcome][] = [
    [fails(409, 'VERSION_CONFLICT', { current: { version } }), { kind: 'conflict', current: version }],
    [fails(409, 'VERSION_CONFLICT', { current: { version: null } }), { kind: 'conflict', current: null }],
    [fails(429, 'TOO_MANY'), { kind: 'refused', code: 'TOO_MANY' }],
    [fails(503, 'QUORUM_UNREACHED'), { kind: 'unknown', code: 'QUORUM_UNREACHED' }],
    [fails(503, 'SHUTTING_DOWN'), { kind: 'unknown', code: 'SHUTTING_DOWN' }],
    [fails(500, 'INTERNAL'), { kind: 'unknown', code: 'INTERNAL' }],
    [says(502, {}), { kind: 'unknown', code: 'HTTP_502' }],
    [(_, answer) => answer.end('{"version":'), { kind: 'unknown', code: 'CUT_SHORT' }],
    [(_, answer) => answer.destroy(), { kind: 'unknown', code: 'ECONNRESET' }],
    [(_, answer) => answer.writeHead(200).write('{'), { kind: 'unknown', code: 'TIMED_OUT' }],
    [() => undefined, { kind: 'unknown', code: 'TIMED_OUT' }],
  ]
  for (const [handler, outcome] of cases) assert.deepEqual(await asked(t, put, handler, 100), outcome)
  assert.deepEqual(await asked(t, { kind: 'delete', ifVersion: version }, says(200, { version: 'c' })), {
    kind: 'deleted',
    version: 'c',
  })
})

test('a door that nobody listens at refuses: nothing was sent', async () => {
  const agent = new Agent()
  const door = { name: 'p1', url: 'http://127.0.0.1:1', token: 'secret' }
  assert.deepEqual(await ask(door, agent, 'ucxl://a/b', put, 1_000), {
    kind: 'refused',
    code: 'ECONNREFUSED',
  })
})
