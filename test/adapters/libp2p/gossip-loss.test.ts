import assert from 'node:assert/strict'
import { afterEach, test } from 'node:test'
import { type GossipSub, gossipsub, StrictSign } from '@libp2p/gossipsub'
import { RPC } from '@libp2p/gossipsub/message'
import { type Identify, identify } from '@libp2p/identify'
import type { ServiceMap, Stream } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import type { ServiceFactoryMap } from 'libp2p'
import { newsTopic } from '../../../node/adapters/libp2p/gossip.ts'
import { decodeNews } from '../../../node/adapters/libp2p/news.ts'
import { newIdentities, startPeer, testFleet, until } from './fleet.ts'
import { protocolPrefix, startRawPeer } from './raw-peer.ts'

const running: { stop(): Promise<void> | void }[] = []
afterEach(async () => {
  await Promise.all(running.splice(0).map(one => one.stop()))
})

const identity = identify({ protocolPrefix })
const meshsub = '/meshsub/1.2.0'

/** A peer, and a member that tells which protocols it speaks and can dial it. */
async function peerAndMember<T extends ServiceMap>(services: ServiceFactoryMap<T>) {
  const members = await newIdentities(2)
  const peer = await startPeer(members[1]!, members)
  running.push(peer)
  const raw = await startRawPeer(members[0]!, services)
  running.push(raw)
  return { peer, raw, dial: () => raw.dial(multiaddr(peer.addresses()[0]!)) }
}

// Goal: news goes on when the stream of gossip is lost and the connection is not: gossipsub itself opens no second one for a
// connection. Method: the other end aborts the stream, as a connection does that one of two duplicates was.
test('a stream of gossip that is lost is opened again on the connection that is left', async () => {
  const { peer, raw, dial } = await peerAndMember({ identity })
  // A stream counts when it has said something: one that is lost before gossipsub has noted it is another matter.
  const streams = new Set<Stream>()
  await raw.handle(meshsub, stream => {
    stream.addEventListener('message', () => streams.add(stream))
  })
  const connection = await dial()
  await until(() => streams.size === 1, 'gossip has its stream')
  for (const stream of streams) stream.abort(new Error('lost'))
  await until(() => streams.size === 2, 'it is opened again')
  assert.equal(connection.status, 'open')
  assert.equal(peer.counters().gossipStreamsMissed, 1)
})

// Goal: a stream of gossip that died while it was being opened, which gossipsub takes for a good one ever after, costs the
// connection and not the news. Method: a member that aborts every such stream at once.
test('a member with which gossip finds no way is hung up on, so that it begins anew', async () => {
  const { peer, raw, dial } = await peerAndMember({ identity })
  await raw.handle(meshsub, stream => stream.abort(new Error('not today')))
  const connection = await dial()
  await until(() => connection.status !== 'open', 'it is hung up on')
  assert.equal(peer.counters().gossipHungUp, 1)
})

// Goal: what a member was told while another one was away is asked for and answered in one frame, which is longer than any
// news. A stream ends with a frame that is too long, and gossip with it. Method: names of a hundred news at once.
test('a frame that holds a hundred names of news is taken', async () => {
  const { raw, dial } = await peerAndMember({ identity })
  let told = Buffer.alloc(0)
  await raw.handle(meshsub, stream => {
    stream.addEventListener('message', ({ data }) => {
      told = Buffer.concat([told, data.subarray()])
    })
  })
  const connection = await dial()
  // It answers on a stream of its own.
  await until(() => told.length > 0, 'it says what it subscribes to')
  const stream = await connection.newStream(meshsub)
  const names = Array.from({ length: 100 }, (_, n) => Buffer.alloc(48, n))
  const ihave = [{ topicID: newsTopic(testFleet), messageIDs: names }]
  const control = { ihave, iwant: [], graft: [], prune: [], idontwant: [] }
  stream.send(frameOf({ control, subscriptions: [], messages: [] }))
  await until(() => names.every(name => told.includes(name)), 'it asks for all of them')
})

/** As gossip has it: its length as a number of seven bits a byte, here two, and what it says. */
function frameOf(rpc: Parameters<typeof RPC.encode>[0]): Uint8Array {
  const body = RPC.encode(rpc)
  return Buffer.concat([Buffer.from([(body.length & 0x7f) | 0x80, body.length >>> 7]), body])
}

// Goal: news reaches who is connected though neither is in the mesh of the other, which lasts a minute after a peer that broke
// a promise, as one does that is killed, came back. Method: a member whose score of everybody is too low to graft them.
test('news reaches a member that lets nobody into its mesh', async () => {
  const { peer, raw, dial } = await peerAndMember<{ identity: Identify; pubsub: GossipSub }>({
    identity,
    pubsub: gossipsub({ globalSignaturePolicy: StrictSign, scoreParams: { appSpecificScore: () => -1 } }),
  })
  const epochs: number[] = []
  const { pubsub } = raw.services
  pubsub.addEventListener('message', ({ detail }) => {
    const news = decodeNews(detail.data)
    if (news?.kind === 'epoch') epochs.push(news.epoch)
  })
  let grafts = 0
  pubsub.addEventListener('gossipsub:graft', () => {
    grafts += 1
  })
  pubsub.subscribe(newsTopic(testFleet))
  await dial()
  await until(() => grafts > 0, 'it is asked for its mesh, and refuses')
  // The refusal is on its way for some of these.
  const onItsWay = 100
  let epoch = 0
  await until(() => {
    peer.gossip.publish({ kind: 'epoch', epoch: ++epoch })
    return epochs.some(heard => heard > onItsWay)
  }, 'it is told')
})
