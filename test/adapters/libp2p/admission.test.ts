import assert from 'node:assert/strict'
import { afterEach, test } from 'node:test'
import type { Libp2p } from '@libp2p/interface'
import type { FleetId, PeerId } from '../../../base/ids.ts'
import { encodeHello, type Hello } from '../../../node/adapters/libp2p/hello.ts'
import { type Libp2pOptions, type Libp2pPeer, wireVersions } from '../../../node/adapters/libp2p/start.ts'
import { type Identity, newIdentities, startPeer, testFleet, until } from './fleet.ts'
import { closed, dialRaw, hearHello, startRawPeer } from './raw-peer.ts'

const running: { stop(): Promise<void> | void }[] = []
afterEach(async () => {
  await Promise.all(running.splice(0).map(one => one.stop()))
})

async function listening(
  self: Identity,
  members: readonly Identity[],
  more: Partial<Libp2pOptions> = {},
): Promise<{ peer: Libp2pPeer; linked: Set<PeerId> }> {
  const peer = await startPeer(self, members, more)
  running.push(peer)
  const linked = new Set<PeerId>()
  peer.network.listen({
    frameArrived: () => undefined,
    peerConnected: id => linked.add(id),
    peerLost: id => linked.delete(id),
  })
  return { peer, linked }
}

async function rawPeer(self: Identity): Promise<Libp2p> {
  const raw = await startRawPeer(self)
  running.push({ stop: () => raw.stop() })
  return raw
}

const goodHello: Hello = { versions: wireVersions, fleet: testFleet, incarnation: 1, epoch: 3 }

// Goal: who is no member never gets to any protocol. Method: a stranger's own libp2p host dials and asks.
test('a stranger is cut off before the peer protocol', async () => {
  const [stranger, member, other] = await newIdentities(3)
  const turnedAway: string[][] = []
  const { peer, linked } = await listening(member!, [member!, other!], {
    onTurnedAway: (id, address, reason) => turnedAway.push([id, address?.split('/')[2] ?? '', reason]),
  })
  const raw = await rawPeer(stranger!)
  await assert.rejects(async () => {
    const stream = await dialRaw(raw, peer)
    stream.send(encodeHello(goodHello))
    assert.notEqual((await hearHello(stream))?.kind, 'hello')
    await closed(stream)
    throw new Error('cut off')
  })
  await until(() => raw.getConnections().length === 0, 'the connection is gone')
  assert.equal(linked.size, 0)
  assert.ok(peer.counters().connectionsDenied! > 0)
  assert.deepEqual(turnedAway[0], [raw.peerId.toString(), '127.0.0.1', 'notMember'])
})

// Goal: a member is not talked into dialling a stranger. Method: a stranger's address among its bootstrap
// addresses; by the time that it is linked to another, it has left the stranger alone.
test('a stranger is not dialled', async () => {
  const [stranger, ...members] = await newIdentities(3)
  const raw = await rawPeer(stranger!)
  const one = await listening(members[0]!, members)
  const bootstrap = [...one.peer.addresses(), ...raw.getMultiaddrs().map(address => address.toString())]
  const two = await listening(members[1]!, members, { bootstrap })
  await until(() => two.linked.size === 1, 'the members are linked')
  assert.equal(raw.getConnections().length, 0)
  assert.equal(two.peer.counters().dialsFailed ?? 0, 0)
})

// Goal: each objection is answered with its code, and nothing else. Method: a member's key, hellos that differ
// from a good one in one field.
for (const [reason, hello] of [
  ['fleetDiffers', { ...goodHello, fleet: 'ee'.repeat(32) as FleetId }],
  ['versionUnsupported', { ...goodHello, versions: { from: wireVersions.to + 1, to: 9 } }],
] as const) {
  test(`a hello is refused: ${reason}`, async () => {
    const [small, great] = await newIdentities(2)
    const { peer, linked } = await listening(great!, [small!, great!])
    const stream = await dialRaw(await rawPeer(small!), peer)
    stream.send(encodeHello(hello))
    assert.deepEqual(await hearHello(stream), { kind: 'refusal', reason })
    await closed(stream)
    assert.equal(linked.size, 0)
    assert.equal(peer.counters()[`hello_refused_us_${reason}`], 1)
  })
}

// Goal: only the side with the smaller id opens the stream. Method: the greater one tries.
test('a stream from the wrong side is refused', async () => {
  const [small, great] = await newIdentities(2)
  const { peer } = await listening(small!, [small!, great!])
  const stream = await dialRaw(await rawPeer(great!), peer)
  stream.send(encodeHello(goodHello))
  assert.deepEqual(await hearHello(stream), { kind: 'refusal', reason: 'wrongSide' })
  await closed(stream)
})

// Goal: a hello that never comes ends. Method: a member's key, a stream without a word, a short deadline.
test('a stalled hello is given up', async () => {
  const [small, great] = await newIdentities(2)
  const { peer } = await listening(great!, [small!, great!], { limits: { helloMs: 100 } })
  const stream = await dialRaw(await rawPeer(small!), peer)
  stream.send(new Uint8Array([0]))
  await closed(stream)
  assert.equal(peer.counters().hello_failed_late, 1)
})

// Goal: fleets that differ by more than their members stay apart. Method: two peers with each other's keys as
// members, of different fleets; of versions that do not meet.
for (const [what, first, second] of [
  ['fleets', {}, { fleet: `${testFleet.slice(0, 16)}${'00'.repeat(24)}` as FleetId }],
  ['versions', { versions: { from: 1, to: 2 } }, { versions: { from: 3, to: 4 } }],
] as const) {
  test(`peers of different ${what} do not link`, async () => {
    const members = await newIdentities(2)
    const one = await listening(members[0]!, members, first)
    const two = await listening(members[1]!, members, { ...second, bootstrap: one.peer.addresses() })
    const refusals = ({ peer }: { peer: Libp2pPeer }) =>
      Object.entries(peer.counters()).filter(([name]) => name.startsWith('hello_refused')).length
    await until(() => refusals(one) + refusals(two) === 2, 'one refuses, the other hears of it')
    assert.equal(one.linked.size + two.linked.size, 0)
  })
}

// Goal: what a peer says of itself reaches the process. Method: two peers of different epochs.
test('a link tells the epoch, incarnation and common version of the other side', async () => {
  const members = await newIdentities(2)
  const heard: Hello[] = []
  const onHello = (_: PeerId, hello: Hello) => void heard.push(hello)
  const one = await listening(members[0]!, members, { onHello, epoch: () => 41, incarnation: 5 })
  const bootstrap = one.peer.addresses()
  const versions = { from: 1, to: wireVersions.to + 6 }
  const two = await listening(members[1]!, members, {
    onHello,
    epoch: () => 42,
    incarnation: 6,
    bootstrap,
    versions,
  })
  await until(() => one.linked.size + two.linked.size === 2, 'both are linked')
  assert.deepEqual(
    heard.toSorted((a, b) => a.epoch - b.epoch),
    [
      { ...goodHello, epoch: 41, incarnation: 5 },
      { ...goodHello, epoch: 42, incarnation: 6, versions },
    ],
  )
})

// Goal: leaving the view ends the link. Method: a member is taken out of the list while it is linked.
test('a member that is expelled is cut off and not let in again', async () => {
  const members = await newIdentities(2)
  let current: readonly Identity[] = members
  const one = await listening(members[0]!, members, { members: () => current })
  const two = await listening(members[1]!, members, { bootstrap: one.peer.addresses() })
  await until(() => one.linked.size + two.linked.size === 2, 'both are linked')
  current = [members[0]!]
  await until(() => one.linked.size + two.linked.size === 0, 'both sides lost the link')
  const deniedBefore = one.peer.counters().connectionsDenied!
  await until(() => one.peer.counters().connectionsDenied! > deniedBefore, 'it tries again and is denied')
  assert.equal(one.linked.size, 0)
})
