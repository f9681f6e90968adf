// Goal: at the door of a running peer nobody gets beyond a grant, whatever it is presented with and however an address is
// written; what is too large or too deep is refused, and nothing that is sent breaks out of its field; and each shows in the audit log.
// Method: a running fleet with a door; grants signed as a test wants; raw requests.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { RoleName } from '../../base/ids.ts'
import { decodeGrantFile } from '../../crypto/grants/chain-text.ts'
import type { Grant, Limits } from '../../crypto/grants/grant-shape.ts'
import { memberLimits } from '../../crypto/grants/membership.ts'
import { until } from '../keys/fleets.ts'
import { type Answer, at, DoorBench, own, pathOf, secretOf, strangers, token } from './door-bench.ts'
import { shows } from './on-record.ts'

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
  calm: () => limits({ operations: ['read', 'write'] }),
}
const bench = await DoorBench.open(wishes)
after(() => bench.close())

for (const name of ['over', 'notBegun', 'otherNetwork', 'otherHours', 'readOnly', 'otherRole']) {
  test(`a grant is refused at the door and shows: ${name}`, async () => {
    const mark = await bench.mark()
    const { status, code } = await bench.put('orders/1', secretOf(name))
    assert.deepEqual([status, code], [403, 'GRANT_DENIED'])
    await bench.shows(mark, {
      subject: bench.holder(name),
      operation: 'write',
      code: 'GRANT_DENIED',
      source: '127.0.0.1',
    })
  })
}

test('a grant that was revoked is refused and shows', async () => {
  assert.equal((await bench.put('orders/1', secretOf('revoked'))).status, 200)
  await bench.fleet
    .peer('p1')
    .grants.revoke(bench.idOf('revoked'), { sinceMs: null, rotate: false, dryRun: false })
  const mark = await bench.mark()
  assert.equal((await bench.put('orders/1', secretOf('revoked'))).code, 'GRANT_DENIED')
  await bench.shows(mark, { subject: bench.holder('revoked'), operation: 'write', code: 'GRANT_DENIED' })
})

test('a path of the administration is refused to a grant for contexts and shows', async () => {
  const mark = await bench.mark()
  for (const path of ['/v1/grants', '/v1/audit'])
    assert.equal((await bench.ask(path, { as: secretOf('calm') })).code, 'GRANT_DENIED')
  await bench.shows(mark, { subject: bench.holder('calm'), operation: 'admin:grants', code: 'GRANT_DENIED' })
  await bench.shows(mark, { subject: bench.holder('calm'), operation: 'admin:audit', code: 'GRANT_DENIED' })
})

test('a wrong token, and a grant in place of its secret, are refused and show nothing of themselves', async () => {
  const mark = await bench.mark()
  const { grant } = decodeGrantFile(readFileSync(join(bench.fleet.dir, 'p1', 'grant.json')))
  for (const as of [`${token}x`, token.slice(1), grant.slice(0, 400)])
    assert.equal((await bench.ask(pathOf(at('orders/1')), { as, from: strangers })).code, 'TOKEN_WRONG')
  await bench.shows(mark, { subject: 'stranger', source: strangers, code: 'TOKEN_WRONG', operation: 'call' })
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
    const mark = await bench.mark()
    const as = secretOf('inOrders')
    const answers = [
      await bench.ask(`/v1/contexts/${written}?roles=architect`, {
        method: 'PUT',
        body: '{"title":"x"}',
        as,
        from: strangers,
      }),
      await bench.ask(`/v1/contexts/${written}`, { as, from: strangers }),
    ]
    const allowed = ['ADDRESS_INVALID', 'GRANT_DENIED', 'USAGE', 'ROUTE_UNKNOWN']
    for (const { status, code } of answers) assert.ok(allowed.includes(code ?? ''), `${status} ${code}`)
    await until('it shows', async () => {
      for await (const record of bench.fleet.peer('p1').audit.records(mark))
        if (record.kind === 'decision' && record.source === strangers && allowed.includes(record.code ?? ''))
          return true
      return false
    })
    assert.equal((await bench.ask(pathOf(at('vault')))).code, 'NOT_FOUND')
  })
}

test('what is encoded twice is a name like any other, and stays where it is', async () => {
  const as = secretOf('inOrders')
  assert.equal((await bench.put('orders/%252e%252e/vault', as)).status, 200)
  assert.equal((await bench.ask(pathOf(at('vault')))).code, 'NOT_FOUND')
})

const deep = (levels: number) => `{"metadata":${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}}`
const excesses: Readonly<Record<string, { ask: () => Promise<Answer>; codes: readonly string[] }>> = {
  'a body beyond what the door takes': {
    ask: () => bench.ask(pathOf(at('big')), { method: 'PUT', body: Buffer.alloc(1_000_000, 120) }),
    codes: ['TOO_LARGE'],
  },
  'JSON that is nested deeply': {
    ask: () => bench.ask(pathOf(at('deep')), { method: 'PUT', body: deep(10_000) }),
    codes: ['CONTEXT_INVALID', 'JSON_INVALID', 'TOO_LARGE'],
  },
  'arrays that are nested deeply': {
    ask: () => bench.ask('/v1/grants', { method: 'POST', body: '['.repeat(60_000) }),
    codes: ['JSON_INVALID', 'TOO_LARGE', 'USAGE'],
  },
  'a URL that is too long': {
    ask: () => bench.ask(pathOf(at('x'.repeat(9_000)))),
    codes: ['TOO_LARGE', 'ADDRESS_INVALID'],
  },
  'a path that is too deep': {
    ask: () => bench.ask(pathOf(at('a/'.repeat(500).slice(0, -1))), { method: 'PUT', body: '{}' }),
    codes: ['ADDRESS_INVALID', 'TOO_LARGE'],
  },
  'more roles than a context has': {
    ask: () => {
      const roles = Array.from({ length: 40 }, (_, n) => `r${n}`).join(',')
      return bench.ask(`${pathOf(at('roles'))}?roles=${roles}`, { method: 'PUT', body: '{"title":"x"}' })
    },
    codes: ['USAGE', 'ROLE_UNKNOWN', 'TOO_LARGE'],
  },
}
for (const [what, { ask: tried, codes }] of Object.entries(excesses)) {
  test(`${what} is refused and shows`, async () => {
    const mark = await bench.mark()
    const { status, code } = await tried()
    assert.ok(codes.includes(code ?? ''), `${status} ${code}`)
    const subject = what === 'a URL that is too long' ? 'stranger' : own
    await shows(bench.fleet.peer('p1'), mark, { subject, source: '127.0.0.1', code })
  })
}

test('headers that are too large are refused and show', async () => {
  const mark = await bench.mark()
  const said = await bench.raw(`GET /health HTTP/1.1\r\nhost: x\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`)
  assert.match(said, /^HTTP\/1\.1 413 /)
  await bench.shows(mark, { subject: 'stranger', source: strangers, code: 'TOO_LARGE', operation: 'call' })
})

test('what is put into fields and headers breaks no header, log line or audit entry', async () => {
  const mark = await bench.mark()
  const egg = 'kuckucksei'
  const nasty = `x\r\nset-cookie: ${egg}=1\r\n\r\n{"level":50,"msg":"${egg}"}\n\u001b[31m`
  const encoded = encodeURIComponent(nasty)
  const answers = [
    await bench.put('orders/egg', token, {
      title: nasty,
      summary: nasty,
      tags: [nasty],
      metadata: { [nasty]: nasty },
    }),
    await bench.ask(`${pathOf(at('orders/egg'))}?roles=${encoded}`, { method: 'PUT', body: '{}' }),
    await bench.ask(`/v1/peers/${encoded}/leave`, { method: 'POST', body: '{}' }),
    await bench.ask(`/v1/${encoded}`),
    await bench.ask(`/v1/contexts?prefix=${encoded}`),
    await bench.ask(`/v1/audit?subject=${encoded}`),
  ]
  for (const { headers } of answers) {
    assert.equal(headers['set-cookie'], undefined)
    assert.equal(headers['x-content-type-options'], 'nosniff')
  }
  const said = await bench.raw(
    `GET /v1/status HTTP/1.1\r\nhost: x\r\nauthorization: Bearer a\u001bb\r\nx-forwarded-for: ${egg}\r\n\r\n`,
  )
  assert.doesNotMatch(said, new RegExp(egg))
  await bench.shows(mark, { subject: own, code: 'ROUTE_UNKNOWN' })
  const exported: string[] = []
  for await (const record of bench.fleet.peer('p1').audit.records(mark)) exported.push(JSON.stringify(record))
  for (const line of [...exported, ...bench.logged, ...bench.fleet.warnings])
    assert.doesNotMatch(line, /kuckucksei|\p{Cc}/u)
})
