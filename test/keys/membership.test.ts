// Goal: shares follow the members, nobody gets what it is not entitled to, and a holder that lies is named and passed
// over. Method: real fleets of this process; a peer that joins and one that leaves by the doors of FleetControl; questions
// of the protocol as a member could ask them by hand.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, type TestContext, test } from 'node:test'
import type { PeerId } from '../../base/ids.ts'
import { type Identity, loadIdentity } from '../../crypto/identity.ts'
import { entitledTo, type Registry } from '../../crypto/registry/registry.ts'
import { decodeRegistry } from '../../crypto/registry/registry-codec.ts'
import { askForShares } from '../../crypto/shares/release.ts'
import { keepShare, readShares } from '../../crypto/shares/share-directory.ts'
import { entitlementRule } from '../../node/keys/release-rule.ts'
import { noShareAudit } from '../../node/keys/share-audit.ts'
import { ShareHolder } from '../../node/keys/share-holder.ts'
import { CryptoMeter } from '../../node/monitoring/crypto-meter.ts'
import type { Log } from '../../node/running-peer.ts'
import { KeyFleet, until } from './fleets.ts'

const address = 'ucxl://any:any@tests:any/*^/place-1'
const silent: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
}
let fleet: KeyFleet

before(async () => {
  fleet = await KeyFleet.make({
    peers: 3,
    rolesOf: name => (name === 'p1' ? ['architect', 'tester'] : name === 'p2' ? ['tester'] : []),
  })
  await fleet.start()
  await fleet.ready()
  await fleet.peer('p1').store.storeContext(address, { title: 'kept' })
})
after(() => fleet.close())

const identityIn = (name: string): Promise<Identity> => loadIdentity(join(fleet.dir, name, 'identity.key'))
const registryIn = (name: string): Registry =>
  decodeRegistry(readFileSync(join(fleet.dir, name, 'keys.registry')), fleet.peer('p1').fleet)

/** The holder's part of a peer, on a copy of its directory. */
async function holderOf(name: string): Promise<ShareHolder> {
  const dir = fleet.stolen(name)
  const registry = () => registryIn(name)
  const isMember = (peer: PeerId) =>
    fleet
      .peer('p1')
      .ring()
      .members.some(({ id }) => id === peer)
  const { shares } = await readShares(join(dir, 'shares'))
  const self = await loadIdentity(join(dir, 'identity.key'))
  const rule = entitlementRule(registry, isMember, () => true)
  const meter = new CryptoMeter()
  return new ShareHolder({
    dir: join(dir, 'shares'),
    self,
    registry,
    rule,
    shares,
    audit: noShareAudit,
    log: silent,
    meter,
  })
}

test('a peer has the keys of its roles and no others', async () => {
  assert.deepEqual(
    ['p1', 'p2', 'p3'].map(name =>
      fleet
        .peer(name)
        .keys.status()
        .keys.map(key => key.name),
    ),
    [['@fleet', '@signing', 'architect', 'tester'], ['@fleet', '@signing', 'tester'], []],
  )
  await assert.rejects(fleet.peer('p2').store.retrieveContext(address, { role: 'architect' }), {
    code: 'ROLE_DENIED',
  })
})

test('a holder releases to who is entitled, once for each request, and to nobody else', async () => {
  const holder = await holderOf('p1')
  const { secrets } = registryIn('p1')
  const { set } = secrets.find(({ name }) => name === 'architect')!
  const ask = async (name: string) =>
    askForShares(set, await identityIn(name), new Uint8Array(randomBytes(32)))
  const from = async (name: string) => (await identityIn(name)).peerId
  const own = await ask('p1')
  assert.ok((await holder.release(await from('p1'), own)) instanceof Uint8Array)
  assert.match(String(await holder.release(await from('p1'), own)), /answered before/)
  assert.match(String(await holder.release(await from('p2'), await ask('p2'))), /not entitled to architect/)
  assert.match(String(await holder.release(await from('p3'), await ask('p3'))), /not entitled/)
  assert.match(
    String(await holder.release(await from('p2'), await ask('p1'))),
    /another peer than the connection/,
  )
  assert.match(String(await holder.release(await from('p1'), new Uint8Array(225))), /./)
  const foreign = await KeyFleet.make({ peers: 1 })
  try {
    const strange = await loadIdentity(join(foreign.dir, 'p1', 'identity.key'))
    const request = askForShares(set, strange, new Uint8Array(randomBytes(32)))
    assert.match(String(await holder.release(strange.peerId, request)), /no member/)
  } finally {
    await foreign.close()
  }
  assert.equal(holder.counters.sharesReleased, 1)
  assert.equal(holder.counters.sharesDenied, 6)
})

test('a holder whose share is that of another peer is refused, and the key opens without it', async () => {
  await fleet.stop()
  // p3 answers with what was dealt to p2: it cannot even open that.
  const [theirs, own] = ['p2', 'p3'].map(name => join(fleet.dir, name, 'shares')) as [string, string]
  const kept = await Promise.all([theirs, own].map(dir => readShares(dir)))
  const honest = kept[1]!.shares
  for (const name of readdirSync(own)) writeFileSync(join(own, name), readFileSync(join(theirs, name)))
  await fleet.start()
  await fleet.ready()
  assert.equal((await fleet.peer('p1').store.retrieveContext(address)).context.title, 'kept')
  await fleet.stop()
  mkdirSync(join(fleet.work, 'aside'), { recursive: true })
  const { rmSync } = await import('node:fs')
  rmSync(own, { recursive: true })
  for (const share of honest) await keepShare(own, share)
  await fleet.start()
  await fleet.ready()
})

/** What the index of a peer is seen to be, from now on. */
function watchIndex(name: string, t: TestContext): ReadonlySet<string> {
  const seen = new Set<string>()
  const watching = setInterval(() => seen.add(fleet.peer(name).search.lag.phase), 5)
  t.after(() => clearInterval(watching))
  return seen
}

test('who joins is given no key: it is entitled, collects, and gets shares; who leaves loses its part', async t => {
  await until('p1 has its index open', () => fleet.peer('p1').search.lag.phase === 'following')
  const phases = watchIndex('p1', t)
  assert.deepEqual(await fleet.enter('p4'), ['architect', 'tester'])
  assert.deepEqual(readdirSync(join(fleet.dir, 'p4')).sort(), [
    'fleet.json',
    'grant.json',
    'identity.key',
    'joined.view',
    'keys.registry',
    'peer.json',
  ])
  await fleet.start('p4')
  await fleet.opened('p4')
  assert.equal((await fleet.peer('p4').store.retrieveContext(address)).context.title, 'kept')
  // The leader deals anew by itself, and asks p1 for what it cannot open.
  const holders = (name: string) =>
    fleet
      .peer(name)
      .keys.shares()
      .secrets.map(each => each.holders.join(' '))
  for (const name of fleet.names)
    await until(
      `${name} knows the new holders`,
      () => holders(name).every(each => each === 'p1 p2 p3 p4'),
      60_000,
    )
  await until('p4 holds shares', () =>
    fleet
      .peer('p4')
      .keys.shares()
      .secrets.every(each => each.isHeldHere),
  )

  const leaver = (await identityIn('p4')).peerId
  await fleet.peer('p1').control.leave('p4', 'drain')
  await until(
    'p4 is out',
    () =>
      !fleet
        .peer('p1')
        .ring()
        .members.some(({ id }) => id === leaver),
    60_000,
  )
  await fleet.stop('p4')
  await until('its share counts no more', () => holders('p1').every(each => each === 'p1 p2 p3'), 60_000)
  assert.ok(entitledTo(registryIn('p1'), leaver).length > 0, 'what it was entitled to stays on record')
  const { set } = registryIn('p1').secrets.find(({ name }) => name === 'architect')!
  const request = askForShares(set, await identityIn('p4'), new Uint8Array(randomBytes(32)))
  assert.match(String(await (await holderOf('p1')).release(leaver, request)), /no member/)
  assert.ok(!phases.has('opening'), 'the keys are the same, so the index stays open')
})

test('a dealing by who does not have the secret is taken by nobody', async () => {
  const { encodeEntry } = await import('../../crypto/registry/registry-codec.ts')
  const { deal } = await import('../../crypto/shares/deal.ts')
  const { proveDealing } = await import('../../crypto/shares/dealing-proof.ts')
  const holder = await holderOf('p1')
  const [liar, own] = await Promise.all([identityIn('p2'), identityIn('p1')])
  for (const name of ['tester', 'architect']) {
    const entry = registryIn('p1').secrets.find(each => each.name === name)!
    const { fleet: id, secret, keyVersion, setVersion } = entry.set.set
    const made = new Uint8Array(randomBytes(32))
    const { record, shares } = await deal(made, {
      fleet: id,
      secret,
      keyVersion,
      setVersion: setVersion + 1,
      setId: 'ab'.repeat(16),
      holders: [own, liar].map(({ peerId, ageRecipient }) => ({ peer: peerId, recipient: ageRecipient })),
      dealer: liar,
    })
    const offered = { ...entry, set: record, proof: proveDealing(made, record) }
    const answer = await holder.keep(liar.peerId, {
      entry: encodeEntry(offered),
      sealed: shares.get(own.peerId)!,
    })
    assert.match(String(answer), name === 'tester' ? /has not shown/ : /not entitled/)
  }
  assert.equal(holder.counters.sharesKept, 0)
})
