// Goal: who is no member, is of another fleet, or shows no grant in force for where and when it calls from gets no link, hears
// nothing but the refusal, and shows in the audit log of whoever it called. Method: a running fleet of three, of which one does
// not run: its key, or a stranger's, says to the peer protocol what a test wants.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { Libp2p, PrivateKey, Stream } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import type { FleetId, PeerId } from '../../base/ids.ts'
import { createFleet } from '../../crypto/fleet-creation.ts'
import { decodeGrantFile, joinChain } from '../../crypto/grants/chain-text.ts'
import type { Limits } from '../../crypto/grants/grant-shape.ts'
import { memberLimits } from '../../crypto/grants/membership.ts'
import { loadIdentity } from '../../crypto/identity.ts'
import { encodeHello } from '../../node/adapters/libp2p/hello.ts'
import { wireVersions } from '../../node/adapters/libp2p/start.ts'
import { closed, hearHello, startRawPeer } from '../adapters/libp2p/raw-peer.ts'
import { KeyFleet, until } from '../keys/fleets.ts'
import { signedGrant, takePart } from './attacker.ts'
import { lastEntry, shows } from './on-record.ts'

const fleet = await KeyFleet.make({ peers: 3 })
const idOf = (name: string) => fleet.places.get(name)!.address.split('/').at(-1) as PeerId
/** The side with the smaller id opens a link. */
const [thief, target, other] = fleet.names.toSorted((a, b) => (idOf(a) < idOf(b) ? -1 : 1)) as [
  string,
  string,
  string,
]
const thiefSubject = `peer:${idOf(thief)}`
const hosts: Libp2p[] = []

before(async () => {
  await fleet.start(target, other)
  await fleet.opened()
  await takePart(fleet, [target, other])
})
after(async () => {
  await Promise.all(hosts.map(host => host.stop()))
  await fleet.close()
})

async function hostWith(key: PrivateKey): Promise<Libp2p> {
  const host = await startRawPeer({ key, id: '' as PeerId })
  hosts.push(host)
  return host
}

const protocol = () => `/slurp/${fleet.peer(target).fleet.slice(0, 16)}/peer/1.0.0`
const dial = (host: Libp2p): Promise<Stream> =>
  host.dialProtocol(multiaddr(fleet.peer(target).addresses()[0]!), protocol())

/** The hello of a member with this grant. */
async function helloOf(grant: string, more: { fleet?: FleetId } = {}) {
  const { key } = { key: (await loadIdentity(join(fleet.dir, thief, 'identity.key'))).privateKey }
  const stream = await dial(await hostWith(key))
  const versions = wireVersions
  stream.send(
    encodeHello({ versions, fleet: fleet.peer(target).fleet, incarnation: 1, epoch: 1, grant, ...more }),
  )
  return { stream, said: await hearHello(stream) }
}

const ownGrant = (name: string) =>
  joinChain(decodeGrantFile(readFileSync(join(fleet.dir, name, 'grant.json'))))

test('a stranger is cut off, and shows', async () => {
  const peer = fleet.peer(target)
  const mark = await lastEntry(peer)
  const host = await hostWith(await generateKeyPair('Ed25519'))
  await assert.rejects(async () => {
    const stream = await dial(host)
    await closed(stream)
    throw new Error('cut off')
  })
  const subject = `peer:${host.peerId.toString()}`
  await shows(peer, mark, {
    subject,
    source: '127.0.0.1',
    operation: 'connect',
    code: 'notMember',
    outcome: 'denied',
  })
})

test('a member of another fleet is a stranger, and shows', async () => {
  const peer = fleet.peer(target)
  const mark = await lastEntry(peer)
  const dir = join(fleet.work, 'elsewhere')
  await createFleet({ dir, memberNames: ['p1'], roles: ['tester'], replicas: 1, rolesOf: () => ['tester'] })
  const { privateKey, peerId } = await loadIdentity(join(dir, 'p1', 'identity.key'))
  await assert.rejects(async () => {
    await closed(await dial(await hostWith(privateKey)))
    throw new Error('cut off')
  })
  await shows(peer, mark, {
    subject: `peer:${peerId}`,
    operation: 'connect',
    code: 'notMember',
    outcome: 'denied',
  })
})

async function isRefused(
  reason: string,
  hello: () => ReturnType<typeof helloOf>,
  rule = 'member',
): Promise<void> {
  const peer = fleet.peer(target)
  const mark = await lastEntry(peer)
  const { stream, said } = await hello()
  assert.deepEqual(said, { kind: 'refusal', reason })
  await closed(stream)
  const refusal = { operation: 'connect', code: reason, outcome: 'denied', rule } as const
  await shows(peer, mark, { subject: thiefSubject, ...refusal })
  const { members } = peer.status()
  assert.ok(members.every(({ id, connected }) => id !== idOf(thief) || !connected))
}

test('the key of a member with a hello of another fleet is refused, and shows', () =>
  isRefused('fleetDiffers', () => helloOf(ownGrant(thief), { fleet: 'ee'.repeat(32) as FleetId })))

const dayMs = 86_400_000
const limited = (more: Partial<Limits>) => ({ limits: { ...memberLimits(true), ...more } })
const signed = async (more: object) =>
  joinChain(await signedGrant(fleet, thief, { subject: idOf(thief), name: thief, ...more }))
/** Shut now, whatever the time is: open on another day of the week. */
const shutNow = () => {
  const day = new Date(Date.now() + 3 * dayMs).getUTCDay()
  return { zone: 'UTC', windows: [{ days: [day === 0 ? 7 : day], from: '00:00', to: '24:00' }] }
}

const grants: Readonly<Record<string, () => Promise<string> | string>> = {
  'no grant': () => '',
  'what is no grant': () => 'delegate\ngrant\r\nx: y',
  'the grant of another peer': () => ownGrant(other),
  'a grant of another fleet for its key': async () => {
    const dir = join(fleet.work, 'foreign')
    await createFleet({ dir, memberNames: ['p1'], roles: ['tester'], replicas: 1, rolesOf: () => ['tester'] })
    return joinChain(decodeGrantFile(readFileSync(join(dir, 'p1', 'grant.json'))))
  },
  'a grant that is over': () => signed({ issuedAtMs: Date.now() - 60_000, expiresMs: Date.now() - 1_000 }),
  'a grant that has not begun': () => signed({ notBeforeMs: Date.now() + dayMs }),
  'a grant for another network': () => signed(limited({ networks: ['203.0.113.0/24'] })),
  'a grant for other hours': () => signed(limited({ hours: shutNow() })),
  'the grant of an agent': () => signed({ subjectKind: 'agent' }),
}
/** What the log of the peer that refuses names. */
const rules: Readonly<Record<string, string>> = {
  'no grant': 'missing',
  'what is no grant': 'unproven',
  'the grant of another peer': 'subject',
  'a grant of another fleet for its key': 'otherFleet',
  'a grant that is over': 'expired',
  'a grant that has not begun': 'notYet',
  'a grant for another network': 'networks',
  'a grant for other hours': 'hours',
  'the grant of an agent': 'subjectKind',
}
for (const [what, grant] of Object.entries(grants)) {
  test(`a member that shows ${what} is refused, and shows`, () =>
    isRefused('grantRefused', async () => helloOf(await grant()), rules[what]))
}

test('bytes that are no hello and streams that say nothing are given up, and show', async () => {
  const peer = fleet.peer(target)
  const mark = await lastEntry(peer)
  const { privateKey } = await loadIdentity(join(fleet.dir, thief, 'identity.key'))
  const host = await hostWith(privateKey)
  const silent = await dial(host)
  const loud = await dial(host)
  loud.send(new Uint8Array([255, 255, ...randomBytes(60)]))
  await Promise.all([closed(silent), closed(loud)])
  await shows(peer, mark, {
    subject: thiefSubject,
    operation: 'connect',
    code: 'malformed',
    outcome: 'denied',
  })
})

test('a crowd of connections that say nothing on the peer port keeps nobody out', async () => {
  const peer = fleet.peer(target)
  const { port } = fleet.places.get(target)!
  const mark = await lastEntry(peer)
  const sockets = Array.from({ length: 700 }, () =>
    connect({ host: '127.0.0.1', port, localAddress: '127.0.0.9' }),
  )
  for (const socket of sockets) socket.on('error', () => undefined)
  try {
    await shows(peer, mark, { source: '127.0.0.9', operation: 'connect', code: 'tooMany', outcome: 'denied' })
    // Another member comes back meanwhile.
    await fleet.stop(other)
    await fleet.start(other)
    await fleet.opened(other)
    await until('it is linked', () =>
      peer.status().members.some(({ id, connected }) => id === idOf(other) && connected),
    )
  } finally {
    for (const socket of sockets) socket.destroy()
  }
})

test('a grant that was revoked is refused, and shows', async () => {
  const peer = fleet.peer(target)
  const known = peer.grants.list().filter(grant => grant.subject === idOf(thief))
  for (const { id } of known) await peer.grants.revoke(id, { sinceMs: null, rotate: false, dryRun: false })
  const mark = await lastEntry(peer)
  // It does not get as far as to show anything.
  await assert.rejects(async () => {
    await closed((await helloOf(ownGrant(thief))).stream)
    throw new Error('cut off')
  })
  await shows(peer, mark, {
    subject: thiefSubject,
    operation: 'connect',
    code: 'notMember',
    outcome: 'denied',
    rule: 'grantRevoked',
  })
})
