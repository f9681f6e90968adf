import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { afterEach, test } from 'node:test'
import type { Libp2p, Stream } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import fc from 'fast-check'
import type { PeerId } from '../../../base/ids.ts'
import { encodeHello } from '../../../node/adapters/libp2p/hello.ts'
import { type Libp2pPeer, wireVersions } from '../../../node/adapters/libp2p/start.ts'
import { type Identity, newIdentities, portOf, startPeer, testFleet, until } from './fleet.ts'
import { closed, dialRaw, hearHello, peerProtocol, startRawPeer } from './raw-peer.ts'

const limits = { frameBytesMax: 2 ** 16, redialMsMax: 100 }
const hello = Uint8Array.from(
  encodeHello({ versions: wireVersions, fleet: testFleet, incarnation: 1, epoch: 1, grant: '' }),
)
const running: { stop(): Promise<void> | void }[] = []
afterEach(async () => {
  await Promise.all(running.splice(0).map(one => one.stop()))
})

type Target = { peer: Libp2pPeer; linked: Set<PeerId>; frames: Uint8Array[] }

async function target(
  self: Identity,
  members: readonly Identity[],
  bootstrap: string[] = [],
  helloMs = 5_000,
): Promise<Target> {
  const peer = await startPeer(self, members, { limits: { ...limits, helloMs }, bootstrap })
  running.push(peer)
  const linked = new Set<PeerId>()
  const frames: Uint8Array[] = []
  peer.network.listen({
    frameArrived: (_, frame) => frames.push(frame),
    peerConnected: id => linked.add(id),
    peerLost: id => linked.delete(id),
  })
  return { peer, linked, frames }
}

async function rawPeer(self: Identity): Promise<Libp2p> {
  const raw = await startRawPeer(self)
  running.push({ stop: () => raw.stop() })
  return raw
}

/** A genuine member still gets a link and an honest frame through. */
async function assertServes(victim: Target, honest: Identity, members: readonly Identity[]): Promise<void> {
  const other = await target(honest, members, victim.peer.addresses())
  await until(() => other.linked.has(victim.peer.id), 'a genuine member is linked')
  const frame = Buffer.from('still here')
  assert.ok(other.peer.network.send(victim.peer.id, frame))
  await until(() => victim.frames.some(seen => frame.equals(seen)), 'its frame arrives')
}

function sendAll(stream: Stream, pieces: readonly Uint8Array[]): void {
  for (const piece of pieces) if (stream.status === 'open' && piece.length > 0) stream.send(piece)
}

/** A valid hello with some bytes changed, or cut short, or bytes from nowhere. */
const badStart = fc.oneof(
  fc.uint8Array({ minLength: 1, maxLength: 3_000 }),
  fc.tuple(fc.nat(hello.length - 1), fc.integer({ min: 1, max: 255 })).map(([at, by]) => {
    const changed = hello.slice()
    changed[at] = changed[at]! ^ by
    return changed
  }),
  fc.nat(hello.length - 1).map(length => hello.slice(0, length)),
)

// Goal: no bytes of a member with a bug, or with a stolen key, bring a peer down. Method: random and changed
// hellos on fresh streams, left open, closed or reset; then a genuine member.
test('random and mutated hellos never crash a peer and are counted', async () => {
  const members = await newIdentities(3)
  const victim = await target(members[2]!, members, [], 60)
  const raw = await rawPeer(members[0]!)
  let runs = 0
  await fc.assert(
    fc.asyncProperty(badStart, fc.constantFrom('wait', 'close', 'abort'), async (bytes, ending) => {
      runs += 1
      const stream = await dialRaw(raw, victim.peer)
      sendAll(stream, [bytes])
      if (ending === 'close') await stream.close()
      // Some changed hellos are as good as the real one: then there is a link, and we end it.
      if (ending === 'wait')
        await until(() => stream.status !== 'open' || victim.linked.size > 0, 'a verdict')
      stream.abort(new Error('gone'))
      await until(() => victim.linked.size === 0, 'no link is left')
    }),
    { numRuns: 100 },
  )
  const counted = () =>
    Object.entries(victim.peer.counters())
      .filter(([name]) => name.startsWith('hello_') || name === 'linksOpened')
      .reduce((sum, [, count]) => sum + count, 0)
  // A stream that ends before the protocol is agreed upon never reaches us.
  await until(() => counted() >= runs / 2, 'handshakes are counted')
  await assertServes(victim, members[1]!, members)
})

// Goal: nor do bytes after a good hello. Method: frames of random claims and cuts; lengths above the cap.
test('random bytes in place of frames never crash a peer; an oversize claim ends the link', async () => {
  const members = await newIdentities(3)
  const victim = await target(members[2]!, members)
  const raw = await rawPeer(members[0]!)
  const id = members[0]!.id
  await fc.assert(
    fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 5_000 }), { maxLength: 5 }), async pieces => {
      const stream = await dialRaw(raw, victim.peer)
      sendAll(stream, [hello])
      assert.equal((await hearHello(stream))?.kind, 'hello')
      sendAll(stream, pieces)
      stream.abort(new Error('gone'))
      await until(() => !victim.linked.has(id), 'the link is gone')
    }),
    { numRuns: 40 },
  )
  const before = victim.peer.counters().lost_malformed ?? 0
  const stream = await dialRaw(raw, victim.peer)
  sendAll(stream, [hello, new Uint8Array([0, 1, 0, 1])])
  await closed(stream)
  assert.equal(victim.peer.counters().lost_malformed, before + 1)
  await assertServes(victim, members[1]!, members)
})

// Goal: the side that opens is as safe as the side that answers. Method: the victim calls a host that answers
// its hello with random bytes.
test('random answers to our own hello never crash a peer', async () => {
  const members = await newIdentities(3)
  const raw = await rawPeer(members[2]!)
  const answers = fc.sample(fc.uint8Array({ minLength: 1, maxLength: 3_000 }), 20)
  let answered = 0
  await raw.handle(peerProtocol, stream => {
    sendAll(stream, [answers[answered % answers.length]!])
    answered += 1
    if (answered % 2 === 0) setImmediate(() => stream.abort(new Error('gone')))
  })
  const victim = await target(
    members[0]!,
    members,
    raw.getMultiaddrs().map(address => address.toString()),
    60,
  )
  await until(() => answered >= 6, 'the victim asked a few times')
  await assertServes(victim, members[1]!, members)
})

// Goal: the port survives what does not even speak libp2p. Method: random bytes over plain TCP.
test('random bytes on the TCP port never crash a peer', async () => {
  const members = await newIdentities(2)
  const victim = await target(members[0]!, members)
  const starts = fc.sample(fc.uint8Array({ minLength: 1, maxLength: 2_000 }), 40)
  await Promise.all(
    starts.map(
      (bytes, i) =>
        new Promise<void>(resolve => {
          const socket = connect(portOf(victim.peer), '127.0.0.1', () => {
            if (i % 2 === 0) socket.write('\x13/multistream/1.0.0\n')
            socket.end(bytes)
          })
          socket.on('error', () => resolve())
          socket.on('close', () => resolve())
          socket.resume()
        }),
    ),
  )
  await assertServes(victim, members[1]!, members)
})

// Goal: a crowd of streams is bounded. Method: a member opens far more than its share.
test('a member that opens stream after stream is held to its share', async () => {
  const members = await newIdentities(3)
  const victim = await target(members[2]!, members)
  const raw = await rawPeer(members[0]!)
  const connection = await raw.dial(multiaddr(victim.peer.addresses()[0]!))
  const opened = await Promise.allSettled(
    Array.from({ length: 40 }, () => connection.newStream(peerProtocol, { maxOutboundStreams: 100 })),
  )
  const streams = opened.flatMap(one => (one.status === 'fulfilled' ? [one.value] : []))
  for (const stream of streams) sendAll(stream, [hello])
  await until(() => streams.filter(stream => stream.status === 'open').length <= 1, 'one stream is left')
  await assertServes(victim, members[1]!, members)
})
