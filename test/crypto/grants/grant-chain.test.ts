// Goal: only what the authority's delegate signed, in its one spelling, is a grant. Method: attacks on header, content,
// signature and chain, each byte of a token changed, shapes that a good signature does not excuse, random text.
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { SlurpError } from '../../../base/errors.ts'
import { openDelegate, openGrantChain, signDelegate, signGrant } from '../../../crypto/grants/grant-chain.ts'
import type { Delegate, Grant, Limits } from '../../../crypto/grants/grant-shape.ts'
import { projectScopeOf } from '../../../crypto/grants/project-scope.ts'
import { ed25519From } from '../../../crypto/peer-keys.ts'
import { refusedAs } from '../fixtures.ts'
import {
  atlas,
  authority,
  chainText,
  chainWith,
  dayMs,
  delegateKey,
  delegateWith,
  fleetSecret,
  grantWith,
  holder,
  newAuthority,
  newKey,
  nowMs,
  publicHex,
  stranger,
  wide,
} from './fixtures.ts'

const text = await chainText()
const invalid = refusedAs('GRANT_INVALID')
const encoded = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')
const partsOf = (token: string): [string, string, string] => token.split('.') as [string, string, string]
const contentOf = (token: string): Record<string, unknown> =>
  JSON.parse(Buffer.from(partsOf(token)[1], 'base64url').toString())
const open = (grant: string, delegate = text.delegate) =>
  openGrantChain({ delegate, grant }, authority.publicKey)
/** Signed with the delegate's real key, whatever is in it. */
const signedRaw = (payload: string, header: Record<string, unknown> = {}, key = delegateKey) => {
  const body = `${encoded({ alg: 'EdDSA', typ: 'slurp-grant', ...header })}.${encoded(payload)}`
  return `${body}.${Buffer.from(key.sign(Buffer.from(body))).toString('base64url')}`
}
const content = JSON.stringify(contentOf(text.grant))

test('a chain comes back whole, and is made as RFC 7515 says', async () => {
  const chain = await openGrantChain(text, authority.publicKey)
  assert.deepEqual(chain.delegate, { format: 1, fleet: authority.fleet, ...delegateWith() })
  assert.equal(chain.grant.subject, holder.peerId)
  assert.equal(chain.grant.issuer, chain.delegate.id)
  assert.match(chain.grantHash, /^[0-9a-f]{64}$/)
  assert.equal(signedRaw(content), text.grant)
})

test('no algorithm, another algorithm, and the public key taken as a shared secret', async () => {
  const [header, payload, signature] = partsOf(text.grant)
  const hmacHead = encoded({ alg: 'HS256', typ: 'slurp-grant' })
  const forged = (key: Uint8Array | string) =>
    `${hmacHead}.${payload}.${createHmac('sha256', key).update(`${hmacHead}.${payload}`).digest('base64url')}`
  const pem = ed25519From(delegateKey.publicKey).export({ type: 'spki', format: 'pem' })
  const attacks = [
    `${encoded({ alg: 'none', typ: 'slurp-grant' })}.${payload}.`,
    `${encoded({ alg: 'none', typ: 'slurp-grant' })}.${payload}.${signature}`,
    `${encoded({ alg: 'None' })}.${payload}.${signature}`,
    `${header}.${payload}.`,
    `${header}.${payload}`,
    `${header}..${signature}`,
    `${text.grant}.${signature}`,
    forged(delegateKey.publicKey),
    forged(pem),
    signedRaw(content, { alg: 'Ed25519' }),
    signedRaw(content, { alg: 'ES256' }),
  ]
  for (const attack of attacks) await assert.rejects(open(attack), invalid, attack.slice(0, 60))
})

test('a header that says more than the kind is refused, good signature or not', async () => {
  const headers = [
    { typ: 'JWT' },
    { typ: 'slurp-delegate' },
    { typ: 'SLURP-GRANT' },
    { kid: 'd0' },
    { jwk: { kty: 'OKP', crv: 'Ed25519', x: encoded('x') } },
    { jku: 'https://example.org/keys' },
    { crit: ['exp'], exp: 1 },
    { crit: ['b64'], b64: false },
    { zip: 'DEF' },
  ]
  for (const header of headers) {
    await assert.rejects(open(signedRaw(content, header)), invalid, JSON.stringify(header))
  }
  const spaced = `${encoded('{"alg":"EdDSA", "typ":"slurp-grant"}')}.${encoded(content)}`
  const signature = Buffer.from(delegateKey.sign(Buffer.from(spaced))).toString('base64url')
  await assert.rejects(open(`${spaced}.${signature}`), invalid)
})

test('one kind of token never passes for another, and no key for another', async () => {
  await assert.rejects(open(text.delegate), invalid)
  await assert.rejects(open(text.grant, text.grant), invalid)
  // A holder who signs its own certificate, and an authority of another fleet.
  const ownDelegate = await signDelegate(await newAuthority(), delegateWith())
  await assert.rejects(open(text.grant, ownDelegate), invalid)
  const otherKey = await newKey()
  await assert.rejects(open(signedRaw(content, {}, otherKey)), invalid)
  await assert.rejects(open(signedRaw(content, {}, holder)), invalid)
  // The authority itself signs no grants: what it signs is the delegate.
  await assert.rejects(open(signedRaw(content, {}, authority)), invalid)
  // The same key under two certificates: a grant belongs to the one that it names.
  const second = await signDelegate(authority, delegateWith({ id: 'd1'.repeat(16) as Delegate['id'] }))
  await assert.rejects(open(text.grant, second), invalid)
  const elsewhere = JSON.stringify({ ...contentOf(text.grant), fleet: 'ab'.repeat(32) })
  await assert.rejects(open(signedRaw(elsewhere)), invalid)
})

test('a changed subject, operation or time breaks the signature', async () => {
  const [header, , signature] = partsOf(text.grant)
  const changes: Partial<Record<keyof Grant, unknown>>[] = [
    { subject: stranger.peerId },
    { subjectKind: 'peer' },
    { expiresMs: nowMs + 25 * dayMs },
    { limits: { ...wide, operations: ['admin:*'] } },
  ]
  for (const change of changes) {
    const payload = encoded({ ...contentOf(text.grant), ...change })
    await assert.rejects(open(`${header}.${payload}.${signature}`), invalid)
  }
})

test('every character of a token counts, the last one too', async () => {
  const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  const last = digits.indexOf(text.grant.at(-1)!)
  for (const other of [last ^ 1, last ^ 2, last ^ 8]) {
    await assert.rejects(open(text.grant.slice(0, -1) + digits[other]), invalid)
  }
  for (let at = 0; at < text.grant.length; at += 7) {
    const other = digits[(digits.indexOf(text.grant[at]!) + 1) % 64] ?? 'A'
    await assert.rejects(open(text.grant.slice(0, at) + other + text.grant.slice(at + 1)), invalid, `${at}`)
  }
  for (const dressed of [` ${text.grant}`, `${text.grant}\n`, `${text.grant}=`]) {
    await assert.rejects(open(dressed), invalid)
  }
})

test('a good signature excuses no second spelling and no shape', async () => {
  const said = contentOf(text.grant)
  const { id, ...withoutId } = said
  const limits = said.limits as Limits
  const withoutNetworks = { ...limits, networks: undefined }
  const spellings = [
    ` ${content}`,
    content.replace('{', '{"more":1,'),
    content.replace('{', '{"__proto__":{},'),
    content.replace('{', `{"subject":"${stranger.peerId}",`),
    JSON.stringify({ ...withoutId, id }),
    JSON.stringify(withoutId),
    JSON.stringify({ ...said, limits: withoutNetworks }),
    content.replace(`"issuedAtMs":${said.issuedAtMs}`, `"issuedAtMs":${said.issuedAtMs}.0`),
    JSON.stringify({ ...said, subject: 'nobody' }),
    JSON.stringify({ ...said, notBeforeMs: (said.issuedAtMs as number) - 1 }),
    JSON.stringify({ ...said, expiresMs: said.notBeforeMs }),
    JSON.stringify({ ...said, expiresMs: nowMs + 400 * dayMs }),
    '[]',
    'null',
    '',
    '['.repeat(10_000),
  ]
  const badLimits: Record<string, unknown>[] = [
    { operations: [] },
    { operations: ['write', 'read'] },
    { operations: ['read', 'read'] },
    { operations: ['admin:everything'] },
    { operations: ['*'] },
    { roles: ['Developer'] },
    { projects: ['atlas'] },
    { projects: [] },
    { projects: [atlas], operations: ['admin:ring'] },
    { paths: ['notes'] },
    { paths: ['/notes/'] },
    { paths: ['/a/../b'] },
    { paths: Array.from({ length: 33 }, (_, at) => `/p${at + 10}`) },
    { networks: ['10.0.0.1/8'] },
    { networks: ['::ffff:10.0.0.0/104'] },
    { hours: { zone: 'Mars/Olympus', windows: [{ days: [1], from: '08:00', to: '09:00' }] } },
    { hours: { zone: '+01:00', windows: [{ days: [1], from: '08:00', to: '09:00' }] } },
    { hours: { zone: 'UTC', windows: [] } },
    { hours: { zone: 'UTC', windows: [{ days: [0], from: '08:00', to: '09:00' }] } },
    { hours: { zone: 'UTC', windows: [{ days: [1], from: '08:00', to: '08:00' }] } },
    { hours: { zone: 'UTC', windows: [{ days: [1], from: '8:00', to: '09:00' }] } },
  ]
  const all = [
    ...spellings,
    ...badLimits.map(bad => JSON.stringify({ ...said, limits: { ...limits, ...bad } })),
  ]
  for (const payload of all) await assert.rejects(open(signedRaw(payload)), invalid, payload.slice(0, 200))
  for (const bad of badLimits) {
    const grant = grantWith({ limits: { ...limits, ...bad } as Limits })
    await assert.rejects(
      (async () => signGrant(delegateKey, { id: delegateWith().id, fleet: authority.fleet }, grant))(),
      refusedAs('CONFIG_INVALID'),
    )
  }
})

test('a later format says so, and what is too long is not looked at', async () => {
  const later = content.replace('"format":1', '"format":2')
  await assert.rejects(open(signedRaw(later)), refusedAs('FORMAT_UNKNOWN'))
  await assert.rejects(open('a'.repeat(25 * 1024)), invalid)
})

test('a certificate is the authority of the fleet or nothing', async () => {
  const wrongFleet = JSON.stringify({ ...contentOf(text.delegate), fleet: 'ab'.repeat(32) })
  const token = signedRaw(wrongFleet, { typ: 'slurp-delegate' }, authority)
  await assert.rejects(openDelegate(token, authority.publicKey), invalid)
  const longest = delegateWith({ expiresMs: nowMs + 391 * dayMs })
  await assert.rejects((async () => signDelegate(authority, longest))(), refusedAs('CONFIG_INVALID'))
  const other = await newKey()
  const text2 = await chainText({ publicKey: publicHex(other) })
  await assert.rejects(openGrantChain(text2, authority.publicKey), invalid)
})

test('scopes compare without telling names', () => {
  assert.equal(projectScopeOf(fleetSecret, 'atlas'), atlas)
  assert.notEqual(projectScopeOf(new Uint8Array(32).fill(8), 'atlas'), atlas)
  const direct = createHmac('sha256', fleetSecret).update('atlas').digest('hex')
  assert.notEqual(atlas, direct, 'a scope is never a key of the key space')
})

test('any text ends in a SlurpError', async () => {
  const cut = fc
    .tuple(fc.nat(text.grant.length), fc.nat(text.grant.length), fc.string())
    .map(([from, to, more]) => text.grant.slice(0, from) + more + text.grant.slice(to))
  const signed = fc.json().map(json => signedRaw(json))
  await fc.assert(
    fc.asyncProperty(fc.oneof(fc.string(), cut, signed), async token => {
      if (token !== text.grant) await assert.rejects(open(token), SlurpError)
    }),
    { numRuns: 150 },
  )
})

test('any limits within the caps come back as they were', async () => {
  const listOf = (items: readonly string[]) =>
    fc.uniqueArray(fc.constantFrom(...items), { minLength: 1 }).map(list => list.sort())
  const anyOr = (list: fc.Arbitrary<string[]>) => fc.oneof(fc.constant('any' as const), list)
  const limits = fc.record(
    {
      operations: listOf(wide.operations),
      roles: anyOr(listOf(['admin', 'developer', 'tester'])),
      projects: anyOr(listOf(['a', 'b', 'c'].map(name => projectScopeOf(fleetSecret, name)))),
      paths: anyOr(listOf(['/', '/a', '/a/b', '/über/straße'])),
      networks: anyOr(listOf(['0.0.0.0/0', '10.0.0.0/8', '::/0', '2001:db8::/32', 'fe80::1/128'])),
      hours: fc.constant('any' as const),
    },
    { noNullPrototype: true },
  ) as unknown as fc.Arbitrary<Limits>
  await fc.assert(
    fc.asyncProperty(limits, async wanted => {
      assert.deepEqual((await chainWith({}, { limits: wanted })).grant.limits, wanted)
    }),
    { numRuns: 40 },
  )
})
