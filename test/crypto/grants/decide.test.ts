// Goal: what no rule allows is denied, and the answer names the rule and the moment that change it. Method: one wide chain,
// narrowed one limit at a time, asked from both sides of each limit; random chains against single checks.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { PeerId, RoleName } from '../../../base/ids.ts'
import { type Denial, decide, type GrantRequest, type Verdict } from '../../../crypto/grants/decide.ts'
import type { GrantChain } from '../../../crypto/grants/grant-chain.ts'
import type { Limits } from '../../../crypto/grants/grant-shape.ts'
import type { AdminOperation, ContextOperation } from '../../../crypto/grants/operations.ts'
import { noRevocations } from '../../../crypto/grants/revocations.ts'
import {
  atlas,
  borealis,
  chainWith,
  dayMs,
  developer,
  limitedTo,
  nowMs,
  readAt,
  stranger,
  tester,
  wide,
} from './fixtures.ts'

const ask = (chain: GrantChain, request: GrantRequest = readAt(), at = nowMs): Verdict =>
  decide(chain, noRevocations, request, at)
const ruleOf = (chain: GrantChain, request: GrantRequest = readAt(), at = nowMs) =>
  ask(chain, request, at).rule
const on = (operation: ContextOperation): GrantRequest => ({ ...readAt(), operation }) as GrantRequest
const onFleet = (operation: AdminOperation): GrantRequest => ({
  subject: readAt().subject,
  address: null,
  operation,
  target: 'fleet',
})
const blind = (claimedProject: typeof atlas | null): GrantRequest => ({
  subject: readAt().subject,
  address: '10.1.2.3',
  operation: 'read',
  target: { sight: 'blind', roles: [developer], claimedProject },
})
const withRoles = (...roles: RoleName[]): GrantRequest => ({
  ...readAt(),
  operation: 'read',
  target: { sight: 'open', roles, project: atlas, path: '/a' },
})
const denies = (verdict: Verdict, rule: Denial, link: 'delegate' | 'grant' = 'grant') =>
  assert.deepEqual(verdict, { allowed: false, rule, link })

const chain = await chainWith()

test('a wide grant allows until it runs out', () => {
  assert.deepEqual(ask(chain), {
    allowed: true,
    rule: 'granted',
    untilMs: nowMs + 20 * dayMs,
    leftToCheck: [],
  })
  assert.equal(ruleOf(chain, readAt(), nowMs + 20 * dayMs - 1), 'granted')
  denies(ask(chain, readAt(), nowMs + 20 * dayMs), 'expired')
})

test('a grant is of no use to anybody else', () => {
  denies(ask(chain, { ...readAt(), subject: stranger.peerId }), 'subject')
  denies(ask(chain, { ...readAt(), subject: '' as PeerId }), 'subject')
})

test('no clock, no answer but no', () => {
  for (const at of [Number.NaN, -1, 0.5, Number.POSITIVE_INFINITY]) denies(ask(chain, readAt(), at), 'clock')
})

test('before its time it says when', async () => {
  const later = await chainWith({}, { notBeforeMs: nowMs + dayMs })
  assert.deepEqual(ask(later), { allowed: false, rule: 'notYet', link: 'grant', opensAtMs: nowMs + dayMs })
  assert.equal(ruleOf(later, readAt(), nowMs + dayMs), 'granted')
})

test('a delegate that ran out, was not yet, or gives for too long', async () => {
  const ended = await chainWith({ expiresMs: nowMs })
  assert.equal(ruleOf(ended, readAt(), nowMs - 1), 'granted')
  denies(ask(ended), 'expired', 'delegate')
  denies(ask(await chainWith({ expiresMs: nowMs - 2 * dayMs })), 'issuedOutside', 'delegate')
  denies(ask(await chainWith({ notBeforeMs: nowMs })), 'issuedOutside', 'delegate')
  denies(ask(await chainWith({ grantMsMax: 21 * dayMs - 1 })), 'lifetime', 'delegate')
  assert.equal(ruleOf(await chainWith({ grantMsMax: 21 * dayMs })), 'granted')
  denies(ask(await chainWith({ subjectKinds: ['peer'] })), 'subjectKind', 'delegate')
})

test('operations are those that are listed', async () => {
  const reader = await limitedTo({ operations: ['read'] })
  assert.equal(ruleOf(reader), 'granted')
  for (const operation of ['write', 'delete', 'search', 'history'] as const) {
    denies(ask(reader, on(operation)), 'operations')
  }
  denies(ask(chain, onFleet('admin:ring')), 'operations')
  const admin = await limitedTo({ operations: ['admin:*'] })
  assert.equal(ruleOf(admin, onFleet('admin:ring')), 'granted')
  denies(ask(admin), 'operations')
  const ring = await limitedTo({ operations: ['admin:ring'] })
  assert.equal(ruleOf(ring, onFleet('admin:ring')), 'granted')
  denies(ask(ring, onFleet('admin:keys')), 'operations')
  // What is for the fleet is not asked of a context, nor the other way round.
  denies(
    ask(admin, { ...readAt(), operation: 'admin:ring' } as unknown as GrantRequest),
    'operations',
    'delegate',
  )
  denies(
    ask(chain, { ...onFleet('admin:ring'), operation: 'read' } as unknown as GrantRequest),
    'operations',
    'delegate',
  )
  denies(
    ask(chain, { ...readAt(), operation: 'ponder' } as unknown as GrantRequest),
    'operations',
    'delegate',
  )
})

test('a grant gives nothing that its delegate could not', async () => {
  const narrow = await chainWith({ limits: { ...wide, operations: ['read'] } })
  assert.equal(ruleOf(narrow), 'granted')
  denies(ask(narrow, on('write')), 'operations', 'delegate')
  denies(ask(await chainWith({ limits: { ...wide, projects: [borealis] } })), 'projects', 'delegate')
  denies(ask(await chainWith({ limits: { ...wide, networks: ['192.0.2.0/24'] } })), 'networks', 'delegate')
})

test('roles: one of those of the context', async () => {
  const held = await limitedTo({ roles: [developer] })
  assert.equal(ruleOf(held, withRoles(developer, tester)), 'granted')
  denies(ask(held, withRoles(tester)), 'roles')
  denies(ask(held, withRoles()), 'roles', 'delegate')
  denies(ask(chain, withRoles()), 'roles', 'delegate')
  denies(ask(await limitedTo({ roles: [] })), 'roles')
})

test('projects and paths, by who sees the address', async () => {
  const scoped = await limitedTo({ projects: [atlas], paths: ['/notes', '/plans/q3'] })
  for (const path of ['/notes', '/notes/today', '/plans/q3/a'])
    assert.equal(ruleOf(scoped, readAt(path)), 'granted')
  for (const path of [
    '/',
    '/note',
    '/notesx',
    '/plans',
    '/plans/q33',
    '/notes/../plans',
    '/notes/',
    'notes',
    '',
  ]) {
    denies(ask(scoped, readAt(path)), 'paths')
  }
  denies(ask(scoped, readAt('/notes', borealis)), 'projects')
  const long = `/notes/${'x'.repeat(3000)}`
  assert.equal(ruleOf(scoped, readAt(long)), 'granted')
  assert.equal(ruleOf(await limitedTo({ paths: ['/'] }), readAt('/a/b')), 'granted')
})

test('a blind party checks what is claimed and says what it could not', async () => {
  const scoped = await limitedTo({ projects: [atlas], paths: ['/notes'] })
  const verdict = ask(scoped, blind(atlas))
  assert.ok(verdict.allowed)
  assert.deepEqual(verdict.leftToCheck, ['projects', 'paths'])
  denies(ask(scoped, blind(borealis)), 'projects')
  denies(ask(scoped, blind(null)), 'projects')
  const anywhere = ask(chain, blind(null))
  assert.deepEqual(anywhere.allowed && anywhere.leftToCheck, [])
})

test('networks, mapped addresses and no address', async () => {
  const inside = await limitedTo({ networks: ['10.0.0.0/8', '2001:db8::/32'] })
  const from = (address: string | null) => ruleOf(inside, { ...readAt(), address })
  for (const address of ['10.9.9.9', '::ffff:10.9.9.9', '2001:db8::7'])
    assert.equal(from(address), 'granted', address)
  for (const address of ['11.0.0.1', '::ffff:11.0.0.1', '::10.9.9.9', '2001:db9::1', '10.9.9.9 ', '', null]) {
    assert.equal(from(address), 'networks', `${address}`)
  }
  assert.equal(ruleOf(chain, { ...readAt(), address: null }), 'granted')
})

test('closed hours say when they open, open ones until when', async () => {
  const hours = { zone: 'Europe/Berlin', windows: [{ days: [1, 2, 3, 4, 5], from: '08:00', to: '18:00' }] }
  const office = await limitedTo({ hours })
  const open = ask(office)
  assert.equal(open.allowed && new Date(open.untilMs).toISOString(), '2026-07-01T16:00:00.000Z')
  const closed = ask(office, readAt(), Date.UTC(2026, 6, 3, 20))
  assert.deepEqual(closed, {
    allowed: false,
    rule: 'hours',
    link: 'grant',
    opensAtMs: Date.UTC(2026, 6, 6, 6),
  })
  // The hours of the delegate count too: both have to be open.
  const evening = { zone: 'UTC', windows: [{ days: [4], from: '15:00', to: '23:00' }] }
  const both = await chainWith({ limits: { ...wide, hours: evening } }, { limits: { ...wide, hours } })
  const verdict = ask(both)
  assert.deepEqual(verdict, {
    allowed: false,
    rule: 'hours',
    link: 'delegate',
    opensAtMs: Date.UTC(2026, 6, 2, 15),
  })
  // It runs out before it would open.
  const short = await chainWith(
    {},
    {
      expiresMs: nowMs + dayMs,
      limits: { ...wide, hours: { ...hours, windows: [{ days: [6], from: '08:00', to: '09:00' }] } },
    },
  )
  denies(ask(short), 'hours')
  // Another limit is named first: waiting would not help.
  denies(
    ask(office, { ...readAt(), operation: 'admin:ring', target: 'fleet' }, Date.UTC(2026, 6, 3, 20)),
    'operations',
  )
})

test('what is allowed stays so until the moment named, and what is closed opens at the one named', async () => {
  const windows = fc.array(
    fc.record(
      {
        days: fc.subarray([1, 2, 3, 4, 5, 6, 7], { minLength: 1 }),
        from: fc.constantFrom('00:00', '06:30', '12:00', '22:00'),
        to: fc.constantFrom('05:00', '11:30', '23:00', '24:00'),
      },
      { noNullPrototype: true },
    ),
    { minLength: 1, maxLength: 3 },
  )
  const hours = fc.record(
    { zone: fc.constantFrom('UTC', 'America/New_York'), windows },
    { noNullPrototype: true },
  )
  await fc.assert(
    fc.asyncProperty(hours, hours, fc.nat(30 * 24 * 60), async (one, two, minute) => {
      const both = await chainWith({ limits: { ...wide, hours: one } }, { limits: { ...wide, hours: two } })
      const at = nowMs + minute * 60_000
      const verdict = ask(both, readAt(), at)
      if (verdict.allowed) {
        assert.equal(ask(both, readAt(), verdict.untilMs - 1).allowed, true)
        assert.equal(ask(both, readAt(), verdict.untilMs).allowed, false)
      } else if (verdict.opensAtMs !== undefined) {
        assert.equal(ask(both, readAt(), verdict.opensAtMs).allowed, true)
        assert.equal(ask(both, readAt(), verdict.opensAtMs - 1).allowed, false)
      }
    }),
    { numRuns: 80 },
  )
})

test('one more limit never allows more', async () => {
  const limits = fc.record({
    operations: fc.constantFrom(['read'], ['read', 'write'], ['write']),
    roles: fc.constantFrom('any', [], ['developer'], ['tester']),
    projects: fc.constantFrom('any', [atlas], [borealis]),
    paths: fc.constantFrom('any', ['/'], ['/notes'], ['/plans']),
    networks: fc.constantFrom('any', ['10.0.0.0/8'], ['::/0']),
    hours: fc.constant('any'),
  }) as unknown as fc.Arbitrary<Limits>
  await fc.assert(
    fc.asyncProperty(limits, limits, async (one, two) => {
      const allows = (of: GrantChain) => ask(of).allowed
      const both = await chainWith({ limits: one }, { limits: two })
      assert.equal(allows(both), allows(await limitedTo(one)) && allows(await limitedTo(two)))
    }),
    { numRuns: 60 },
  )
})
