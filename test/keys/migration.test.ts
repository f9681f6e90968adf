// Goal: a fleet of a release that kept keyring.age goes on with the same role keys, and none of them is left whole on a disk;
// a fleet without grants gets them, and reads what it had written; an interrupted migration is brought to its end. Method:
// fleets as those releases made them, by the same parts, with contexts on most of the disks; a migration that is stopped by
// an obstacle half-way.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { privateKeyToProtobuf } from '@libp2p/crypto/keys'
import { bootTag, hlcFrom } from '../../base/hlc.ts'
import { type Ballot, type ContextKey, noHlc, type RoleName } from '../../base/ids.ts'
import { createAuthority, loadAuthority } from '../../crypto/authority.ts'
import { contextKeyOf } from '../../crypto/context-key.ts'
import { sha256Hex } from '../../crypto/digest.ts'
import { createFleet } from '../../crypto/fleet-creation.ts'
import { encodeFleetRecord, signFleetRecord } from '../../crypto/fleet-record.ts'
import { clockTagOf, createIdentity, loadIdentity } from '../../crypto/identity.ts'
import { createKeyring } from '../../crypto/keyring.ts'
import { recipientsOf } from '../../crypto/registry/registry.ts'
import { decodeRegistry, encodeRegistry } from '../../crypto/registry/registry-codec.ts'
import { entitle } from '../../crypto/registry/statements.ts'
import { newRoleKey } from '../../crypto/roles.ts'
import { sealTo } from '../../crypto/sealing.ts'
import { dropShare, readShares } from '../../crypto/shares/share-directory.ts'
import { initialView } from '../../dht/view.ts'
import { openLevelDisk } from '../../node/adapters/level-disk/open-level-disk.ts'
import { encodeChange } from '../../node/driver/codec/records.ts'
import { migrateKeys } from '../../node/key-migration.ts'
import { startPeer } from '../../node/process.ts'
import { canonicalOf, parseAddress } from '../../node/store/address.ts'
import { sealedText } from '../../node/store/sealed-text.ts'
import type { Change } from '../../replication/records.ts'
import { formerEnvelope } from '../crypto/former-envelope.ts'
import { quietAudit, until } from './fleets.ts'
import { secretsOn, signingKeyOn } from './stolen.ts'

const names = ['p1', 'p2', 'p3']
const silent = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
}

/** As `slurp init` of that release left it: p3 is blind. */
async function formerFleet(t: TestContext) {
  const dir = mkdtempSync(join(tmpdir(), 'slurp-former-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  mkdirSync(join(dir, 'authority'))
  const authority = await createAuthority(join(dir, 'authority', 'authority.key'))
  for (const name of names) mkdirSync(join(dir, name))
  const identities = await Promise.all(names.map(name => createIdentity(join(dir, name, 'identity.key'))))
  const members = names.map((name, place) => ({ id: identities[place]!.peerId, name, weight: 1, zone: name }))
  const hash = (text: string) => sha256Hex(text) as string as ContextKey
  const { fleet } = authority
  const view = initialView({ fleet, members, replicas: 3, partitionCount: 16, hash })
  const roleKeys = ['architect', 'tester'].map(name => newRoleKey(name as RoleName))
  const roles = roleKeys.map(({ name, keyVersion, identity }) => ({
    name,
    keyVersion,
    recipient: identity.recipient.text,
  }))
  const record = signFleetRecord(authority, { view, roles })
  const fleetSecret = new Uint8Array(randomBytes(32))
  for (const [place, name] of names.entries()) {
    const isBlind = name === 'p3'
    writeFileSync(join(dir, name, 'fleet.json'), encodeFleetRecord(record))
    writeFileSync(join(dir, name, 'peer.json'), JSON.stringify({ format: 1, name }))
    await createKeyring(join(dir, name, 'keyring.age'), identities[place]!, {
      fleet,
      fleetSecret: isBlind ? null : fleetSecret,
      roleKeys: isBlind ? [] : name === 'p1' ? roleKeys : roleKeys.slice(1),
    })
  }
  return { dir, fleet, roles, fleetSecret, author: identities[0]! }
}

type Former = Awaited<ReturnType<typeof formerFleet>>

/** As a door would pass it on. */
const newOrder = {
  subject: 'ci',
  kind: 'agent',
  operations: ['read'],
  roles: ['tester'],
  projects: 'any',
  paths: 'any',
  networks: 'any',
  hours: 'any',
  ttlSeconds: 60,
  bearer: false,
  dryRun: false,
} as const

const address = 'ucxl://any:any@shop:any/*^/src/index.ts'

/** A context that p1 wrote in the release before grants, on the disks of p1 and p2: most of three replicas. */
async function writeFormerly(
  { dir, fleet, roles, fleetSecret, author }: Former,
  atMs: number,
): Promise<void> {
  const place = canonicalOf(parseAddress(address))
  const key = contextKeyOf(fleetSecret, place)
  const version = hlcFrom(atMs, 0, bootTag(clockTagOf(author.peerId), 1))
  const plaintext = Buffer.from(sealedText(place, JSON.stringify({ title: 'from before' })))
  const { data, hash } = await formerEnvelope({ fleet, key, version, author, roles, plaintext })
  const record = { version, parent: null, kind: 'live', hash, expiresAtMs: 0, data } as const
  const value = { ...record, data: null, recentOps: [], opsFloor: noHlc }
  const accepted = `${version}00000001` as Ballot
  for (const name of ['p1', 'p2']) {
    const opened = await openLevelDisk({ dir: join(dir, name, 'data'), expectExisting: false })
    const changes: Change[] = [
      { kind: 'version', key, record },
      { kind: 'head', key, head: { accepted, value } },
    ]
    await new Promise<void>((resolve, reject) =>
      opened.disk.write(changes.map(encodeChange), failure => (failure ? reject(failure) : resolve())),
    )
    await opened.close()
  }
}

const start = (dir: string, bootstrap: readonly string[] = []) =>
  startPeer({ dir, bootstrap, version: '0.0.0', log: silent, audit: quietAudit })

async function whole({ dir, fleet, roles }: Former, alsoThere: readonly string[] = []) {
  for (const name of names) {
    const files = readdirSync(join(dir, name)).filter(each => !alsoThere.includes(each))
    assert.deepEqual(files.sort(), [
      'fleet.json',
      'grant.json',
      'identity.key',
      'keys.registry',
      'peer.json',
      'shares',
    ])
    assert.equal(readdirSync(join(dir, name, 'shares')).length, 4)
    assert.deepEqual(
      recipientsOf(decodeRegistry(readFileSync(join(dir, name, 'keys.registry')), fleet)),
      roles,
    )
  }
  assert.deepEqual(readdirSync(dir).sort(), ['authority', ...names])
  const first = await start(join(dir, 'p1'))
  const others = await Promise.all(names.slice(1).map(name => start(join(dir, name), first.addresses())))
  try {
    for (const peer of [first, ...others])
      await until('all keys are there', () => peer.keys.status().reason === null)
    assert.deepEqual(
      [first, ...others].map(peer => peer.keys.status().keys.map(({ name }) => name)),
      [['@fleet', '@signing', 'architect', 'tester'], ['@fleet', '@signing', 'tester'], []],
    )
  } finally {
    await Promise.all([first, ...others].map(peer => peer.stop(200)))
  }
}

test('whole keys are dealt in shares, and their files are gone', async t => {
  const former = await formerFleet(t)
  await assert.rejects(start(join(former.dir, 'p1')), { code: 'CONFIG_INVALID' })
  assert.deepEqual(await migrateKeys(former.dir), { migrated: names })
  await whole(former)
  assert.deepEqual(await migrateKeys(former.dir), { migrated: [] })
})

test('interrupted half-way it refuses to start anything, and is brought to its end', async t => {
  const former = await formerFleet(t)
  const obstacle = join(former.dir, 'p2', 'keys.registry')
  mkdirSync(obstacle)
  writeFileSync(join(obstacle, 'in the way'), '')
  await assert.rejects(migrateKeys(former.dir))
  assert.equal(existsSync(join(former.dir, 'p1', 'keyring.age')), false)
  assert.equal(existsSync(join(former.dir, 'p2', 'keyring.age')), true)
  await assert.rejects(start(join(former.dir, 'p2')), { code: 'CONFIG_INVALID' })
  rmSync(obstacle, { recursive: true })
  assert.deepEqual(await migrateKeys(former.dir), { migrated: names })
  await whole(former)
})

test('without the directory of a member, or the authority, nothing is changed', async t => {
  const former = await formerFleet(t)
  const keyrings = () => names.filter(name => existsSync(join(former.dir, name, 'keyring.age')))
  rmSync(join(former.dir, 'p3'), { recursive: true })
  await assert.rejects(migrateKeys(former.dir), { code: 'CONFIG_INVALID' })
  assert.deepEqual(keyrings(), ['p1', 'p2'])
  rmSync(join(former.dir, 'authority'), { recursive: true })
  await assert.rejects(migrateKeys(former.dir), { code: 'DATA_MISSING' })
  assert.deepEqual(keyrings(), ['p1', 'p2'])
})

test('what was written before grants is read, repaired and replaced', async t => {
  const former = await formerFleet(t)
  // Its writer's clock was ahead.
  await writeFormerly(former, Date.now() + 5_000)
  assert.deepEqual(await migrateKeys(former.dir), { migrated: names })
  const first = await start(join(former.dir, 'p1'))
  const others = await Promise.all(
    names.slice(1).map(name => start(join(former.dir, name), first.addresses())),
  )
  const [second, third] = others as [typeof first, typeof first]
  try {
    for (const peer of [first, second])
      await until('all keys are there', () => peer.keys.status().reason === null)
    const found = await second.store.retrieveContext(address, { role: 'tester' })
    assert.equal(found.context.title, 'from before')
    // The third had missed it, and takes it from the others.
    const lags = () => third.status().members.flatMap(({ lag }) => lag ?? [])
    await until(
      () => `every replica is equal: ${JSON.stringify({ lags: lags(), leader: third.status().leader })}`,
      () =>
        lags().length > 0 &&
        lags().every(({ compared, shared, equal }) => compared === shared && equal === shared),
    )
    const { parent } = await second.store.storeContext(address, { title: 'anew' }, { roles: ['tester'] })
    assert.equal(parent, found.version)
    const { versions } = await second.store.contextHistory(address)
    assert.equal(versions.length, 2)
  } finally {
    await Promise.all([first, ...others].map(peer => peer.stop(200)))
  }
})

/** A fleet of this release, put back to where the one before it was: its signing key is whole on peers with roles. */
async function withWholeSigningKey(t: TestContext): Promise<{ dir: string; secret: Uint8Array }> {
  const work = mkdtempSync(join(tmpdir(), 'slurp-signing-'))
  t.after(() => rmSync(work, { recursive: true, force: true }))
  const dir = join(work, 'fleet')
  const dirs = names.map(name => join(dir, name))
  const rolesOf = (name: string) => (name === 'p3' ? [] : ['tester'])
  const { fleet } = await createFleet({ dir, memberNames: names, roles: ['tester'], replicas: 3, rolesOf })
  const authority = await loadAuthority(join(dir, 'authority', 'authority.key'))
  const key = await signingKeyOn(dirs, fleet)
  for (const [place, name] of names.entries()) {
    const at = (file: string) => join(dirs[place]!, file)
    writeFileSync(at('peer.json'), JSON.stringify({ format: 1, name }))
    const registry = decodeRegistry(readFileSync(at('keys.registry')), fleet)
    const rest = registry.entitlements.map(({ peer, names: all }) =>
      entitle(
        fleet,
        peer,
        all.filter(each => each !== '@signing'),
        authority,
      ),
    )
    const secrets = registry.secrets.filter(each => each.name !== '@signing')
    writeFileSync(at('keys.registry'), encodeRegistry({ ...registry, secrets, entitlements: rest }))
    const { shares } = await readShares(at('shares'))
    for (const { record } of shares)
      if (record.set.secret === '@signing') await dropShare(at('shares'), record)
    const { ageRecipient } = await loadIdentity(at('identity.key'))
    const whole = await sealTo([ageRecipient], privateKeyToProtobuf(key.privateKey))
    if (name !== 'p3') writeFileSync(at('delegate.age'), whole, { mode: 0o600 })
  }
  return { dir, secret: key.seed() }
}

test('a signing key that was whole on peers with roles is shared, signs on, and its files are gone', async t => {
  const { dir, secret } = await withWholeSigningKey(t)
  await assert.rejects(start(join(dir, 'p1')), { code: 'CONFIG_INVALID' })
  const authority = readFileSync(join(dir, 'authority', 'authority.key'))
  rmSync(join(dir, 'authority', 'authority.key'))
  await assert.rejects(migrateKeys(dir), { code: 'DATA_MISSING' })
  assert.ok(existsSync(join(dir, 'p2', 'delegate.age')), 'nothing changed')
  const elsewhere = join(dir, '..', 'authority.key')
  writeFileSync(elsewhere, authority, { mode: 0o600 })
  const source = { authority: elsewhere, shares: [] }
  assert.deepEqual(await migrateKeys(dir, undefined, source), { migrated: names })
  for (const name of names) assert.ok(!existsSync(join(dir, name, 'delegate.age')))
  const first = await start(join(dir, 'p1'))
  const others = await Promise.all(names.slice(1).map(name => start(join(dir, name), first.addresses())))
  try {
    for (const peer of [first, ...others])
      await until('all keys are there', () => peer.keys.status().reason === null)
    assert.deepEqual(
      await secretsOn([join(dir, 'p2'), join(dir, 'p3')], first.fleet).then(all => all.get('@signing')),
      secret,
    )
    const { grant } = await first.grants.create(first.rights.self, newOrder)
    assert.equal(grant.state, 'valid')
    const none = { ...newOrder, roles: [] }
    await assert.rejects(others[1]!.grants.create(others[1]!.rights.self, none), { code: 'SEALED' })
  } finally {
    await Promise.all([first, ...others].map(peer => peer.stop(200)))
  }
})

test('a fleet with shares and no grants is refused, and granted what its members could do', async t => {
  const { dir } = await withWholeSigningKey(t)
  for (const name of names) {
    for (const file of ['grant.json', 'delegate.age']) rmSync(join(dir, name, file), { force: true })
  }
  await assert.rejects(start(join(dir, 'p1')), { code: 'CONFIG_INVALID' })
  assert.deepEqual(await migrateKeys(dir), { migrated: names })
  const first = await start(join(dir, 'p1'))
  const others = await Promise.all(names.slice(1).map(name => start(join(dir, name), first.addresses())))
  try {
    await until('all keys are there', () => first.keys.status().state === 'open')
    assert.equal((await first.store.storeContext(address, { title: 'now' })).parent, null)
    assert.equal(others[1]!.keys.status().state, 'blind')
  } finally {
    await Promise.all([first, ...others].map(peer => peer.stop(200)))
  }
})
