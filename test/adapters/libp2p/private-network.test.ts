// Goal: without the network key a host gets no word out of a peer, not even of Noise, and both sides say why. Method:
// real hosts on loopback with the same key, another one and none; a bare socket that listens to what a peer says.
import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { afterEach, test } from 'node:test'
import type { PeerId } from '../../../base/ids.ts'
import { newNetworkKey } from '../../../crypto/network-key.ts'
import { type KeyTrouble, KeyTroubles } from '../../../node/adapters/libp2p/private-network.ts'
import type { Libp2pPeer } from '../../../node/adapters/libp2p/start.ts'
import { type Identity, newIdentities, portOf, startPeer, until } from './fleet.ts'

const running: Libp2pPeer[] = []
afterEach(async () => {
  await Promise.all(running.splice(0).map(one => one.stop()))
})

async function peerWith(
  networkKey: Uint8Array | null,
  self: Identity,
  all: readonly Identity[],
  bootstrap: string[] = [],
) {
  const troubles = new Set<KeyTrouble>()
  const peer = await startPeer(self, all, {
    networkKey,
    bootstrap,
    onKeyTrouble: trouble => troubles.add(trouble),
  })
  running.push(peer)
  const linked = new Set<PeerId>()
  const heard: string[] = []
  peer.network.listen({
    frameArrived: (_, frame) => heard.push(Buffer.from(frame).toString()),
    peerConnected: id => linked.add(id),
    peerLost: id => linked.delete(id),
  })
  return { peer, linked, heard, troubles }
}

const [ours, theirs] = [newNetworkKey(), newNetworkKey()]

test('peers with the same key talk', async () => {
  const all = await newIdentities(2)
  const a = await peerWith(ours, all[0]!, all)
  const b = await peerWith(ours, all[1]!, all, a.peer.addresses())
  await until(() => a.linked.size === 1 && b.linked.size === 1, 'both are linked')
  const long = 'x'.repeat(100_000)
  assert.ok(b.peer.network.send(all[0]!.id, Buffer.from(long)))
  await until(() => a.heard.length === 1, 'the frame arrived')
  assert.equal(a.heard[0], long)
  assert.deepEqual([a.troubles.size, b.troubles.size], [0, 0])
})

for (const [what, keys, expected] of [
  ['another key', [ours, theirs], ['otherKey', 'otherKey']],
  ['no key', [ours, null], ['noKey', 'keyUnwanted']],
] as const) {
  test(`a peer with ${what} is no peer, and each side says what it sees`, async () => {
    const all = await newIdentities(2)
    const a = await peerWith(keys[0], all[0]!, all)
    const b = await peerWith(keys[1], all[1]!, all, a.peer.addresses())
    await until(() => a.troubles.size > 0, 'the one that was called says why')
    // Now the other way round.
    const c = await peerWith(keys[0], all[0]!, all, b.peer.addresses())
    await until(() => b.troubles.size > 0, 'the other one says why')
    assert.deepEqual(
      [[...a.troubles], [...b.troubles]],
      expected.map(trouble => [trouble]),
    )
    assert.deepEqual([a.linked.size, b.linked.size, c.linked.size], [0, 0, 0])
    assert.ok(Number(a.peer.counters().networkKeysRefused) > 0)
  })
}

test('a stranger hears 24 bytes of chance and nothing else', async () => {
  const [self] = await newIdentities(1)
  const { peer, troubles } = await peerWith(ours, self!, [self!])
  const socket = connect(portOf(peer), '127.0.0.1')
  socket.write('\x13/multistream/1.0.0\n\x07/noise\n')
  let said = 0
  socket.on('data', chunk => {
    said += chunk.length
  })
  socket.on('error', () => undefined)
  await new Promise(resolve => socket.once('close', resolve))
  assert.ok(said === 0 || said === 24, `${said} bytes`)
  assert.deepEqual([...troubles], ['noKey'])
})

test('a trouble that goes on is counted each time and told once', () => {
  const told: string[] = []
  const troubles = new KeyTroubles((trouble, from) => told.push(`${trouble} ${from}`))
  for (let i = 0; i < 1_000; i++) troubles.note(i % 2 === 0 ? 'noKey' : 'otherKey', String(i))
  assert.deepEqual(told, ['noKey 0', 'otherKey 1'])
  assert.equal(troubles.count, 1_000)
})
