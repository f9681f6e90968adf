// Goal: a fleet of a release that kept keyring.age goes on with the same role keys, and none of them is left whole on a disk;
// an interrupted migration is brought to its end. Method: a fleet as that release made it, by the same parts; a migration
// that is stopped by an obstacle half-way.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { ContextKey, RoleName } from '../../base/ids.ts'
import { createAuthority } from '../../crypto/authority.ts'
import { sha256Hex } from '../../crypto/digest.ts'
import { encodeFleetRecord, signFleetRecord } from '../../crypto/fleet-record.ts'
import { createIdentity } from '../../crypto/identity.ts'
import { createKeyring } from '../../crypto/keyring.ts'
import { recipientsOf } from '../../crypto/registry/registry.ts'
import { decodeRegistry } from '../../crypto/registry/registry-codec.ts'
import { newRoleKey } from '../../crypto/roles.ts'
import { initialView } from '../../dht/view.ts'
import { migrateKeys } from '../../node/key-migration.ts'
import { startPeer } from '../../node/process.ts'
import { quietAudit, until } from './fleets.ts'

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
  return { dir, fleet, roles }
}

const start = (dir: string, bootstrap: readonly string[] = []) =>
  startPeer({ dir, bootstrap, version: '0.0.0', log: silent, audit: quietAudit })

async function whole({ dir, fleet, roles }: Awaited<ReturnType<typeof formerFleet>>) {
  for (const name of names) {
    assert.deepEqual(readdirSync(join(dir, name)).sort(), [
      'fleet.json',
      'identity.key',
      'keys.registry',
      'peer.json',
      'shares',
    ])
    assert.equal(readdirSync(join(dir, name, 'shares')).length, 3)
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
      [['@fleet', 'architect', 'tester'], ['@fleet', 'tester'], []],
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
  const obstacle = join(former.dir, 'p2', 'shares')
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
