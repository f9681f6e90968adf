// Goal: a fleet goes on without its operator: members' grants are renewed before they end, also that of a peer which
// cannot sign or was away for long; and nobody who was revoked or left is given one. Method: real keepers that ask each
// other, on one clock that is moved.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { certify } from '../../crypto/grants/membership.ts'
import { certifyAgain } from '../../node/certify.ts'
import { GrantDesk } from '../../node/grants/grant-desk.ts'
import { RightsDesk } from '../../node/grants/rights-desk.ts'
import { dayMs, newKeepers, openKeeper } from './keepers.ts'

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
  assert.equal(await members[0]!.keeper.admits(blind.identity.peerId, blind.keeper.shown, '127.0.0.1'), false)
  await blind.keeper.upkeep()
  assert.equal(await members[0]!.keeper.admits(blind.identity.peerId, blind.keeper.shown, '127.0.0.1'), true)
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
    await first.keeper.admits(peerId, renewed, '127.0.0.1'),
    false,
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
  const admits = (shown: string, address = '10.1.2.3', peer = peerId) =>
    first.keeper.admits(peer, shown, address)
  assert.equal(await admits(second.keeper.shown), false, 'stolen')
  assert.equal(await admits(''), false, 'none')
  assert.equal(await admits('x'.repeat(60_000)), false, 'too long')
  const limits = { ...blind.keeper.own!.grant.limits, networks: ['10.0.0.0/8'] }
  const inside = await chain({ subject: peerId, limits })
  assert.equal(await admits(inside, '192.168.1.1'), false, 'another network')
  assert.equal(await admits(inside), true)
  const [other] = (await newKeepers(t, 2)).members
  assert.equal(
    await admits(other!.keeper.shown, '10.1.2.3', other!.identity.peerId),
    false,
    'foreign authority',
  )
  const agent = await chain({ subject: second.identity.peerId, subjectKind: 'agent' })
  assert.equal(await first.keeper.admits(other!.identity.peerId, agent, '10.1.2.3'), false)
  const late = await chain({ subject: peerId, limits, notBeforeMs: clock.nowMs + dayMs })
  clock.nowMs += 8 * dayMs
  assert.equal(await admits(inside), false, 'ended')
  assert.equal(await admits(late), false, 'ended too')
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
