// Goal: who is a member and shows no grant, or one that is not its own, not of this fleet, over, taken back, or not for
// where it calls from, gets no link and hears nothing but the refusal. Method: real connections; the guard of a real peer;
// a host that has a member's key and says what a test wants.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { PeerId } from '../../../base/ids.ts'
import { memberLimits } from '../../../crypto/grants/membership.ts'
import { encodeHello } from '../../../node/adapters/libp2p/hello.ts'
import { wireVersions } from '../../../node/adapters/libp2p/start.ts'
import { linkGuard } from '../../../node/grants/links.ts'
import { dayMs, type Member, newKeepers } from '../../grants/keepers.ts'
import { startPeer, testFleet, until } from './fleet.ts'
import { closed, dialRaw, hearHello, startRawPeer } from './raw-peer.ts'

type Bench = Awaited<ReturnType<typeof openBench>>

/** A real peer, and a host with the key of another member, which has the smaller id and so opens the stream. */
async function openBench(t: TestContext) {
  const fleet = await newKeepers(t, 3)
  const [caller, third, target] = fleet.members.toSorted((a, b) =>
    a.identity.peerId < b.identity.peerId ? -1 : 1,
  ) as [Member, Member, Member]
  const turnedAway: string[] = []
  const refusals: { host: string | null; rule: string | null }[] = []
  const members = fleet.members.map(({ identity }) => ({ key: identity.privateKey, id: identity.peerId }))
  const self = { key: target.identity.privateKey, id: target.identity.peerId }
  const peer = await startPeer(self, members, {
    guard: linkGuard(target.keeper),
    onTurnedAway: (_, address, reason, rule) => {
      turnedAway.push(reason)
      refusals.push({ host: address?.split('/')[2] ?? null, rule })
    },
  })
  t.after(() => peer.stop())
  const linked = new Set<PeerId>()
  const frames: Uint8Array[] = []
  peer.network.listen({
    frameArrived: (_, frame) => frames.push(frame),
    peerConnected: id => linked.add(id),
    peerLost: id => linked.delete(id),
  })
  const raw = await startRawPeer({ key: caller.identity.privateKey, id: caller.identity.peerId })
  t.after(() => raw.stop())
  const show = async (grant: string) => {
    const stream = await dialRaw(raw, peer)
    const hello = { versions: wireVersions, fleet: testFleet, incarnation: 1, epoch: 1, grant }
    stream.send(encodeHello(hello))
    return { stream, said: await hearHello(stream) }
  }
  /** The peer hears that the caller was revoked, by one who can sign. */
  const revoke = async () => {
    const [by] = await able([target, caller, third])
    await target.keeper.revocations.learn(
      await by!.keeper.signer.revoke(caller.keeper.own!, fleet.clock.nowMs),
    )
  }
  return { ...fleet, caller, third, target, peer, linked, frames, turnedAway, refusals, show, revoke }
}

async function able(members: readonly Member[]): Promise<Member[]> {
  const can = await Promise.all(members.map(({ keeper }) => keeper.signer.isAble()))
  return members.filter((_, at) => can[at])
}

const attacks: Record<string, (bench: Bench, t: TestContext) => Promise<string> | string> = {
  'none at all': () => '',
  'no grant': () => 'delegate\ngrant',
  'that of another member': ({ third }) => third.keeper.shown,
  'that of another fleet, for this very key': async ({ caller }, t) => {
    const { chain } = await newKeepers(t, 1)
    return await chain({ subject: caller.identity.peerId })
  },
  'one that it signed itself': async ({ caller, delegate, certificate, chain }) =>
    await chain({ subject: caller.identity.peerId }, { key: caller.identity, delegate, certificate }),
  'one that is over': async ({ caller, clock, chain }) => {
    const [issuedAtMs, expiresMs] = [clock.nowMs, clock.nowMs + dayMs]
    const text = await chain({ subject: caller.identity.peerId, issuedAtMs, expiresMs })
    clock.nowMs = expiresMs
    return text
  },
  'one that has not begun': async ({ caller, clock, chain }) =>
    await chain({ subject: caller.identity.peerId, notBeforeMs: clock.nowMs + 1 }),
  'one for another network': async ({ caller, chain }) =>
    await chain({
      subject: caller.identity.peerId,
      limits: { ...memberLimits(true), networks: ['203.0.113.0/24'] },
    }),
  'that of an agent': async ({ caller, chain }) =>
    await chain({ subject: caller.identity.peerId, subjectKind: 'agent' }),
}

/** What the peer writes down of each, and tells nobody. */
const rules: Readonly<Record<string, string>> = {
  'none at all': 'missing',
  'no grant': 'unproven',
  'that of another member': 'subject',
  'that of another fleet, for this very key': 'otherFleet',
  'one that it signed itself': 'unproven',
  'one that is over': 'expired',
  'one that has not begun': 'notYet',
  'one for another network': 'networks',
  'that of an agent': 'subjectKind',
}

for (const [what, grantOf] of Object.entries(attacks)) {
  test(`a member is refused that shows ${what}`, async t => {
    const bench = await openBench(t)
    const grant = await grantOf(bench, t)
    const { stream, said } = await bench.show(grant)
    assert.deepEqual(said, { kind: 'refusal', reason: 'grantRefused' })
    await closed(stream)
    assert.equal(bench.linked.size, 0)
    assert.equal(bench.frames.length, 0)
    assert.deepEqual(bench.turnedAway, ['grantRefused'])
    assert.deepEqual(bench.refusals, [{ host: '127.0.0.1', rule: rules[what] }])
    assert.equal(bench.peer.counters().hello_refused_us_grantRefused, 1)
  })
}

test('who shows its own is linked, and cut off when that ends or is taken back', async t => {
  const bench = await openBench(t)
  const { caller, clock, linked } = bench
  const id = caller.identity.peerId
  const first = await bench.show(caller.keeper.shown)
  assert.equal(first.said?.kind, 'hello')
  await until(() => linked.has(id), 'it is linked')
  clock.nowMs = caller.keeper.own!.grant.expiresMs
  await until(() => !linked.has(id), 'it is over, and so is the link')
  await closed(first.stream)
  assert.ok(bench.peer.counters().lost_ungranted! > 0)
  clock.nowMs -= dayMs
  await bench.show(caller.keeper.shown)
  await until(() => linked.has(id), 'it is linked again')
  await bench.revoke()
  await until(() => !linked.has(id), 'it was revoked, and the link is gone', 5_000)
})

test('who was revoked does not get as far as to show anything', async t => {
  const bench = await openBench(t)
  const { caller, target, peer, linked } = bench
  await target.keeper.grants.learn(caller.keeper.shown)
  await bench.revoke()
  await assert.rejects(bench.show(caller.keeper.shown))
  assert.ok(peer.counters().connectionsDenied! > 0)
  assert.equal(linked.size, 0)
  assert.equal(target.keeper.strangerRule(caller.identity.peerId, '127.0.0.1'), 'grantRevoked')
})
