import assert from 'node:assert/strict'
import { afterEach, test } from 'node:test'
import type { PeerId } from '../../../base/ids.ts'
import type { News } from '../../../node/adapters/libp2p/news.ts'
import type { Libp2pPeer } from '../../../node/adapters/libp2p/start.ts'
import { newIdentities, startPeer, until } from './fleet.ts'

type Heard = { from: PeerId; news: News }
const running: Libp2pPeer[] = []
afterEach(async () => {
  await Promise.all(running.splice(0).map(peer => peer.stop()))
})

async function startAll(n: number): Promise<{ peer: Libp2pPeer; heard: Heard[] }[]> {
  const members = await newIdentities(n)
  const started: { peer: Libp2pPeer; heard: Heard[] }[] = []
  for (const member of members) {
    const heard: Heard[] = []
    const bootstrap = started[0]?.peer.addresses() ?? []
    const onNews = (from: PeerId, news: News) => void heard.push({ from, news })
    const peer = await startPeer(member, members, { bootstrap, onNews })
    running.push(peer)
    peer.network.listen({
      frameArrived: () => undefined,
      peerConnected: () => undefined,
      peerLost: () => undefined,
    })
    started.push({ peer, heard })
  }
  return started
}

// Goal: news reaches everybody, whoever tells it and however early. Method: told before there is any mesh.
test('news told before anybody is connected reaches all, the newest of its kind', async () => {
  const all = await startAll(4)
  const [teller, ...others] = all
  teller!.peer.gossip.publish({ kind: 'epoch', epoch: 1 })
  teller!.peer.gossip.publish({ kind: 'epoch', epoch: 2 })
  teller!.peer.gossip.publish({ kind: 'health', peer: teller!.peer.id, counters: { reads: 5 } })
  const told = ({ heard }: { heard: Heard[] }, kind: News['kind']) =>
    heard.filter(({ from, news }) => from === teller!.peer.id && news.kind === kind).map(({ news }) => news)
  // A peer that joins the mesh after the news went round misses it; what matters is told again, as a process does.
  let epoch = 2
  const tellAgain = setInterval(() => {
    teller!.peer.gossip.publish({ kind: 'epoch', epoch: ++epoch })
    teller!.peer.gossip.publish({ kind: 'health', peer: teller!.peer.id, counters: { reads: epoch } })
  }, 200)
  try {
    await until(
      () => others.every(other => told(other, 'epoch').length > 0 && told(other, 'health').length > 0),
      'all heard both kinds',
    )
  } finally {
    clearInterval(tellAgain)
  }
  for (const other of others) {
    const epochs = told(other, 'epoch').map(news => (news.kind === 'epoch' ? news.epoch : 0))
    assert.ok(!epochs.includes(1), 'the older news was replaced while it waited')
  }
})

// Goal: nobody speaks for another, nobody floods. Method: a peer reports another's health, then says 200 things.
test('news about others is refused, and a flood is cut short', async () => {
  const [teller, listener] = await startAll(2)
  let epoch = 0
  await until(() => {
    teller!.peer.gossip.publish({ kind: 'epoch', epoch: ++epoch })
    return listener!.heard.length > 0
  }, 'the two share a mesh')
  teller!.peer.gossip.publish({ kind: 'health', peer: listener!.peer.id, counters: {} })
  await until(() => listener!.peer.counters().rejected === 1, 'it is refused')
  assert.ok(listener!.heard.every(({ news }) => news.kind === 'epoch'))
  for (let i = 0; i < 200; i++) teller!.peer.gossip.publish({ kind: 'epoch', epoch: ++epoch })
  await until(() => listener!.peer.counters().limited! > 0, 'the rest is ignored')
})
