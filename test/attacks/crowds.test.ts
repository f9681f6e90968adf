// Goal: who asks too much or too slowly is held to its share, and keeps nobody else out; who has no right to be heard in the clear
// is not; and each shows in the audit log. Method: a running fleet with a door of small limits; many requests and sockets at once, the
// bad ones from an address of their own.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { memberLimits } from '../../crypto/grants/membership.ts'
import { openDoor } from '../../node/http/server.ts'
import { until } from '../keys/fleets.ts'
import { at, DoorBench, pathOf, secretOf, strangers, token } from './door-bench.ts'

const limits = { ...memberLimits(true), operations: ['read', 'write'] as ('read' | 'write')[] }
// So few that a busy machine sends more.
const bench = await DoorBench.open(
  { hasty: () => ({ limits }), calm: () => ({ limits }) },
  { requestsPerSecondMax: 2 },
)
after(() => bench.close())

test('more requests than its share: the grant is told when to come back, the others go on, and it shows', async () => {
  const mark = await bench.mark()
  const flood = await Promise.all(
    Array.from({ length: 45 }, () => bench.ask(pathOf(at('orders/1')), { as: secretOf('hasty') })),
  )
  const refused = flood.filter(({ status }) => status === 429)
  assert.ok(refused.length > 0, 'not all were answered')
  for (const { headers, code } of refused) assert.deepEqual([headers['retry-after'], code], ['1', 'TOO_MANY'])
  assert.notEqual((await bench.ask(pathOf(at('orders/1')), { as: secretOf('calm') })).status, 429)
  assert.notEqual((await bench.ask(pathOf(at('orders/1')))).status, 429)
  await bench.shows(mark, { subject: bench.holder('hasty'), code: 'TOO_MANY' })
  await until('it may come back', async () => {
    const { status } = await bench.ask(pathOf(at('orders/1')), { as: secretOf('hasty') })
    return status !== 429
  })
})

test('clients that say nothing, or a little at a time, and a flood of them keep nobody out', async () => {
  const mark = await bench.mark()
  const slow = [
    '',
    'GET /v1/status HTTP/1.1\r\nhost:',
    `PUT ${pathOf(at('slow'))} HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\nauthorization: Bearer ${token}\r\n\r\n{`,
  ]
  const sockets = Array.from({ length: 200 }, (_, n) => bench.connect(slow[n % slow.length]!))
  const trickle = setInterval(() => {
    for (const socket of sockets) if (!socket.destroyed && socket.writable) socket.write('x')
  }, 100)
  try {
    for (let n = 0; n < 10; n++) {
      assert.equal((await bench.put(`orders/calm-${n}`, token)).status, 200)
      assert.equal((await bench.ask(pathOf(at(`orders/calm-${n}`)))).status, 200)
    }
    await bench.shows(mark, { source: strangers, operation: 'connect', code: 'TOO_MANY' })
    await bench.shows(mark, { source: strangers, operation: 'call', code: 'REQUEST_TIMEOUT' })
  } finally {
    clearInterval(trickle)
    for (const socket of sockets) socket.destroy()
  }
})

test('a door that others can reach is not opened in the clear, unless somebody says so', async () => {
  for (const host of ['0.0.0.0', '::', '192.0.2.1'])
    await assert.rejects(openDoor(bench.options({ host })), { code: 'CONFIG_INVALID' })
  const anywhere = await openDoor(bench.options({ host: '0.0.0.0', httpPlain: 'anywhere' }))
  await anywhere.stop(0)
})

test('with a certificate the door speaks TLS and nothing else', async t => {
  const [cert, key] = ['cert.pem', 'key.pem'].map(name => join(bench.fleet.work, name)) as [string, string]
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1', '-days', '2']
  const curve = [
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-keyout',
    key,
    '-out',
    cert,
  ]
  if (spawnSync('openssl', ['req', '-x509', ...curve, ...subject]).status !== 0) {
    assert.ok(!process.env.CI, 'openssl is missing: TLS cannot be tried')
    return t.skip('openssl is not installed')
  }
  const tls = { cert: readFileSync(cert), key: readFileSync(key) }
  const secured = await openDoor(bench.options({ tls, host: '127.0.0.1' }))
  try {
    assert.match(secured.url, /^https:/)
    const call = httpsRequest(`${secured.url}/v1/status`, {
      ca: tls.cert,
      headers: { authorization: `Bearer ${token}` },
    })
    call.end()
    const [answer] = (await once(call, 'response')) as [IncomingMessage]
    answer.resume()
    assert.equal(answer.statusCode, 200)
    await assert.rejects(bench.ask('/v1/status', {}, secured.url))
  } finally {
    await secured.stop(0)
  }
})
