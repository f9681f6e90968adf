// Goal: a replica that was taken over puts nothing into the fleet that its author did not sign for this fleet, key, version and
// time, gives readers nothing else, and what it tries is in the audit logs of the others. Method: a running fleet of three, of
// which one is replaced by a process with its key that says to the peer protocol what a test wants.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { ballotFrom, bootTag, hlcFrom } from '../../base/hlc.ts'
import { type ContextKey, type FleetId, noHlc, type RoleName } from '../../base/ids.ts'
import { sha256Hex } from '../../crypto/digest.ts'
import { verifyFleetRecord } from '../../crypto/fleet-record.ts'
import { memberLimits } from '../../crypto/grants/membership.ts'
import { clockTagOf, type Identity } from '../../crypto/identity.ts'
import { peerKeyOf } from '../../crypto/peer-keys.ts'
import { assignmentOf } from '../../dht/view.ts'
import type { Value } from '../../replication/messages.ts'
import { newIdentity } from '../crypto/fixtures.ts'
import { KeyFleet, until } from '../keys/fleets.ts'
import { type Attacker, takeOver, takePart } from './attacker.ts'
import { type Forged, type Forgery, forgedVersion } from './forged-version.ts'
import { lastEntry, shows } from './on-record.ts'

const fleet = await KeyFleet.make({ peers: 3 })
const record = verifyFleetRecord(readFileSync(join(fleet.dir, 'p3', 'fleet.json')))
const honest = ['p1', 'p2'] as const
let attacker: Attacker
let subject: string

before(async () => {
  await fleet.start(...honest)
  await fleet.opened()
  attacker = await takeOver(fleet, 'p3', {
    ...memberLimits(true),
    roles: ['tester' as RoleName],
    operations: ['read', 'write'],
  })
  subject = `peer:${attacker.identity.peerId}`
  await until('it is linked as the member that it was', () => attacker.linked.size === 2)
  await takePart(fleet, honest)
})
after(async () => {
  await attacker?.libp2p.stop()
  await fleet.close()
})

const forged = (forgery: Forgery): Promise<Forged> => forgedVersion(attacker, record, forgery)

/** Signs as somebody else would have to. */
function inTheNameOf(peerId: Identity['peerId']): Identity {
  const { publicKey } = peerKeyOf(peerId)!
  return { peerId, publicKey, sign: bytes => attacker.identity.sign(bytes) } as Identity
}

/** What stands at a peer, with its bytes. */
async function standing(name: string, key: ContextKey): Promise<Value> {
  const { epoch } = assignmentOf(fleet.peer(name).ring(), key)
  const said = await attacker.ask(fleet.peer(name).id, id => ({
    kind: 'query',
    id,
    epoch,
    key,
    withData: true,
  }))
  assert.ok(said.kind === 'report' && said.value?.data, 'it has it')
  return said.value
}

/** An address whose owners begin with these peers: of equals they are asked in this order. */
function addressAt(names: readonly string[], what: string): { address: string; key: ContextKey } {
  const { audit, ring } = fleet.peer('p1')
  const ids = names.map(name => record.view.members.find(member => member.name === name)!.id)
  for (let at = 0; ; at++) {
    const address = `ucxl://any:any@attacks:any/*^/${what}-${at}`
    const key = audit.keyOf(address)!
    const { owners } = assignmentOf(ring(), key)
    if (ids.every((id, place) => owners[place] === id)) return { address, key }
  }
}

async function stored(title: string, names = ['p1']): Promise<{ address: string; key: ContextKey }> {
  const place = addressAt(names, title)
  await store(place.address, title)
  return place
}

/** By an honest peer; it is the same when it is done twice. */
async function store(address: string, title: string): Promise<void> {
  await fleet
    .peer('p1')
    .store.storeContext(address, { title }, { roles: ['tester' as RoleName], timeoutMs: 30_000 })
}

/** Every way of putting a version into a replica, at both of them: none takes it, and each says so in its audit log. */
async function isRefusedEverywhere(forged: Forged): Promise<void> {
  await Promise.all(honest.map(name => isRefusedBy(name, forged)))
}

async function isRefusedBy(name: string, { key, value }: Forged): Promise<void> {
  const peer = fleet.peer(name)
  const mark = await lastEntry(peer)
  const { epoch } = assignmentOf(peer.ring(), key)
  const ballot = ballotFrom(hlcFrom(Date.now(), 0, bootTag(clockTagOf(attacker.identity.peerId), 1)), 1)
  const { data, kind, hash, expiresAtMs, version, parent } = value
  const operation = {
    kind: 'write',
    id: version,
    attempt: 1,
    key,
    expect: 'any',
    parent,
    value: { kind, hash, expiresAtMs, data: data! },
    epoch: null,
  } as const
  // Nobody answers to this one: it is not taken all the same.
  attacker.tell(peer.id, { kind: 'backfill', id: 0, key, record: value })
  const said = await Promise.all([
    attacker.ask(peer.id, id => ({ kind: 'accept', id, epoch, key, ballot, value, next: ballot })),
    attacker.ask(peer.id, id => ({ kind: 'replay', id, epoch, key, ballot, value })),
    attacker.ask(peer.id, id => ({ kind: 'request', id, timeoutMs: 1_000, operation })),
  ])
  const why = said.map(answer =>
    answer.kind === 'refused' ? answer.reason : answer.kind === 'reply' ? answer.outcome : answer.kind,
  )
  assert.deepEqual(why, ['invalid', 'invalid', { kind: 'elsewhere', reason: 'invalid' }], name)
  const denied = { subject, code: 'INTEGRITY_FAILED', outcome: 'denied' } as const
  await Promise.all(
    ['backfill', 'accept', 'replay', 'request'].map(rule => shows(peer, mark, { ...denied, rule })),
  )
}

const withBytes = (value: Value, data: Uint8Array): Value => ({ ...value, data, hash: sha256Hex(data) })
const altered = (value: Value): Value => {
  const data = Buffer.from(value.data!)
  data[data.length - 20]! ^= 1
  return withBytes(value, data)
}

const forgeries: Readonly<Record<string, () => Promise<Forged>>> = {
  'a write for a role without the right': () => forged({ roles: ['architect'] }),
  'a write for one role too many': () => forged({ roles: ['architect', 'tester'] }),
  'a deletion without the right': () => forged({ kind: 'tombstone' }),
  'a change of the fleet without the right': () => forged({ kind: 'control' }),
  'a version from before its grant': () => forged({ atMs: Date.now() - 3_600_000 }),
  'a version from the future': () => forged({ atMs: Date.now() + 3_600_000 }),
  'a version in the name of another member': () => forged({ author: inTheNameOf(fleet.peer('p1').id) }),
  'a version of a stranger': async () => forged({ author: await newIdentity() }),
  'an envelope of another fleet': () => forged({ fleet: 'ab'.repeat(32) as FleetId }),
  'a blob that was altered': async () => {
    const { key } = await stored('altered')
    return { key, value: altered(await standing('p1', key)) }
  },
  'the blob of another context': async () => {
    const [one, other] = [await stored('swapped'), await stored('with')]
    return { key: one.key, value: await standing('p1', other.key) }
  },
  'the bytes of another version': async () => {
    const { address, key } = await stored('renumbered')
    const first = await standing('p1', key)
    await store(address, 'second')
    const second = await standing('p1', key)
    return { key, value: withBytes(second, first.data!) }
  },
}
for (const [what, forgery] of Object.entries(forgeries)) {
  test(`${what} is stored by nobody, and shows`, async () => isRefusedEverywhere(await forgery()))
}

/** What an honest reader gets. */
async function titleAt(address: string): Promise<string | undefined> {
  const wish = { consistency: 'linearizable', timeoutMs: 30_000 } as const
  return (await fleet.peer('p1').store.retrieveContext(address, wish)).context.title
}

test('a replica that answers with an altered blob, an older version or none deceives nobody', async () => {
  const place = await stored('old')
  const old = await standing('p1', place.key)
  await store(place.address, 'new')
  const newest = altered(await standing('p1', place.key))
  const mark = await lastEntry(fleet.peer('p1'))
  // Without the third the reader has nobody else to ask.
  await fleet.stop('p2')
  for (const value of [newest, old, null]) {
    let lies = 0
    attacker.answering = (_, message) => {
      if (message.kind !== 'query' || message.key !== place.key) return null
      lies += 1
      const accepted = ballotFrom(value?.version ?? noHlc, value === null ? 0 : 1)
      return {
        kind: 'report',
        id: message.id,
        key: message.key,
        accepted,
        value,
        gcFloor: ballotFrom(noHlc, 0),
      }
    }
    const read = await fleet
      .peer('p1')
      .store.retrieveContext(place.address, { consistency: 'linearizable', timeoutMs: 4_000 })
      .then(
        ({ context }) => context.title,
        failure => failure.code,
      )
    attacker.answering = () => null
    assert.ok(lies > 0, 'it was asked')
    // Nothing that is not confirmed is given away for the truth; the older one is not given away at all.
    assert.ok(read === 'new' || read === 'QUORUM_UNREACHED', read)
  }
  await shows(fleet.peer('p1'), mark, {
    subject,
    code: 'INTEGRITY_FAILED',
    outcome: 'denied',
    rule: 'report',
  })
  await fleet.start('p2')
  await fleet.opened('p2')
  assert.equal(await titleAt(place.address), 'new')
})

test('a replica that acknowledged a version and serves the one before is on record', async () => {
  // Of equals the first owners are asked: a read asks the attacker each time, and not the third.
  const place = await stored('acknowledged', ['p1', 'p3'])
  const peer = fleet.peer('p1')
  const old = await standing('p1', place.key)
  const mark = await lastEntry(peer)
  const promise = { granted: true, nextGranted: true, promised: ballotFrom(noHlc, 0) }
  attacker.answering = (_, message) => {
    if (!('key' in message) || message.key !== place.key) return null
    const { id, key } = message as { id: number; key: ContextKey }
    if (message.kind === 'accept' || message.kind === 'replay') return { kind: 'accepted', id, ...promise }
    const told = { id, key, accepted: ballotFrom(old.version, 0), value: old, gcFloor: ballotFrom(noHlc, 0) }
    if (message.kind === 'query') return { kind: 'report', ...told }
    return message.kind === 'prepare' ? { kind: 'promise', ...promise, ...told } : null
  }
  // An acknowledgement that comes after the answer to what was asked later says nothing: so more than once.
  let writes = 0
  const wanted = { subject, code: 'OLDER_THAN_ACKNOWLEDGED', operation: 'answer', outcome: 'denied' } as const
  const isOver = { now: false }
  const asking = (async () => {
    while (!isOver.now) {
      writes += 1
      await store(place.address, `${writes}`)
      assert.equal(await titleAt(place.address), `${writes}`, 'it deceives nobody')
    }
  })()
  try {
    await Promise.race([shows(peer, mark, wanted), asking])
  } finally {
    isOver.now = true
    await asking
    attacker.answering = () => null
  }
})

test('a replica that withholds everything holds nobody up, and is on record', async () => {
  const place = addressAt(['p3'], 'withheld')
  const peer = fleet.peer('p1')
  const mark = await lastEntry(peer)
  const { epoch } = peer.ring()
  const isOver = { now: false }
  const asking = (async () => {
    while (!isOver.now) {
      attacker.tell(peer.id, { kind: 'beat', epoch, reports: [] })
      await store(place.address, 'withheld')
      assert.equal(await titleAt(place.address), 'withheld')
    }
  })()
  const denied = { subject, code: 'NO_ANSWER', operation: 'answer', outcome: 'denied' } as const
  try {
    const shown = Promise.all(['reads', 'writes'].map(rule => shows(peer, mark, { ...denied, rule })))
    await Promise.race([shown, asking])
  } finally {
    isOver.now = true
    await asking
  }
})

test('frames that are none, a clock that is far ahead and a frame that claims too much show, and the fleet goes on', async () => {
  const peer = fleet.peer('p1')
  const mark = await lastEntry(peer)
  attacker.raw(peer.id, randomBytes(400))
  await shows(peer, mark, { subject, code: 'FRAME_REFUSED', outcome: 'denied' })
  attacker.tell(peer.id, { kind: 'viewAsked', epoch: 1 }, Date.now() + 3_600_000)
  await shows(peer, mark, { subject, code: 'CLOCK_AHEAD', outcome: 'denied' })
  const { version } = await peer.store.storeContext('ucxl://any:any@attacks:any/*^/time', { title: 'now' })
  assert.ok(Number.parseInt(version.slice(0, 12), 16) < Date.now() + 60_000, 'nobody followed it')
})
