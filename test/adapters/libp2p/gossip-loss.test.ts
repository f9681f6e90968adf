import assert from 'node:assert/strict'
import { afterEach, test } from 'node:test'
import { type GossipSub, gossipsub, StrictSign } from '@libp2p/gossipsub'
import { type Identify, identify } from '@libp2p/identify'
import type { ServiceMap, Stream } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import type { ServiceFactoryMap } from 'libp2p'
import { newsTopic } from '../../../node/adapters/libp2p/gossip.ts'
import { decodeNews } from '../../../node/adapters/libp2p/news.ts'
import { type Identity, newIdentities, startPeer, testFleet, until } from './fleet.ts'
import { protocolPrefix, startRawPeer } from './raw-peer.ts'

const running: { stop(): Promise<void> | void }[] = []
afterEach(async () => {
  await Promise.all(running.splice(0).map(one => one.stop()))
})

const identity = identify({ protocolPrefix })

/** A member that tells which protocols it speaks. */
async function rawMember<T extends ServiceMap>(self: Identity, services: ServiceFactoryMap<T>) {
  const host = await startRawPeer(self, services)
  running.push(host)
  return host
}

// Goal: news goes on when the stream of gossip is lost and the connection is not: gossipsub itself opens no second one for a
// connection. Method: the other end aborts the stream, as a connection does that one of two duplicates was.
test('a stream of gossip that is lost is opened again on the connection that is left', async () => {
  const members = await newIdentities(2)
  const peer = await startPeer(members[1]!, members)
  running.push(peer)
  // A stream counts when it has said something: one that is lost before gossipsub has noted it is another matter.
  const streams = new Set<Stream>()
  const raw = await rawMember(members[0]!, { identity })
  await raw.handle('/meshsub/1.2.0', stream => {
    stream.addEventListener('message', () => streams.add(stream))
  })
  const connection = await raw.dial(multiaddr(peer.addresses()[0]!))
  await until(() => streams.size === 1, 'gossip has its stream')
  for (const stream of streams) stream.abort(new Error('lost'))
  await until(() => streams.size === 2, 'it is opened again')
  assert.equal(connection.status, 'open')
  assert.equal(peer.counters().gossipStreamsMissed, 1)
})

// Goal: news reaches who is connected though neither is in the mesh of the other, which lasts a minute after a peer that broke
// a promise, as one does that is killed, came back. Method: a member whose score of everybody is too low to graft them.
test('news reaches a member that lets nobody into its mesh', async () => {
  const members = await newIdentities(2)
  const peer = await startPeer(members[1]!, members)
  running.push(peer)
  const raw = await rawMember<{ identity: Identify; pubsub: GossipSub }>(members[0]!, {
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
  await raw.dial(multiaddr(peer.addresses()[0]!))
  await until(() => grafts > 0, 'it is asked for its mesh, and refuses')
  // The refusal is on its way for some of these.
  const onItsWay = 100
  let epoch = 0
  await until(() => {
    peer.gossip.publish({ kind: 'epoch', epoch: ++epoch })
    return epochs.some(heard => heard > onItsWay)
  }, 'it is told')
})
