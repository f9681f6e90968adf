// Goal: `createFleet` leaves a whole fleet or none. Method: look at everything it wrote with the loaders that a peer
// uses, then at taken directories, plans that cannot be, and a failure half-way.
import assert from 'node:assert/strict'
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { test } from 'node:test'
import type { RoleName } from '../../base/ids.ts'
import { loadAuthority } from '../../crypto/authority.ts'
import { createFleet, type FleetPlan } from '../../crypto/fleet-creation.ts'
import { verifyFleetRecord } from '../../crypto/fleet-record.ts'
import { decodeGrantFile } from '../../crypto/grants/chain-text.ts'
import { openGrantChain } from '../../crypto/grants/grant-chain.ts'
import { loadIdentity } from '../../crypto/identity.ts'
import { entitledTo, recipientsOf } from '../../crypto/registry/registry.ts'
import { decodeRegistry } from '../../crypto/registry/registry-codec.ts'
import { defaultRoles } from '../../crypto/roles.ts'
import { signingKeyOn } from '../keys/stolen.ts'
import { directoryFor, refusedAs } from './fixtures.ts'

const planFor = (dir: string): FleetPlan => ({
  dir,
  memberNames: ['p1', 'p2', 'p3'],
  replicas: 3,
  rolesOf: name => (name === 'p1' ? defaultRoles : name === 'p2' ? ['tester'] : []),
})

test('every peer gets its identity, the signed record and the keys of its roles', async context => {
  const dir = join(await directoryFor(context), 'new', 'fleet')
  const { fleet, members, record } = await createFleet(planFor(dir))
  assert.deepEqual((await readdir(dir)).sort(), ['authority', 'p1', 'p2', 'p3'])
  assert.equal((await loadAuthority(join(dir, 'authority', 'authority.key'))).fleet, fleet)
  const registries = new Set<string>()
  for (const member of members) {
    assert.equal(member.dir, join(dir, member.name))
    const isBlind = member.name === 'p3'
    assert.deepEqual((await readdir(member.dir)).sort(), [
      'fleet.json',
      'grant.json',
      'identity.key',
      'keys.registry',
      'shares',
    ])
    const shares = await readdir(join(member.dir, 'shares'))
    assert.equal(shares.length, 2 + defaultRoles.length)
    const sealed = shares.map(share => join('shares', share))
    for (const file of ['grant.json', 'identity.key', ...sealed]) {
      assert.equal((await stat(join(member.dir, file))).mode & 0o777, 0o600)
    }
    assert.equal((await stat(member.dir)).mode & 0o777, 0o700)
    const identity = await loadIdentity(join(member.dir, 'identity.key'))
    assert.equal(identity.peerId, member.id)
    const read = verifyFleetRecord(await readFile(join(member.dir, 'fleet.json')), fleet)
    assert.deepEqual(read.view, record.view)
    assert.deepEqual(
      read.view.members.map(({ id, name }) => ({ id, name })),
      members.map(({ id, name }) => ({ id, name })),
    )
    const shown = decodeGrantFile(await readFile(join(member.dir, 'grant.json')))
    const { grant, delegate } = await openGrantChain(shown, record.authorityPublicKey)
    assert.equal(grant.subject, member.id)
    assert.deepEqual(grant.limits.roles, isBlind ? [] : 'any')
    const key = await signingKeyOn(
      members.map(each => each.dir),
      fleet,
    )
    assert.equal(Buffer.from(key.publicKey).toString('hex'), delegate.publicKey)
    const bytes = await readFile(join(member.dir, 'keys.registry'))
    registries.add(bytes.toString('hex'))
    const registry = decodeRegistry(bytes, fleet)
    assert.deepEqual(recipientsOf(registry), read.roles)
    const roles = planFor(dir).rolesOf(member.name)
    assert.deepEqual(
      entitledTo(registry, member.id),
      roles.length === 0 ? [] : ['@fleet', '@signing', ...roles],
    )
  }
  assert.equal(registries.size, 1)
  assert.deepEqual(
    record.roles.map(role => role.name),
    defaultRoles,
  )
  assert.equal(record.view.partitions.length, 256)
  assert.ok(record.view.partitions.every(partition => partition.owners.length === 3))
})

test('an empty directory is filled; one with anything in it is left as it is', async context => {
  const parent = await directoryFor(context)
  const dir = join(parent, 'fleet')
  await mkdir(dir)
  const { fleet } = await createFleet(planFor(dir))
  await assert.rejects(createFleet(planFor(dir)), refusedAs('DIRECTORY_TAKEN'))
  assert.equal((await loadAuthority(join(dir, 'authority', 'authority.key'))).fleet, fleet)
  const foreign = join(parent, 'foreign')
  await mkdir(foreign)
  await writeFile(join(foreign, 'notes.txt'), 'mine')
  await assert.rejects(createFleet(planFor(foreign)), refusedAs('DIRECTORY_TAKEN'))
  assert.deepEqual(await readdir(foreign), ['notes.txt'])
  await assert.rejects(createFleet(planFor(join(foreign, 'notes.txt'))), refusedAs('DIRECTORY_TAKEN'))
  assert.deepEqual((await readdir(parent)).sort(), ['fleet', 'foreign'])
})

test('of two at once, one makes the fleet', async context => {
  const dir = join(await directoryFor(context), 'fleet')
  const outcomes = await Promise.allSettled([createFleet(planFor(dir)), createFleet(planFor(dir))])
  const made = outcomes.filter(outcome => outcome.status === 'fulfilled')
  assert.equal(made.length, 1)
  const lost = outcomes.find(outcome => outcome.status === 'rejected')!
  assert.ok(refusedAs('DIRECTORY_TAKEN')(lost.reason))
  assert.equal((await loadAuthority(join(dir, 'authority', 'authority.key'))).fleet, made[0]!.value.fleet)
  assert.deepEqual(await readdir(dirname(dir)), [basename(dir)])
})

test('a failure half-way leaves nothing behind', async context => {
  const parent = await directoryFor(context)
  let asked = 0
  const plan = {
    ...planFor(join(parent, 'fleet')),
    rolesOf: () => {
      // The plan is checked first, once for every member.
      if (++asked > 4) throw new Error('pulled the plug')
      return defaultRoles
    },
  }
  await assert.rejects(createFleet(plan), /pulled the plug/)
  assert.deepEqual(await readdir(parent), [])
})

test('plans that cannot be are refused before anything is written', async context => {
  const parent = await directoryFor(context)
  const plan = planFor(join(parent, 'fleet'))
  const wrong: Partial<FleetPlan>[] = [
    { memberNames: [] },
    { memberNames: ['p1', 'p1'] },
    { memberNames: ['../p1'] },
    { memberNames: ['authority'] },
    { replicas: 0 },
    { replicas: 4 },
    { roles: [] },
    { roles: ['tester', 'tester'] },
    { roles: ['Not A Role'] },
    { roles: ['reader'] },
    { rolesOf: () => ['tester' as RoleName] },
  ]
  for (const lie of wrong)
    await assert.rejects(createFleet({ ...plan, ...lie }), refusedAs('USAGE'), JSON.stringify(lie))
  assert.deepEqual(await readdir(parent), [])
})

test('where all peers are blind an agent grants, and no peer has the key for that', async context => {
  const parent = await directoryFor(context)
  const { granter, record } = await createFleet({ ...planFor(join(parent, 'fleet')), rolesOf: () => [] })
  const chainIn = async (dir: string) =>
    openGrantChain(decodeGrantFile(await readFile(join(dir, 'grant.json'))), record.authorityPublicKey)
  const ofMember = await chainIn(join(parent, 'fleet', 'p1'))
  const ofGranter = await chainIn(granter!.dir)
  assert.deepEqual(ofMember.delegate.subjectKinds, ['peer'])
  assert.deepEqual(ofMember.delegate.limits.roles, [])
  assert.deepEqual(ofGranter.delegate.subjectKinds, ['agent'])
  assert.equal(ofGranter.grant.subject, granter!.id)
  assert.ok(ofGranter.grant.limits.operations.includes('admin:grants'))
  const registry = decodeRegistry(
    await readFile(join(parent, 'fleet', 'p1', 'keys.registry')),
    record.view.fleet,
  )
  // What signs memberships is shared, and is not the key that vouches for roles.
  assert.ok(registry.secrets.every(({ name }) => name !== '@signing'))
  for (const { id } of record.view.members) assert.deepEqual(entitledTo(registry, id), ['@members'])
  assert.deepEqual(
    (await readdir(join(parent, 'fleet', 'p1'))).filter(name => name.endsWith('.age')),
    [],
  )
})
