import assert from 'node:assert/strict'
import { afterEach, test } from 'node:test'
import type { PeerId } from '../../../base/ids.ts'
import { AddressBook, parseBootstrap } from '../../../node/adapters/libp2p/address-book.ts'
import { RecordBook } from '../../../node/adapters/libp2p/fleet-record.ts'
import type { Libp2pOptions, Libp2pPeer } from '../../../node/adapters/libp2p/start.ts'
import { type Identity, newIdentities, portOf, startPeer, testFleet, until } from './fleet.ts'

const running: Libp2pPeer[] = []
afterEach(async () => {
  await Promise.all(running.splice(0).map(peer => peer.stop()))
})

/** Stands in for the authority's signature: `signed:EPOCH` is a record, everything else is none. */
const verifyRecord = (bytes: Uint8Array): number | null => {
  const match = /^signed:(\d+)$/.exec(Buffer.from(bytes).toString('latin1'))
  return match === null ? null : Number(match[1])
}
const record = (epoch: number) => Buffer.from(`signed:${epoch}`)
const text = (bytes: Uint8Array | null) => (bytes === null ? null : Buffer.from(bytes).toString())

async function start(
  self: Identity,
  members: readonly Identity[],
  more: Partial<Libp2pOptions> = {},
): Promise<{ peer: Libp2pPeer; linked: Set<PeerId> }> {
  const peer = await startPeer(self, members, { verifyRecord, ...more })
  running.push(peer)
  const linked = new Set<PeerId>()
  peer.network.listen({
    frameArrived: () => undefined,
    peerConnected: id => linked.add(id),
    peerLost: id => linked.delete(id),
  })
  return { peer, linked }
}

/** The first `count` members; all but the first know nothing but its address. */
async function startAll(members: readonly Identity[], count: number, more: Partial<Libp2pOptions> = {}) {
  const started = [await start(members[0]!, members, more)]
  const bootstrap = started[0]!.peer.addresses()
  for (const member of members.slice(1, count)) {
    started.push(await start(member, members, { ...more, bootstrap }))
  }
  return started
}

// Goal: one known address is enough. Method: five hosts, four of which know the first.
test('five peers that know one address find each other', async () => {
  const members = await newIdentities(5)
  const learnt = new Map<PeerId, Set<PeerId>>()
  const onAddresses = (peer: PeerId) => void learnt.set(peer, new Set())
  const started = await startAll(members, 5, { onAddresses })
  await until(() => started.every(({ linked }) => linked.size === 4), 'all are linked to all')
  assert.equal(learnt.size, 5, 'every address was reported')
})

// Goal: the newest record wins wherever it is asked for, and an older one cannot come back. Method: two epochs
// published by different peers, the older one again at last, asked for by a peer that joins later.
test('a peer that joins finds the newest fleet record', async () => {
  const members = await newIdentities(4)
  const started = await startAll(members, 3)
  await until(() => started.every(({ linked }) => linked.size === 2), 'three are linked')
  assert.ok((await started[0]!.peer.discovery.publishRecord(record(7))) > 0)
  assert.equal(text(await started[1]!.peer.discovery.fetchRecord()), 'signed:7')
  assert.ok((await started[1]!.peer.discovery.publishRecord(record(8))) > 0)
  await started[2]!.peer.discovery.publishRecord(record(6))
  const late = await start(members[3]!, members, { bootstrap: started[0]!.peer.addresses() })
  await until(() => late.linked.size > 0, 'the late one is linked')
  assert.equal(text(await late.peer.discovery.fetchRecord()), 'signed:8')
})

// Goal: nobody but the authority makes a record. Method: a peer whose own check lets anything pass, as an attacker's
// would, publishes a forged record with a great epoch.
test('a record with a bad signature is never selected', async () => {
  const members = await newIdentities(3)
  const honest = await startAll(members, 2)
  const forger = await start(members[2]!, members, {
    bootstrap: honest[0]!.peer.addresses(),
    verifyRecord: () => 1_000,
  })
  await until(() => [...honest, forger].every(({ linked }) => linked.size === 2), 'three are linked')
  const forged = Buffer.from('forged:1000')
  await forger.peer.discovery.publishRecord(forged)
  assert.equal(await honest[0]!.peer.discovery.fetchRecord(), null)
  await honest[0]!.peer.discovery.publishRecord(record(3))
  await forger.peer.discovery.publishRecord(forged)
  for (const { peer } of honest) assert.equal(text(await peer.discovery.fetchRecord()), 'signed:3')
  const rejected = honest.reduce((sum, { peer }) => sum + peer.counters().recordsRejected!, 0)
  assert.ok(rejected > 0, 'the forged record was refused where it was put')
  await assert.rejects(honest[0]!.peer.discovery.publishRecord(forged), { code: 'INTEGRITY_FAILED' })
})

// Goal: Kademlia tells where a peer listens. Method: ask a third peer, which has met both.
test('the addresses of a member are found through the others', async () => {
  const members = await newIdentities(3)
  const [first, second, third] = await startAll(members, 3)
  await until(() => [first, second, third].every(each => each!.linked.size === 2), 'all are linked')
  const found = await second!.peer.discovery.findAddresses(third!.peer.id)
  assert.ok(found.includes(`/ip4/127.0.0.1/tcp/${portOf(third!.peer)}`))
})

// Goal: a peer that moved is found again. Method: it stops and comes back on another port, where only the first
// peer is known to it.
test('a peer that comes back on another port is linked again', async () => {
  const members = await newIdentities(3)
  const started = await startAll(members, 3)
  await until(() => started.every(({ linked }) => linked.size === 2), 'all are linked')
  const moved = started[2]!
  const oldPort = portOf(moved.peer)
  await moved.peer.stop()
  const squatter = await start((await newIdentities(1))[0]!, members, {
    listen: { host: '127.0.0.1', port: oldPort },
  })
  assert.equal(portOf(squatter.peer), oldPort)
  const back = await start(members[2]!, members, { bootstrap: started[0]!.peer.addresses() })
  await until(() => back.linked.size === 2 && started[1]!.linked.size === 2, 'it is linked to both')
})

// Goal: a taken port is no error. Method: two peers want the same one.
test('the next free port is taken', async () => {
  const members = await newIdentities(2)
  const one = await start(members[0]!, members)
  const wanted = portOf(one.peer)
  const two = await start(members[1]!, members, { listen: { host: '127.0.0.1', port: wanted } })
  assert.ok(portOf(two.peer) !== wanted)
  await assert.rejects(startPeer(members[0]!, members, { listen: { host: 'nowhere', port: 0 } }), {
    code: 'CONFIG_INVALID',
  })
})

test('a bootstrap address names its peer', () => {
  const id = '12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN'
  assert.deepEqual(parseBootstrap(`/ip4/127.0.0.1/tcp/4001/p2p/${id}`), {
    peer: id,
    address: '/ip4/127.0.0.1/tcp/4001',
  })
  const bad = [
    '',
    'x',
    '/ip4/127.0.0.1/tcp/4001',
    '/ip4/999.0.0.1/tcp/4001/p2p/x',
    `/ip4/1.2.3.4/udp/1/p2p/${id}`,
  ]
  for (const address of bad) assert.throws(() => parseBootstrap(address), { code: 'CONFIG_INVALID' }, address)
})

test('the address book keeps the newest usable addresses, up to its bound', () => {
  const book = new AddressBook(3)
  const peer = 'peer' as PeerId
  assert.ok(
    book.learn(peer, ['/ip4/127.0.0.1/tcp/1', 'nonsense', '/ip4/300.0.0.1/tcp/5', '/ip4/1.2.3.4/tcp/0']),
  )
  assert.deepEqual(book.of(peer), ['/ip4/127.0.0.1/tcp/1'])
  assert.equal(book.learn(peer, ['/ip4/127.0.0.1/tcp/1/p2p/whoever']), false)
  assert.ok(
    book.learn(
      peer,
      [2, 3, 4].map(port => `/ip4/127.0.0.1/tcp/${port}`),
    ),
  )
  assert.deepEqual(
    book.of(peer),
    [2, 3, 4].map(port => `/ip4/127.0.0.1/tcp/${port}`),
  )
  assert.ok(book.learn(peer, ['/ip4/127.0.0.1/tcp/9'], true))
  assert.deepEqual(book.of(peer), ['/ip4/127.0.0.1/tcp/9'])
  assert.equal(book.learn(peer, [], true), false)
})

// Goal: Kademlia's own rules hold back old and foreign records. Method: the rules alone.
test('the rules of the record book refuse the old, the foreign and the oversize', () => {
  const book = new RecordBook(testFleet, verifyRecord)
  const rules = book.rules()
  rules.validate(book.key, record(5))
  assert.throws(() => rules.validate(book.key, record(4)))
  assert.throws(() => rules.validate(book.key, Buffer.from('forged')))
  assert.throws(() => rules.validate(Buffer.from('/slurp-view/another'), record(6)))
  assert.throws(() => rules.validate(book.key, Buffer.alloc(2 ** 20, 'signed:9')))
  assert.equal(rules.select(book.key, [record(2), Buffer.from('forged'), record(5), record(4)]), 2)
  assert.equal(book.newest?.epoch, 5)
})
