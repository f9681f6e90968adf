// Goal: what somebody is granted is what doors let it do, everywhere at once; what is revoked is over on every peer within
// five seconds; a join token lets one peer in, once. Method: the real thing: a demo of three peers, its command line, and
// requests at each door.
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { Fleet, runSlurp, until } from './fleet.ts'

const work = mkdtempSync(join(tmpdir(), 'slurp-granted-'))
const at = (project: string, path: string) => `ucxl://any:any@${project}:any/*^/${path}`
const revokedWithinMs = 5_000
let fleet: Fleet

before(async () => {
  fleet = await Fleet.start(join(work, 'fleet'), work, ['--empty', '--peers', '3'])
  await fleet.settled()
})
after(async () => {
  await fleet.stop()
  rmSync(work, { recursive: true, force: true })
})

async function grant(name: string, more: readonly string[]): Promise<string> {
  const file = join(work, `${name}.token`)
  const made = await fleet.slurp('p1', [
    'grant',
    'create',
    '--subject',
    name,
    '--token-out',
    file,
    '--json',
    ...more,
  ])
  assert.equal(made.code, 0, made.out + made.err)
  const secret = readFileSync(file, 'utf8').trim()
  assert.ok(!made.out.includes(secret), 'the secret is in its file only')
  return secret
}

const codeOf = (body: Record<string, unknown>) => (body.error as { code: string } | undefined)?.code
const put = (door: string, address: string, token: string, roles = 'developer') =>
  fleet.call(door, 'PUT', fleet.context(address, `?roles=${roles}`), { summary: 'x' }, token)
const get = (door: string, address: string, token: string) =>
  fleet.call(door, 'GET', fleet.context(address), undefined, token)

test('a door token does what its grant says and nothing else, at every door', async () => {
  const token = await grant('narrow', [
    ...['--operations', 'read,write', '--roles', 'developer'],
    ...['--projects', 'shop', '--paths', '/orders'],
  ])
  for (const door of ['p1', 'p2', 'p3']) {
    await until(
      `${door} knows the grant`,
      async () => (await put(door, at('shop', 'orders/1'), token)).status === 200,
    )
    assert.equal((await get(door, at('shop', 'orders/1'), token)).status, 200)
    const refused = [
      await put(door, at('shop', 'ordersX'), token),
      await put(door, at('shop', 'orders/../x'), token),
      await put(door, at('bank', 'orders/1'), token),
      await put(door, at('shop', 'orders/1'), token, 'tester'),
      await put(door, at('shop', 'orders/1'), token, 'developer,tester'),
      await fleet.call(door, 'DELETE', fleet.context(at('shop', 'orders/1')), undefined, token),
      await fleet.call(door, 'GET', `${fleet.context(at('shop', 'orders/1'))}/history`, undefined, token),
      await fleet.call(door, 'GET', '/v1/grants', undefined, token),
      await fleet.call(door, 'POST', '/v1/join-tokens', { ttlSeconds: 60, roles: true }, token),
    ]
    const codes = refused.map(({ body }) => codeOf(body))
    const all = (count: number) => Array.from({ length: count }, () => 'GRANT_DENIED')
    assert.deepEqual(codes, ['GRANT_DENIED', 'ADDRESS_INVALID', ...all(7)], door)
  }
})

test('a batch, a list and what hangs together are held to the grant like everything else', async () => {
  const token = await grant('batcher', [
    ...['--operations', 'history,read,search,write', '--roles', 'developer'],
    ...['--projects', 'shop', '--paths', '/orders'],
  ])
  await until('p2 knows it', async () => (await put('p2', at('shop', 'orders/b0'), token)).status === 200)
  const outside = at('bank', 'vault')
  const stored = await fleet.slurp('p1', ['put', outside, '--field', 'summary=gold', '--roles', 'developer'])
  assert.equal(stored.code, 0, stored.err)
  const records = [
    { project: 'shop', path: 'orders/b1', roles: ['developer'] },
    { project: 'shop', path: 'stock', roles: ['developer'] },
    { project: 'bank', path: 'orders/b1', roles: ['developer'] },
    { project: 'shop', path: 'orders/b2', roles: ['developer', 'tester'] },
    { project: 'shop', path: 'orders/b2', roles: ['developer'] },
  ].map(record => ({ ...record, summary: 'b' }))
  const answer = await fetch(new URL('/v1/batch', fleet.peer('p2').url), {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/x-ndjson' },
    body: records.map(record => JSON.stringify(record)).join('\n'),
  })
  const said = (await answer.text())
    .trim()
    .split('\n')
    .map(line => JSON.parse(line) as { type: string; line?: number; error?: { code: string } })
  const codes = said.flatMap(({ line, error }) =>
    line === undefined ? [] : [[line, error?.code ?? 'stored']],
  )
  assert.deepEqual(
    codes.sort(([one], [other]) => Number(one) - Number(other)),
    ['stored', 'GRANT_DENIED', 'GRANT_DENIED', 'GRANT_DENIED', 'stored'].map((code, at) => [at + 1, code]),
  )
  const ask = async (path: string) => (await fleet.call('p2', 'GET', path, undefined, token)).body
  const paths = ['orders/1', 'orders/b0', 'orders/b1', 'orders/b2']
  await until('what was written is listed', async () => {
    const { contexts, total, coverage } = (await ask('/v1/contexts')) as {
      contexts: { address: string }[]
      total: number
      coverage: { unlisted: number | null }
    }
    if (total !== paths.length) return false
    assert.deepEqual(
      contexts.map(({ address }) => address),
      paths.map(path => at('shop', path)),
    )
    return coverage.unlisted === null
  })
  assert.equal((await ask('/v1/contexts?prefix=bank')).total, 0)
  assert.equal((await ask('/v1/tree')).total, paths.length)
  assert.equal((await ask('/v1/stale')).total, 0)
  const of = (address: string, what: string) => ask(`${fleet.context(address)}/${what}`)
  assert.ok('context' in (await of(at('shop', 'orders/b1'), 'resolve')))
  assert.ok(
    'changes' in
      (await of(at('shop', 'orders/b1'), `diff?to=${encodeURIComponent(at('shop', 'orders/b2'))}`)),
  )
  const refused = [
    await of(outside, 'resolve'),
    await of(outside, 'decisions'),
    await of(outside, 'diff'),
    await of(at('shop', 'orders/b1'), `diff?to=${encodeURIComponent(outside)}`),
  ]
  assert.deepEqual(
    refused.map(codeOf),
    Array.from(refused, () => 'GRANT_DENIED'),
  )
})

test('a context for other roles is not read, and its history says who but not what', async () => {
  const token = await grant('tester', ['--operations', 'read,history', '--roles', 'tester'])
  const address = at('shop', 'secret')
  const stored = await fleet.slurp('p1', ['put', address, '--field', 'summary=x', '--roles', 'developer'])
  assert.equal(stored.code, 0, stored.err)
  assert.equal(codeOf((await get('p1', address, token)).body), 'GRANT_DENIED')
  const { body } = await fleet.call('p1', 'GET', `${fleet.context(address)}/history`, undefined, token)
  assert.deepEqual((body.versions as { decision: unknown }[])[0]!.decision, null)
})

test('closed hours, a foreign network and a grant that is too wide for who asks', async () => {
  const closed = new Date(Date.now() + 3 * 86_400_000)
  const day = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'][closed.getUTCDay()]!
  const late = await grant('late', ['--hours', `UTC ${day} 00:00-24:00`])
  const { body } = await get('p1', at('shop', 'orders/1'), late)
  assert.match((body.error as { hint: string }).hint, /^It opens at /)
  const far = await grant('far', ['--networks', '203.0.113.0/24'])
  assert.match(
    String(
      (await get('p1', at('shop', 'orders/1'), far)).body.error &&
        codeOf((await get('p1', at('shop', 'orders/1'), far)).body),
    ),
    /GRANT_DENIED/,
  )
  const explained = await fleet.slurp('p1', [
    'grant',
    'explain',
    'far',
    '--operation',
    'read',
    '--from',
    '127.0.0.1',
    '--address',
    at('shop', 'a'),
    '--json',
  ])
  assert.equal(JSON.parse(explained.out).rule, 'networks')
  const manager = await grant('manager', ['--operations', 'admin:grants,read', '--roles', 'tester'])
  const wish = {
    subject: 'wider',
    kind: 'agent',
    operations: ['read', 'write'],
    roles: 'any',
    projects: 'any',
  }
  const more = { paths: 'any', networks: 'any', hours: 'any', ttlSeconds: 60, bearer: true, dryRun: false }
  const refused = await fleet.call('p1', 'POST', '/v1/grants', { ...wish, ...more }, manager)
  assert.equal(codeOf(refused.body), 'GRANT_DENIED')
})

test('what is revoked is over at every door within five seconds', async () => {
  const token = await grant('brief', ['--operations', 'read,write'])
  for (const door of ['p1', 'p2', 'p3']) {
    await until(`${door} knows it`, async () => (await put(door, at('shop', 'brief'), token)).status === 200)
  }
  const revoked = await fleet.slurp('p2', ['grant', 'revoke', 'brief', '--json'])
  const sinceMs = Date.now()
  assert.equal(revoked.code, 0, revoked.err)
  for (const door of ['p1', 'p2', 'p3']) {
    await until(
      `${door} refuses it`,
      async () => codeOf((await put(door, at('shop', 'brief'), token)).body) === 'GRANT_DENIED',
      revokedWithinMs,
    )
  }
  console.log(`revoked on every peer after at most ${Date.now() - sinceMs} ms`)
})

test('a join token shown at two doors at once lets one peer in; shown again it lets nobody in', async () => {
  const file = join(work, 'p4.join')
  const made = await fleet.slurp('p1', ['token', 'create', '--out', file, '--json'])
  assert.equal(made.code, 0, made.err)
  const token = readFileSync(file, 'utf8')
  const dirs = ['p4', 'p5'].map(name => join(work, name))
  const tries = await Promise.all(
    dirs.map(dir => runSlurp(['join', '-', '--dir', dir, '--no-start', '--json'], token)),
  )
  assert.deepEqual(tries.map(({ code }) => code).sort(), [0, 6], JSON.stringify(tries))
  const replayed = await runSlurp(['join', '-', '--dir', join(work, 'p6'), '--no-start', '--json'], token)
  assert.equal(JSON.parse(replayed.out).error.code, 'JOIN_TOKEN_WRONG')
  await until('the replay is in the audit log of the door that was asked', async () => {
    const search = ['audit', 'search', '--denied', '--code', 'JOIN_TOKEN_WRONG', '--json']
    const found = await Promise.all(['p1', 'p2', 'p3'].map(door => fleet.slurp(door, search)))
    return found.some(({ out }) => JSON.parse(out).entries.length > 0)
  })
  const { body } = await fleet.call('p1', 'GET', '/v1/status')
  assert.equal((body.members as unknown[]).length, 4)
  const secret = token.trim().split('.').at(-2)!
  for (const { dir } of fleet.peers) assert.ok(!readFileSync(join(dir, 'peer.log'), 'utf8').includes(secret))
})

test('a member that is revoked while it is connected is cut off, and may not write by its own door', async () => {
  const revoked = await fleet.slurp('p1', ['grant', 'revoke', 'p3', '--json'])
  assert.equal(revoked.code, 0, revoked.err)
  await until(
    'p1 and p2 are not linked to p3 any more',
    async () => {
      const states = await Promise.all(['p1', 'p2'].map(door => fleet.call(door, 'GET', '/v1/status')))
      return states.every(({ body }) =>
        (body.members as { name: string; connected: boolean }[]).some(
          each => each.name === 'p3' && !each.connected,
        ),
      )
    },
    revokedWithinMs,
  )
  const written = await fleet.call('p3', 'PUT', fleet.context(at('shop', 'mine')), { summary: 'x' })
  assert.equal(codeOf(written.body), 'GRANT_DENIED')
})
