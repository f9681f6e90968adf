// Goal: at the door of a running peer nobody gets beyond a grant, whatever it is presented with and however an address is
// written; what is too large, too deep, too slow or too much is refused and keeps nobody else out; and each shows in the audit log.
// Method: a running fleet with a door; grants signed as a test wants; raw requests and sockets, the bad ones from an address of
// their own.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, readFileSync } from 'node:fs'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { PeerId, RoleName } from '../../base/ids.ts'
import type { Grant, Limits } from '../../crypto/grants/grant-shape.ts'
import { memberLimits } from '../../crypto/grants/membership.ts'
import { tokenSubject } from '../../node/audit/auditor.ts'
import { bearerOf } from '../../node/grants/rights-desk.ts'
import { type DoorOptions, openDoor, type RunningDoor } from '../../node/http/server.ts'
import { createMetrics } from '../../node/monitoring/metrics.ts'
import { newIdentity } from '../crypto/fixtures.ts'
import { KeyFleet, until } from '../keys/fleets.ts'
import { signedGrant, takePart } from './attacker.ts'
import { lastEntry, type Shown, shows } from './on-record.ts'

const fleet = await KeyFleet.make({ peers: 3 })
const token = 'own-token-of-a-peer-that-is-long-enough'
const own = tokenSubject(token)
const strangers = '127.0.0.9'
const logged: string[] = []
let door: RunningDoor

const dayMs = 86_400_000
const limits = (more: Partial<Limits>): { limits: Limits } => ({ limits: { ...memberLimits(true), ...more } })
/** Shut now, whatever the time is: open on another day of the week. */
const shutNow = () => {
  const day = new Date(Date.now() + 3 * dayMs).getUTCDay()
  return { zone: 'UTC', windows: [{ days: [day === 0 ? 7 : day], from: '00:00', to: '24:00' }] }
}
const wishes: Readonly<Record<string, () => Partial<Grant>>> = {
  over: () => ({ issuedAtMs: Date.now() - 60_000, expiresMs: Date.now() - 1_000 }),
  notBegun: () => ({ notBeforeMs: Date.now() + dayMs }),
  otherNetwork: () => limits({ networks: ['203.0.113.0/24'] }),
  otherHours: () => limits({ hours: shutNow() }),
  readOnly: () => limits({ operations: ['read'] }),
  otherRole: () => limits({ roles: ['tester' as RoleName], operations: ['read', 'write'] }),
  revoked: () => ({}),
  inOrders: () => limits({ operations: ['read', 'write'], paths: ['/orders'] }),
  hasty: () => limits({ operations: ['read', 'write'] }),
  calm: () => limits({ operations: ['read', 'write'] }),
}
const secretOf = (name: string) => `secret-of-${name}-that-is-long-enough-for-a-door`
const ids = new Map<string, string>()

before(async () => {
  for (const [name, wish] of Object.entries(wishes)) {
    const subject = (await newIdentity()).peerId
    const bearer = bearerOf(secretOf(name))
    const chain = await signedGrant(fleet, 'p1', { subject, name, subjectKind: 'agent', bearer, ...wish() })
    appendFileSync(join(fleet.dir, 'p1', 'grants.ndjson'), `${JSON.stringify(chain)}\n`)
  }
  await fleet.start()
  await fleet.opened()
  await takePart(fleet, ['p1'])
  for (const { name, id } of fleet.peer('p1').grants.list()) ids.set(name, id)
  door = await openDoor(options())
})
after(async () => {
  await door?.stop(0)
  await fleet.close()
})

function options(more: Partial<DoorOptions> = {}): DoorOptions {
  const peer = fleet.peer('p1')
  const note = (fields: object, text: string) => void logged.push(JSON.stringify({ ...fields, msg: text }))
  return {
    peer,
    host: '127.0.0.1',
    preferredPort: 0,
    tls: null,
    httpPlain: 'loopback',
    token,
    limits: {
      contextBytesMax: 65_536,
      requestsInFlightMax: 100,
      bodyBytesInFlightMax: 16_777_216,
      headersTimeoutMs: 1_000,
      requestTimeoutMs: 1_000,
      batchIdleMs: 10_000,
      slowSearchMs: 500,
      requestsPerSecondMax: 20,
      connectionsPerAddressMax: 60,
    },
    metrics: requestsInFlight =>
      createMetrics({
        indexLag: () => ({ changes: 0, seconds: 0 }),
        counters: peer.counters,
        clocks: () => peer.status().members,
        ready: () => true,
        requestsInFlight,
        startedAtMs: 0,
      }),
    log: { debug: note, info: note, warn: note, error: note },
    version: '0.0.0',
    ...more,
  }
}

type Asked = {
  readonly method?: string
  readonly body?: string | Buffer
  readonly as?: string
  readonly from?: string
}
type Answer = { status: number; headers: IncomingMessage['headers']; text: string; code: string | null }

/** One request, its path as it is. */
function ask(
  path: string,
  { method = 'GET', body, as = token, from }: Asked = {},
  url = door.url,
): Promise<Answer> {
  const { hostname, port } = new URL(url)
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${as}`, connection: 'close' }
    const place = {
      hostname,
      port,
      path,
      method,
      headers,
      ...(from === undefined ? {} : { localAddress: from }),
    }
    const sent = httpRequest(place, answer => {
      let text = ''
      answer.on('data', chunk => {
        text += chunk
      })
      answer.on('end', () => {
        const { statusCode: status = 0, headers } = answer
        const code = status < 400 ? null : JSON.parse(text).error.code
        resolve({ status, headers, text, code })
      })
    })
    sent.on('error', reject)
    sent.end(body)
  })
}

const at = (path: string) => `ucxl://any:any@shop:any/*^/${path}`
const pathOf = (address: string) => `/v1/contexts/${encodeURIComponent(address)}`
const put = (path: string, as: string, context: object = { title: 'x' }) =>
  ask(`${pathOf(at(path))}?roles=architect`, { method: 'PUT', body: JSON.stringify(context), as })

async function showsAt(mark: number, wanted: Shown) {
  return await shows(fleet.peer('p1'), mark, { outcome: 'denied', ...wanted })
}
const markNow = () => lastEntry(fleet.peer('p1'))
const holder = (name: string) => `grant:${ids.get(name)}`

for (const name of ['over', 'notBegun', 'otherNetwork', 'otherHours', 'readOnly', 'otherRole']) {
  test(`a grant is refused at the door and shows: ${name}`, async () => {
    const mark = await markNow()
    const { status, code } = await put('orders/1', secretOf(name))
    assert.deepEqual([status, code], [403, 'GRANT_DENIED'])
    await showsAt(mark, {
      subject: holder(name),
      operation: 'write',
      code: 'GRANT_DENIED',
      source: '127.0.0.1',
    })
  })
}

test('a grant that was revoked is refused and shows', async () => {
  assert.equal((await put('orders/1', secretOf('revoked'))).status, 200)
  await fleet.peer('p1').grants.revoke(ids.get('revoked')!, null, false)
  const mark = await markNow()
  assert.equal((await put('orders/1', secretOf('revoked'))).code, 'GRANT_DENIED')
  await showsAt(mark, { subject: holder('revoked'), operation: 'write', code: 'GRANT_DENIED' })
})

test('a path of the administration is refused to a grant for contexts and shows', async () => {
  const mark = await markNow()
  for (const path of ['/v1/grants', '/v1/audit'])
    assert.equal((await ask(path, { as: secretOf('calm') })).code, 'GRANT_DENIED')
  await showsAt(mark, { subject: holder('calm'), operation: 'admin:grants', code: 'GRANT_DENIED' })
  await showsAt(mark, { subject: holder('calm'), operation: 'admin:audit', code: 'GRANT_DENIED' })
})

test('a wrong token, and a grant in place of its secret, are refused and show nothing of themselves', async () => {
  const mark = await markNow()
  const { delegate, grant } = await signedGrant(fleet, 'p1', { subject: 'x' as PeerId, name: 'x' }).catch(
    () => ({
      delegate: '',
      grant: readFileSync(join(fleet.dir, 'p1', 'grant.json'), 'utf8')
        .replace(/[^\x21-\x7e]/g, '')
        .slice(0, 400),
    }),
  )
  for (const as of [`${token}x`, token.slice(1), grant, delegate || 'x'])
    assert.equal((await ask(pathOf(at('orders/1')), { as, from: strangers })).code, 'TOKEN_WRONG')
  await showsAt(mark, { subject: 'stranger', source: strangers, code: 'TOKEN_WRONG', operation: 'call' })
})

// Each is another spelling of the way out of /orders, or of a name that looks like one.
const tricks: Readonly<Record<string, string>> = {
  'two dots': encodeURIComponent(at('orders/../vault')),
  'two dots that are encoded': encodeURIComponent(at('orders/%2e%2e/vault')),
  'half of them encoded': encodeURIComponent(at('orders/.%2E/vault')),
  'a slash that is encoded': encodeURIComponent(at('orders%2fx/../../vault')),
  'a backslash': encodeURIComponent(at('orders\\..\\vault')),
  'an empty segment': encodeURIComponent(at('orders//../vault')),
  'a NUL': `${encodeURIComponent(at('orders'))}%00${encodeURIComponent('/../vault')}`,
  'a line break': `${encodeURIComponent(at('orders/a'))}%0d%0aset-cookie:x`,
  'bytes that are no UTF-8': `${encodeURIComponent(at('orders/'))}%c0%ae%c0%ae%2fvault`,
  'full-width dots and slash': encodeURIComponent(at('orders／．．／vault')),
  'a name that looks alike': encodeURIComponent(at('оrders/1')),
  'a prefix that only begins alike': encodeURIComponent(at('orders-x/1')),
  'upper case': encodeURIComponent(at('ORDERS/1')),
  'a right-to-left mark': encodeURIComponent(at('\u202eorders/1')),
  'another scheme': encodeURIComponent('file:///etc/passwd'),
  'a fragment and a query': encodeURIComponent('ucxl://any:any@shop:any/*^/vault#/orders/1?'),
  'no encoding at all': at('orders/../vault'),
}
for (const [what, written] of Object.entries(tricks)) {
  test(`an address with ${what} leads nowhere else and shows`, async () => {
    const mark = await markNow()
    const as = secretOf('inOrders')
    const answers = [
      await ask(`/v1/contexts/${written}?roles=architect`, {
        method: 'PUT',
        body: '{"title":"x"}',
        as,
        from: strangers,
      }),
      await ask(`/v1/contexts/${written}`, { as, from: strangers }),
    ]
    const allowed = ['ADDRESS_INVALID', 'GRANT_DENIED', 'USAGE', 'ROUTE_UNKNOWN']
    for (const { status, code } of answers) assert.ok(allowed.includes(code ?? ''), `${status} ${code}`)
    await until('it shows', async () => {
      for await (const record of fleet.peer('p1').audit.records(mark))
        if (record.kind === 'decision' && record.source === strangers && allowed.includes(record.code ?? ''))
          return true
      return false
    })
    assert.equal((await ask(pathOf(at('vault')))).code, 'NOT_FOUND')
  })
}

test('what is encoded twice is a name like any other, and stays where it is', async () => {
  const as = secretOf('inOrders')
  assert.equal((await put('orders/%252e%252e/vault', as)).status, 200)
  assert.equal((await ask(pathOf(at('vault')))).code, 'NOT_FOUND')
})

const deep = (levels: number) => `{"metadata":${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}}`
const excesses: Readonly<Record<string, { ask: () => Promise<Answer>; codes: readonly string[] }>> = {
  'a body beyond what the door takes': {
    ask: () => ask(pathOf(at('big')), { method: 'PUT', body: Buffer.alloc(1_000_000, 120) }),
    codes: ['TOO_LARGE'],
  },
  'JSON that is nested deeply': {
    ask: () => ask(pathOf(at('deep')), { method: 'PUT', body: deep(10_000) }),
    codes: ['CONTEXT_INVALID', 'JSON_INVALID', 'TOO_LARGE'],
  },
  'arrays that are nested deeply': {
    ask: () => ask('/v1/grants', { method: 'POST', body: '['.repeat(60_000) }),
    codes: ['JSON_INVALID', 'TOO_LARGE', 'USAGE'],
  },
  'a URL that is too long': {
    ask: () => ask(pathOf(at('x'.repeat(9_000)))),
    codes: ['TOO_LARGE', 'ADDRESS_INVALID'],
  },
  'a path that is too deep': {
    ask: () => ask(pathOf(at('a/'.repeat(500).slice(0, -1))), { method: 'PUT', body: '{}' }),
    codes: ['ADDRESS_INVALID', 'TOO_LARGE'],
  },
  'more roles than a context has': {
    ask: () => {
      const roles = Array.from({ length: 40 }, (_, n) => `r${n}`).join(',')
      return ask(`${pathOf(at('roles'))}?roles=${roles}`, { method: 'PUT', body: '{"title":"x"}' })
    },
    codes: ['USAGE', 'ROLE_UNKNOWN', 'TOO_LARGE'],
  },
}
for (const [what, { ask: tried, codes }] of Object.entries(excesses)) {
  test(`${what} is refused and shows`, async () => {
    const mark = await markNow()
    const { status, code } = await tried()
    assert.ok(codes.includes(code ?? ''), `${status} ${code}`)
    const subject = what === 'a URL that is too long' ? 'stranger' : own
    await shows(fleet.peer('p1'), mark, { subject, source: '127.0.0.1', code })
  })
}

test('headers that are too large are refused and show', async () => {
  const mark = await markNow()
  const said = await raw(`GET /health HTTP/1.1\r\nhost: x\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`)
  assert.match(said, /^HTTP\/1\.1 413 /)
  await showsAt(mark, { subject: 'stranger', source: strangers, code: 'TOO_LARGE', operation: 'call' })
})

function open(bytes: string): Socket {
  const socket = connect({ host: '127.0.0.1', port: Number(new URL(door.url).port), localAddress: strangers })
  socket.on('error', () => undefined)
  if (bytes !== '') socket.write(bytes)
  return socket
}

async function raw(bytes: string): Promise<string> {
  const socket = open(bytes)
  let said = ''
  socket.on('data', chunk => {
    said += chunk
  })
  await once(socket, 'close')
  return said
}

test('what is put into fields and headers breaks no header, log line or audit entry', async () => {
  const mark = await markNow()
  const egg = 'kuckucksei'
  const nasty = `x\r\nset-cookie: ${egg}=1\r\n\r\n{"level":50,"msg":"${egg}"}\n\u001b[31m`
  const encoded = encodeURIComponent(nasty)
  const answers = [
    await put('orders/egg', token, {
      title: nasty,
      summary: nasty,
      tags: [nasty],
      metadata: { [nasty]: nasty },
    }),
    await ask(`${pathOf(at('orders/egg'))}?roles=${encoded}`, { method: 'PUT', body: '{}' }),
    await ask(`/v1/peers/${encoded}/leave`, { method: 'POST', body: '{}' }),
    await ask(`/v1/${encoded}`),
    await ask(`/v1/contexts?prefix=${encoded}`),
    await ask(`/v1/audit?subject=${encoded}`),
  ]
  for (const { headers } of answers) {
    assert.equal(headers['set-cookie'], undefined)
    assert.equal(headers['x-content-type-options'], 'nosniff')
  }
  const said = await raw(
    `GET /v1/status HTTP/1.1\r\nhost: x\r\nauthorization: Bearer a\u001bb\r\nx-forwarded-for: ${egg}\r\n\r\n`,
  )
  assert.doesNotMatch(said, new RegExp(egg))
  await showsAt(mark, { subject: own, code: 'ROUTE_UNKNOWN' })
  const exported: string[] = []
  for await (const record of fleet.peer('p1').audit.records(mark)) exported.push(JSON.stringify(record))
  for (const line of [...exported, ...logged, ...fleet.warnings])
    assert.doesNotMatch(line, /kuckucksei|[\r\n\u001b]/)
})

test('more requests than its share: the grant is told when to come back, the others go on, and it shows', async () => {
  const mark = await markNow()
  const flood = await Promise.all(
    Array.from({ length: 45 }, () => ask(pathOf(at('orders/1')), { as: secretOf('hasty') })),
  )
  const refused = flood.filter(({ status }) => status === 429)
  assert.ok(refused.length > 0, 'not all were answered')
  for (const { headers, code } of refused) assert.deepEqual([headers['retry-after'], code], ['1', 'TOO_MANY'])
  assert.notEqual((await ask(pathOf(at('orders/1')), { as: secretOf('calm') })).status, 429)
  assert.notEqual((await ask(pathOf(at('orders/1')))).status, 429)
  await showsAt(mark, { subject: holder('hasty'), code: 'TOO_MANY' })
  await until('it may come back', async () => {
    const { status } = await ask(pathOf(at('orders/1')), { as: secretOf('hasty') })
    return status !== 429
  })
})

test('clients that say nothing, or a little at a time, and a flood of them keep nobody out', async () => {
  const mark = await markNow()
  const slow = [
    '',
    'GET /v1/status HTTP/1.1\r\nhost:',
    `PUT ${pathOf(at('slow'))} HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\nauthorization: Bearer ${token}\r\n\r\n{`,
  ]
  const sockets = Array.from({ length: 200 }, (_, n) => open(slow[n % slow.length]!))
  const trickle = setInterval(() => {
    for (const socket of sockets) if (!socket.destroyed && socket.writable) socket.write('x')
  }, 100)
  try {
    for (let n = 0; n < 10; n++) {
      assert.equal((await put(`orders/calm-${n}`, token)).status, 200)
      assert.equal((await ask(pathOf(at(`orders/calm-${n}`)))).status, 200)
    }
    await showsAt(mark, { source: strangers, operation: 'connect', code: 'TOO_MANY' })
    await showsAt(mark, { source: strangers, operation: 'call', code: 'REQUEST_TIMEOUT' })
  } finally {
    clearInterval(trickle)
    for (const socket of sockets) socket.destroy()
  }
})

test('a door that others can reach is not opened in the clear, unless somebody says so', async () => {
  for (const host of ['0.0.0.0', '::', '192.0.2.1'])
    await assert.rejects(openDoor(options({ host })), { code: 'CONFIG_INVALID' })
  const anywhere = await openDoor(options({ host: '0.0.0.0', httpPlain: 'anywhere' }))
  await anywhere.stop(0)
})

test('with a certificate the door speaks TLS and nothing else', async t => {
  const [cert, key] = ['cert.pem', 'key.pem'].map(name => join(fleet.work, name)) as [string, string]
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
  const secured = await openDoor(options({ tls, host: '127.0.0.1' }))
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
    await assert.rejects(ask('/v1/status', {}, secured.url))
  } finally {
    await secured.stop(0)
  }
})
