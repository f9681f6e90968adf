// Goal: a fleet goes on without its operator: members' grants are renewed before they end, also that of a peer which
// cannot sign or was away for long; and nobody who was revoked or left is given one. Method: real keepers that ask each
// other, on one clock that is moved.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PeerId } from '../../base/ids.ts'
import type { Limits } from '../../crypto/grants/grant-shape.ts'
import { signHeir } from '../../crypto/grants/heir.ts'
import { certify } from '../../crypto/grants/membership.ts'
import { certifyAgain } from '../../node/certify.ts'
import { decodeReply, encodeQuestion, question } from '../../node/grants/exchange.ts'
import { GrantDesk } from '../../node/grants/grant-desk.ts'
import { RightsDesk } from '../../node/grants/rights-desk.ts'
import { newIdentity } from '../crypto/fixtures.ts'
import { dayMs, type Member, newKeepers, openKeeper } from './keepers.ts'

test('grants are renewed for as long as the certificate of their key lasts, and known to all before they are used', async t => {
  const { members, clock } = await newKeepers(t, 3)
  const begin = clock.nowMs
  for (const { keeper, identity } of members) {
    for (const other of members)
      if (other.identity !== identity) await keeper.sync.compareWith(other.identity.peerId)
  }
  for (let day = 0; day < 390; day += 5) {
    clock.nowMs = begin + day * dayMs
    for (const { keeper } of members) await keeper.upkeep()
    for (const { keeper } of members) {
      for (const { identity } of members) {
        assert.ok(keeper.judge.stays(identity.peerId, '127.0.0.1'), `day ${day}`)
      }
    }
  }
  const ids = new Set(members[0]!.keeper.grants.of(members[1]!.identity.peerId).map(({ grant }) => grant.id))
  assert.equal(ids.size, 1, 'every renewal is the same grant to whoever revokes it')
})

test('a blind peer that was away for longer than its grant lasted is renewed, with what it had', async t => {
  const { members, clock } = await newKeepers(t, 3)
  const blind = members[2]!
  clock.nowMs += 40 * dayMs
  for (const { keeper } of members.slice(0, 2)) await keeper.upkeep()
  assert.equal(
    await members[0]!.keeper.refusalOf(blind.identity.peerId, blind.keeper.shown, '127.0.0.1'),
    'expired',
  )
  await blind.keeper.upkeep()
  assert.equal(
    await members[0]!.keeper.refusalOf(blind.identity.peerId, blind.keeper.shown, '127.0.0.1'),
    null,
  )
  assert.deepEqual(blind.keeper.own!.grant.limits.roles, [])
})

test('who was revoked is not renewed, nor by a peer that has not heard of it for long; who left is not either', async t => {
  const { members, clock, names } = await newKeepers(t, 3)
  const [first, second, blind] = members as [(typeof members)[0], (typeof members)[0], (typeof members)[0]]
  const { peerId } = blind.identity
  // The second one has not heard of the revocation yet, and renews.
  await second.keeper.sync.compareWith(peerId)
  const chain = blind.keeper.own!
  await first.keeper.sync.compareWith(peerId)
  await first.keeper.revocations.learn(await first.keeper.signer.revoke(chain, clock.nowMs))
  clock.nowMs += 25 * dayMs
  const renewed = await second.keeper.signer.signMember(peerId, 'p3', chain)
  assert.equal(
    await first.keeper.refusalOf(peerId, renewed, '127.0.0.1'),
    'grantRevoked',
    'the renewal is revoked with it',
  )
  assert.equal(first.keeper.judge.isBarred(peerId), true)
  await second.keeper.sync.compareWith(first.identity.peerId)
  await blind.keeper.sync.compareWith(first.identity.peerId)
  await blind.keeper.upkeep()
  assert.equal(blind.keeper.own!.grantHash, chain.grantHash)
  names.delete(second.identity.peerId)
  assert.equal(await first.keeper.sync.askForRenewal(second.identity.peerId, second.keeper.shown), null)
})

test('a link is refused to a stolen, a narrowed and a foreign grant, and to one for another network', async t => {
  const { members, chain, clock } = await newKeepers(t, 3)
  const [first, second, blind] = members as [(typeof members)[0], (typeof members)[0], (typeof members)[0]]
  const { peerId } = blind.identity
  const ruleFor = (shown: string, address = '10.1.2.3', peer = peerId) =>
    first.keeper.refusalOf(peer, shown, address)
  assert.equal(await ruleFor(second.keeper.shown), 'subject', 'stolen')
  assert.equal(await ruleFor(''), 'missing', 'none')
  assert.equal(await ruleFor('x'.repeat(60_000)), 'unproven', 'too long')
  const limits = { ...blind.keeper.own!.grant.limits, networks: ['10.0.0.0/8'] }
  const inside = await chain({ subject: peerId, limits })
  assert.equal(await ruleFor(inside, '192.168.1.1'), 'networks')
  assert.equal(await ruleFor(inside), null)
  const [other] = (await newKeepers(t, 2)).members
  assert.equal(
    await ruleFor(other!.keeper.shown, '10.1.2.3', other!.identity.peerId),
    'otherFleet',
    'foreign authority',
  )
  const agent = await chain({ subject: second.identity.peerId, subjectKind: 'agent' })
  assert.equal(await first.keeper.refusalOf(other!.identity.peerId, agent, '10.1.2.3'), 'subject')
  const late = await chain({ subject: peerId, limits, notBeforeMs: clock.nowMs + dayMs })
  clock.nowMs += 8 * dayMs
  assert.equal(await ruleFor(inside), 'expired', 'ended')
  assert.equal(await ruleFor(late), 'expired', 'ended too')
})

test('what is known survives a restart, a torn line is left out, and everything is proven anew', async t => {
  const { members, authority, names, clock } = await newKeepers(t, 2)
  const [first, second] = members as [(typeof members)[0], (typeof members)[0]]
  await first.keeper.sync.compareWith(second.identity.peerId)
  await first.keeper.revocations.learn(await first.keeper.signer.revoke(second.keeper.own!, clock.nowMs))
  const { appendFileSync } = await import('node:fs')
  appendFileSync(
    `${first.dir}/grants.ndjson`,
    '{"delegate":"forged.forged.forged","grant":"x.y.z"}\n{"delegate":"to',
  )
  const again = await openKeeper(first.dir, first.identity, authority, names, clock)
  assert.equal(again.digest(), first.keeper.digest())
  assert.equal(again.judge.isBarred(second.identity.peerId), true)
})

test('the authority continues the certificate; a certificate of another key is refused', async t => {
  const { members, authority, clock, certificate, key } = await newKeepers(t, 3)
  const [first, second] = members as [(typeof members)[0], (typeof members)[0]]
  const parts = { keeper: first.keeper, keys: { fleetSecret: null, heldRoles: [] } }
  const rights = new RightsDesk({ ...parts, store: {} as never, catalogue: {} as never })
  const desk = new GrantDesk({
    keeper: first.keeper,
    rights,
    memberNamed: () => null,
    authorityPublicKey: authority.publicKey,
    rotations: { affected: () => [], ask: () => Promise.resolve() },
  })
  clock.nowMs += 300 * dayMs
  const { id } = await first.keeper.grants.prove(first.keeper.shown).then(chain => chain.delegate)
  const next = await certify(authority, key.publicKey, clock.nowMs, { id })
  await desk.continueDelegate(next)
  await second.keeper.upkeep()
  const { delegate } = await second.keeper.signer.certificate()
  assert.equal(delegate.expiresMs > clock.nowMs + 390 * dayMs, true)
  await assert.rejects(desk.continueDelegate(certificate))
  const stolen = await certify(authority, first.identity.publicKey, clock.nowMs + dayMs, { id })
  await assert.rejects(desk.continueDelegate(stolen))
  await assert.rejects(certifyAgain(next, { authority: null, shares: [] }))
})

test('who comes back as another peer is granted what it had, and nobody else by its word', async t => {
  const { members, names, authority } = await newKeepers(t, 4)
  const [signer, had, accomplice, blind] = members as [Member, Member, Member, Member]
  const { fleet } = authority
  const heir = await newIdentity()
  const asks = (peer: PeerId, chain: string, signed: string) =>
    signer.keeper.sync
      .answer(peer, encodeQuestion(question('inherit', { grants: [chain, signed] })))
      .then(bytes => decodeReply(bytes!)!.grants[0] ?? null)
  const chain = had.keeper.shown
  const signed = signHeir(had.identity, fleet, heir.peerId)
  assert.equal(await asks(heir.peerId, chain, signed), null, 'it is no member yet')
  names.set(heir.peerId, 'p2.2')
  assert.equal(
    await asks(heir.peerId, chain, signHeir(accomplice.identity, fleet, heir.peerId)),
    null,
    'forged',
  )
  assert.equal(await asks(heir.peerId, 'nothing', signed), null)
  const given = await signer.keeper.grants.prove((await asks(heir.peerId, chain, signed))!)
  assert.deepEqual([given.grant.subject, given.grant.limits.roles], [heir.peerId, 'any'])
  const { peerId } = blind.identity
  await signer.keeper.grants.learn(blind.keeper.shown)
  const same = await asks(peerId, chain, signHeir(had.identity, fleet, peerId))
  const { grant } = await signer.keeper.grants.prove(same!)
  assert.deepEqual([grant.subject, grant.limits.roles], [peerId, []], 'who has one already gets no more')
  const late = await newIdentity()
  names.set(late.peerId, 'p2.3')
  await signer.keeper.revocations.learn(
    await signer.keeper.signer.revoke(had.keeper.own!, had.keeper.own!.grant.issuedAtMs),
  )
  assert.equal(await asks(late.peerId, chain, signHeir(had.identity, fleet, late.peerId)), null, 'revoked')
})

test('the key that signs is for a grant in force; only where nobody has one, for one that ended and was not revoked', async t => {
  const { members, clock, chain } = await newKeepers(t, 3)
  const [holder, other, blind] = members as [Member, Member, Member]
  const { judge, grants, signer, revocations } = holder.keeper
  const ids = members.map(({ identity }) => identity.peerId)
  const [self, peer, stranger] = ids as [PeerId, PeerId, PeerId]
  await holder.keeper.sync.compareWith(peer)
  const narrow = { ...blind.keeper.own!.grant.limits, operations: ['admin:members'] as Limits['operations'] }
  await grants.learn(await chain({ subject: stranger, limits: narrow }))
  const may = () => ids.map(id => judge.maySign(id, ids))
  assert.deepEqual(may(), [true, true, false], 'who may not grant is not given it')
  clock.nowMs += 25 * dayMs
  await grants.learn(await signer.signMember(self, 'p1', holder.keeper.own))
  clock.nowMs += 10 * dayMs
  assert.deepEqual(may(), [true, false, false], 'the grant of the second has ended, and the fleet is awake')
  clock.nowMs += 60 * dayMs
  assert.deepEqual(may(), [true, true, false], 'all slept')
  await revocations.learn(await signer.revoke(other.keeper.own!, clock.nowMs))
  assert.deepEqual(may(), [true, false, false])
  await grants.learn(await signer.signMember(self, 'p1', holder.keeper.own))
  assert.deepEqual(may(), [true, false, false])
  clock.nowMs += 400 * dayMs
  assert.deepEqual(may(), [false, false, false], 'its certificate has ended')
})
