// Goal: what the fleet gives to a new peer is written only when it is whole, of that fleet and for that peer, and what
// was written is a directory that a peer can start from. Method: a real fleet of one, its tickets, and tickets with
// one thing wrong.
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { SlurpError } from '../../base/errors.ts'
import type { FleetId, RoleName } from '../../base/ids.ts'
import { createFleet } from '../../crypto/fleet-creation.ts'
import { decodeGrantFile, encodeGrantFile } from '../../crypto/grants/chain-text.ts'
import { openDelegate } from '../../crypto/grants/grant-chain.ts'
import { memberLimits, membershipIdOf, signMembership } from '../../crypto/grants/membership.ts'
import { loadIdentity } from '../../crypto/identity.ts'
import { entitledTo, withEntitlement } from '../../crypto/registry/registry.ts'
import { decodeRegistry, encodeRegistry } from '../../crypto/registry/registry-codec.ts'
import { entitle } from '../../crypto/registry/statements.ts'
import { joined } from '../../dht/view-change.ts'
import { placementHash } from '../../node/control/placement-hash.ts'
import { decodeView, encodeView } from '../../node/driver/codec/view.ts'
import type { JoinTicket } from '../../node/fleet-control.ts'
import { fleetIn, newPeerIn, writeTicket } from '../../node/join-directory.ts'
import { signingKeyOn } from '../keys/stolen.ts'

async function newFleet(t: TestContext) {
  const work = mkdtempSync(join(tmpdir(), 'slurp-ticket-'))
  t.after(() => rmSync(work, { recursive: true, force: true }))
  const made = async (name: string) => {
    const dir = join(work, name)
    const rolesOf = () => ['architect']
    return await createFleet({ dir, memberNames: ['p1'], roles: ['architect'], replicas: 1, rolesOf })
  }
  const { fleet, record } = await made('fleet')
  const home = join(work, 'fleet', 'p1')
  const sponsor = await loadIdentity(join(home, 'identity.key'))
  const registry = decodeRegistry(readFileSync(join(home, 'keys.registry')), fleet)
  const draft = join(work, 'p2.joining')
  mkdirSync(draft)
  const peer = await newPeerIn(draft)
  const member = { id: peer.id, name: 'p2', weight: 1, zone: 'p2' }
  const view = joined(record.view, member, placementHash)
  const entitlement = entitle(fleet, peer.id, entitledTo(registry, sponsor.peerId), sponsor)
  const keys = encodeRegistry(withEntitlement(registry, entitlement))
  const { delegate } = decodeGrantFile(readFileSync(join(home, 'grant.json')))
  const key = await signingKeyOn([home], fleet)
  const issuer = await openDelegate(delegate, record.authorityPublicKey)
  const asked = { peer: peer.id, name: 'p2', limits: memberLimits(true), id: membershipIdOf(fleet, peer.id) }
  const grant = await signMembership(key, issuer, asked, Date.now())
  const ticket: JoinTicket = {
    fleet,
    name: 'p2',
    record: readFileSync(join(home, 'fleet.json'), 'utf8'),
    view: Buffer.from(encodeView(view)).toString('base64'),
    keys: Buffer.from(keys).toString('base64'),
    grant: encodeGrantFile({ delegate, grant }).toString('base64'),
    bootstrap: [],
  }
  return { work, made, home, fleet, record, registry, draft, peer, view, ticket }
}

test('an identity is made once, however often it is asked for', async t => {
  const { draft, peer } = await newFleet(t)
  assert.deepEqual(await newPeerIn(draft), peer)
  assert.equal(statSync(join(draft, 'identity.key')).mode & 0o777, 0o600)
})

test('a whole ticket becomes a directory of the fleet, for its owner only', async t => {
  const { draft, fleet, home, ticket, view } = await newFleet(t)
  assert.deepEqual(await writeTicket(draft, fleet, ticket), ['architect'])
  assert.equal(fleetIn(draft), fleet)
  assert.deepEqual(readFileSync(join(draft, 'fleet.json')), readFileSync(join(home, 'fleet.json')))
  assert.deepEqual(decodeView(readFileSync(join(draft, 'joined.view'))), view)
  for (const name of ['fleet.json', 'joined.view', 'keys.registry'])
    assert.equal(statSync(join(draft, name)).mode & 0o777, 0o600, name)
  assert.deepEqual(await writeTicket(draft, fleet, ticket), ['architect'], 'a second time too')
})

test('a blind ticket entitles to nothing', async t => {
  const { draft, fleet, registry, ticket } = await newFleet(t)
  const keys = Buffer.from(encodeRegistry(registry)).toString('base64')
  assert.deepEqual(await writeTicket(draft, fleet, { ...ticket, keys }), [])
})

test('a ticket with anything wrong is refused', async t => {
  const { draft, fleet, made, record, ticket, registry, peer, work } = await newFleet(t)
  const other = await made('other')
  const otherRecord = readFileSync(join(work, 'other', 'p1', 'fleet.json'), 'utf8')
  const without = Buffer.from(encodeView(record.view)).toString('base64')
  const strange = readFileSync(join(work, 'other', 'p1', 'keys.registry')).toString('base64')
  // It entitles itself, and nobody vouches for it.
  const own = entitle(
    fleet,
    peer.id,
    ['architect' as RoleName],
    await loadIdentity(join(draft, 'identity.key')),
  )
  const foreignGrant = readFileSync(join(work, 'fleet', 'p1', 'grant.json')).toString('base64')
  const selfMade = Buffer.from(encodeRegistry(withEntitlement(registry, own))).toString('base64')
  const cases: [string, FleetId, Partial<JoinTicket>][] = [
    ['the grant of another peer', fleet, { grant: foreignGrant }],
    ['a record of another fleet', fleet, { record: otherRecord }],
    ['a fleet that is not the one asked', other.fleet, {}],
    ['a record that was changed', fleet, { record: ticket.record.replace('"replicas":1', '"replicas":2') }],
    ['a view that does not name it', fleet, { view: without }],
    ['a view that is none', fleet, { view: 'bm9uc2Vuc2U=' }],
    ['keys of another fleet', fleet, { keys: strange }],
    ['an entitlement that nobody gave', fleet, { keys: selfMade }],
    ['keys that are none', fleet, { keys: '' }],
  ]
  for (const [what, wanted, change] of cases) {
    await assert.rejects(
      writeTicket(draft, wanted, { ...ticket, ...change }),
      (thrown: unknown) => thrown instanceof SlurpError && thrown.code === 'INTEGRITY_FAILED',
      what,
    )
  }
  assert.equal(existsSync(join(draft, 'identity.key')), true)
})

test('a directory without a record is of no fleet', async t => {
  const { work } = await newFleet(t)
  assert.throws(
    () => fleetIn(work),
    (thrown: unknown) => thrown instanceof SlurpError && thrown.code === 'DATA_MISSING',
  )
})
