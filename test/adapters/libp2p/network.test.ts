import assert from 'node:assert/strict'
import { afterEach, test } from 'node:test'
import type { PeerId } from '../../../base/ids.ts'
import { encodeHello } from '../../../node/adapters/libp2p/hello.ts'
import type { NetworkLimits } from '../../../node/adapters/libp2p/limits.ts'
import { type Libp2pPeer, wireVersions } from '../../../node/adapters/libp2p/start.ts'
import { type Identity, newIdentities, startPeer, testFleet, until } from './fleet.ts'
import { closed, dialRaw, hearHello, startRawPeer } from './raw-peer.ts'

const running: { stop(): Promise<void> | void }[] = []
afterEach(async () => {
  await Promise.all(running.splice(0).map(one => one.stop()))
})

type Listening = { peer: Libp2pPeer; history: string[]; linked: Set<PeerId>; bytes: number }

async function listening(
  self: Identity,
  members: readonly Identity[],
  limits: Partial<NetworkLimits> = {},
  bootstrap: string[] = [],
): Promise<Listening> {
  const peer = await startPeer(self, members, { limits, bootstrap })
  running.push(peer)
  const state: Listening = { peer, history: [], linked: new Set(), bytes: 0 }
  peer.network.listen({
    frameArrived: (_, frame) => {
      state.bytes += frame.length
    },
    peerConnected: id => {
      state.linked.add(id)
      state.history.push('connected')
    },
    peerLost: id => {
      state.linked.delete(id)
      state.history.push('lost')
    },
  })
  return state
}

const hello = encodeHello({ versions: wireVersions, fleet: testFleet, incarnation: 1, epoch: 1, grant: '' })

async function rawLink(raw: Awaited<ReturnType<typeof startRawPeer>>, target: Libp2pPeer) {
  const stream = await dialRaw(raw, target)
  stream.send(hello)
  assert.equal((await hearHello(stream))?.kind, 'hello')
  return stream
}

// Goal: a peer that hangs is lost although its connection stands. Method: a host that says hello and then nothing.
test('a silent peer is lost, and its connection given up', async () => {
  const [small, great] = await newIdentities(2)
  const limits = { silenceMs: 300, heartbeatMs: 100 }
  const state = await listening(great!, [small!, great!], limits)
  const raw = await startRawPeer(small!)
  running.push({ stop: () => raw.stop() })
  const stream = await rawLink(raw, state.peer)
  await closed(stream)
  assert.deepEqual(state.history, ['connected', 'lost'])
  assert.equal(state.peer.counters().lost_silent, 1)
  await until(() => raw.getConnections().length === 0, 'the connection is given up')
})

// Goal: a link whose peer is idle but alive stays. Method: two idle peers whose patience is short.
test('two idle peers stay linked', async () => {
  const members = await newIdentities(2)
  const limits = { silenceMs: 2_000, heartbeatMs: 100 }
  const one = await listening(members[0]!, members, limits)
  const two = await listening(members[1]!, members, limits, one.peer.addresses())
  await until(() => one.linked.size + two.linked.size === 2, 'both are linked')
  // Each heartbeat is one write of four bytes.
  await until(() => one.peer.counters().bytesSent! >= 4 * 6, 'six heartbeats went by')
  assert.deepEqual([...one.history, ...two.history], ['connected', 'connected'])
})

// Goal: a process that came back counts as a new one before the old connection is known to be dead. Method: a
// second stream with its own hello.
test('a newer stream of the same peer replaces the older one', async () => {
  const [small, great] = await newIdentities(2)
  const state = await listening(great!, [small!, great!])
  const raw = await startRawPeer(small!)
  running.push({ stop: () => raw.stop() })
  const first = await rawLink(raw, state.peer)
  const second = await rawLink(raw, state.peer)
  await closed(first)
  assert.deepEqual(state.history, ['connected', 'lost', 'connected'])
  assert.equal(second.status, 'open')
})

// Goal: what was queued before the end still leaves. Method: 2 MiB in one tick, eight times what a
// stream takes at once, then stop.
test('stopping lets queued frames leave', async () => {
  const members = await newIdentities(2)
  const one = await listening(members[0]!, members)
  const two = await listening(members[1]!, members, {}, one.peer.addresses())
  await until(() => one.linked.size + two.linked.size === 2, 'both are linked')
  for (let i = 0; i < 8; i++) assert.ok(one.peer.network.send(two.peer.id, new Uint8Array(2 ** 18)))
  const stopped = one.peer.stop()
  assert.equal(one.peer.network.send(two.peer.id, new Uint8Array(1)), false)
  await stopped
  await until(() => two.bytes === 8 * 2 ** 18, 'everything arrived')
  assert.deepEqual(one.history, ['connected', 'lost'])
  await one.peer.stop()
})

// Goal: a stopped peer holds nothing. Method: the sockets of this process before and after.
test('stopping closes every socket, with a hanging peer too', async () => {
  const sockets = () => process.getActiveResourcesInfo().filter(name => /^TCP/.test(name)).length
  await until(() => sockets() === 0, 'no socket of an earlier test is left')
  const [small, middle, great] = await newIdentities(3)
  const members = [small!, middle!, great!]
  const one = await listening(great!, members)
  const two = await listening(middle!, members, {}, one.peer.addresses())
  const raw = await startRawPeer(small!)
  await rawLink(raw, one.peer)
  await until(() => one.linked.size === 2 && two.linked.size >= 1, 'all are linked')
  await Promise.all([one.peer.stop(), two.peer.stop(), raw.stop()])
  await until(() => sockets() === 0, 'no socket is left')
})

// Goal: a frame above the cap is our own mistake, not a peer's. Method: one byte too many.
test('a frame above the cap is a bug', async () => {
  const members = await newIdentities(2)
  const one = await listening(members[0]!, members, { frameBytesMax: 100 })
  assert.throws(() => one.peer.network.send(members[1]!.id, new Uint8Array(101)), { name: 'InvariantBroken' })
})
