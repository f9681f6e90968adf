// Goal: what a member writes beyond its grant is stored by nobody, however it comes and whoever hands it on; what it wrote
// while it was allowed stays. Method: the checker of a real peer, and envelopes that a compromised member signs itself.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { bootTag, hlcFrom } from '../../base/hlc.ts'
import { type ContextKey, controlKey, type Digest, type RoleName } from '../../base/ids.ts'
import { sealEnvelope, sealTombstone, signControl } from '../../crypto/envelope.ts'
import { newEnvelopeChecker } from '../../crypto/envelope-checker.ts'
import type { Limits } from '../../crypto/grants/grant-shape.ts'
import { certify, memberLimits } from '../../crypto/grants/membership.ts'
import { projectScopeOf } from '../../crypto/grants/project-scope.ts'
import { clockTagOf, type Identity } from '../../crypto/identity.ts'
import { recipientsOf, roleKeys } from '../crypto/fixtures.ts'
import { formerEnvelope } from '../crypto/former-envelope.ts'
import { dayMs, newKeepers } from './keepers.ts'

const key = 'aa'.repeat(32) as ContextKey
const roles = recipientsOf(roleKeys('developer', 'tester'))
const secret = new Uint8Array(32).fill(7)

async function openBench(t: TestContext) {
  const fleet = await newKeepers(t, 3)
  const [{ keeper }, writer] = fleet.members as [(typeof fleet.members)[0], (typeof fleet.members)[0]]
  const checker = newEnvelopeChecker({
    fleet: fleet.authority.fleet,
    isAuthor: () => true,
    isGranted: (header, isFresh) => keeper.judge.isGranted(header, isFresh),
  })
  const written = async (more: {
    grant?: Digest
    author?: Identity
    atMs?: number
    roles?: readonly string[]
    project?: string
    kind?: 'live' | 'tombstone' | 'control'
  }) => {
    const author = more.author ?? writer.identity
    const version = hlcFrom(more.atMs ?? fleet.clock.nowMs, 1, bootTag(clockTagOf(author.peerId), 1))
    const kind = more.kind ?? 'live'
    const plan = {
      fleet: fleet.authority.fleet,
      key: kind === 'control' ? controlKey(3) : key,
      version,
      parent: null,
      author,
      expiresAtMs: 0,
      ...(more.grant === undefined ? {} : { grant: more.grant }),
      scope: more.project === undefined ? null : projectScopeOf(secret, more.project),
    }
    const chosen = roles.filter(({ name }) => (more.roles ?? ['developer']).includes(name))
    const sealed =
      kind === 'live'
        ? await sealEnvelope({ ...plan, roles: chosen, plaintext: Buffer.from('x') })
        : kind === 'tombstone'
          ? await sealTombstone(plan)
          : signControl(plan, Buffer.from('x'))
    const { parent, expiresAtMs } = plan
    const claim = { key: plan.key, version, parent, expiresAtMs, ...sealed }
    return { ...claim, kind: kind === 'tombstone' ? ('tombstone' as const) : ('live' as const) }
  }
  /** The hash of a grant of the writer with these limits, known to the peer that checks. */
  const grantedTo = async (limits: Partial<Limits>, more: object = {}) => {
    const text = await fleet.chain({
      subject: writer.identity.peerId,
      limits: { ...memberLimits(true), ...limits },
      ...more,
    })
    await keeper.grants.learn(text)
    return (await keeper.grants.prove(text)).grantHash
  }
  return { ...fleet, keeper, writer, checker, written, grantedTo }
}

test('an envelope without a grant, with one that nobody knows, and with one of somebody else', async t => {
  const { checker, written, members, keeper, writer } = await openBench(t)
  const [first, , blind] = members
  assert.equal(checker.accepts(await written({})), false)
  const unknown = writer.keeper.own!.grantHash
  assert.equal(checker.accepts(await written({ grant: unknown })), false)
  await keeper.sync.fetchMissing(writer.identity.peerId)
  assert.equal(checker.accepts(await written({ grant: unknown })), true, 'it was asked for and proven')
  assert.equal(
    checker.accepts(await written({ grant: first!.keeper.own!.grantHash })),
    false,
    'of another peer',
  )
  await keeper.sync.compareWith(blind!.identity.peerId)
  const blindly = { author: blind!.identity, grant: blind!.keeper.own!.grantHash }
  assert.equal(checker.accepts(await written(blindly)), false, 'a blind peer writes nothing')
  assert.equal(
    checker.accepts(await written({ ...blindly, kind: 'tombstone' })),
    false,
    'and deletes nothing',
  )
  assert.equal(checker.accepts(await written({ ...blindly, kind: 'control' })), true, 'and may lead')
})

test('roles, operations and projects beyond the grant', async t => {
  const { checker, written, grantedTo } = await openBench(t)
  const accepts = async (more: Parameters<typeof written>[0]) => checker.accepts(await written(more))
  const roleBound = await grantedTo({ roles: ['developer' as RoleName] })
  assert.equal(await accepts({ grant: roleBound }), true)
  assert.equal(await accepts({ grant: roleBound, roles: ['tester'] }), false)
  assert.equal(
    await accepts({ grant: roleBound, roles: ['developer', 'tester'] }),
    false,
    'one role too many',
  )
  const readOnly = await grantedTo({ operations: ['read'] })
  assert.equal(await accepts({ grant: readOnly }), false)
  assert.equal(await accepts({ grant: readOnly, kind: 'tombstone' }), false)
  assert.equal(await accepts({ grant: readOnly, kind: 'control' }), false)
  const inShop = await grantedTo({ operations: ['write'], projects: [projectScopeOf(secret, 'shop')] })
  assert.equal(await accepts({ grant: inShop, project: 'shop' }), true)
  assert.equal(await accepts({ grant: inShop, project: 'bank' }), false)
  assert.equal(await accepts({ grant: inShop }), false, 'a project that is not said')
})

test('what was written in time stays when the grant has ended or was revoked, and nothing is written after', async t => {
  const { checker, written, grantedTo, clock, keeper } = await openBench(t)
  const grant = await grantedTo({})
  const inTime = await written({ grant })
  const before = await written({ grant, atMs: clock.nowMs - 1 })
  assert.equal(checker.accepts(inTime), true)
  assert.equal(checker.accepts(before), false, 'before the grant began')
  clock.nowMs += 3 * dayMs
  const list = await keeper.signer.revoke(keeper.grants.get(grant)!.chain, clock.nowMs)
  await keeper.revocations.learn(list)
  assert.equal(checker.accepts(inTime), true, 'handed on later')
  assert.equal(checker.accepts(inTime, true), false, 'but nobody begins to write it now')
  assert.equal(checker.accepts(await written({ grant })), false, 'written after the revocation')
  const other = await grantedTo({})
  const late = await written({ grant: other, atMs: clock.nowMs + 8 * dayMs })
  assert.equal(checker.accepts(late), false, 'written after the end')
})

test('a grant of another authority, or of a delegate that was revoked', async t => {
  const { checker, written, chain, keeper, writer } = await openBench(t)
  const elsewhere = await newKeepers(t, 1)
  const by = { key: elsewhere.key, delegate: elsewhere.delegate, certificate: elsewhere.certificate }
  const foreign = await chain({ subject: writer.identity.peerId }, by)
  await assert.rejects(keeper.grants.learn(foreign))
  const { grantHash } = await elsewhere.members[0]!.keeper.grants.prove(foreign)
  assert.equal(checker.accepts(await written({ grant: grantHash })), false)
})

test('a version of before grants stays where the authority says that there were none, and is written by nobody now', async t => {
  const { authority, clock, key: signing, keeper, checker, writer } = await openBench(t)
  const former = async (atMs: number) => {
    const author = writer.identity
    const version = hlcFrom(atMs, 1, bootTag(clockTagOf(author.peerId), 1))
    const plaintext = Buffer.from('x')
    const sealed = await formerEnvelope({ fleet: authority.fleet, key, version, author, roles, plaintext })
    return { key, version, parent: null, kind: 'live' as const, expiresAtMs: 0, ...sealed }
  }
  const [before, later] = [await former(clock.nowMs - 1), await former(clock.nowMs + 1)]
  assert.equal(checker.accepts(before), false, 'this fleet always had grants')
  const certificate = await certify(authority, signing.publicKey, clock.nowMs, {
    grantlessBeforeMs: clock.nowMs,
  })
  await keeper.continueWith(certificate)
  assert.equal(checker.accepts(before), true)
  assert.equal(checker.accepts(before, true), false, 'nobody begins to write it now')
  assert.equal(checker.accepts(later), false)
})
