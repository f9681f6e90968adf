// Goal: nobody keeps a whole key, and whoever may have one gets it while enough holders are up, and nobody else. Method:
// real fleets of this process, peers stopped and started, disks copied away, and peers that lie.
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { SlurpError } from '../../base/errors.ts'
import { decodeRegistry } from '../../crypto/registry/registry-codec.ts'
import { X25519Identity } from '../../crypto/x25519.ts'
import { KeyFleet, until } from './fleets.ts'
import { secretsOn as stolenSecrets } from './stolen.ts'

const address = 'ucxl://any:any@tests:any/*^/place-1'
const isSealed = (failure: unknown) =>
  failure instanceof SlurpError && failure.code === 'SEALED' && failure.exitCode === 9
let fleet: KeyFleet

before(async () => {
  fleet = await KeyFleet.make({ peers: 5, blind: ['p5'] })
  await fleet.start()
  await fleet.ready()
  await fleet.peer('p1').store.storeContext(address, { title: 'kept' })
})
after(() => fleet.close())

const secretsOn = (dirs: readonly string[]) => stolenSecrets(dirs, fleet.peer('p1').fleet)

test('k - 1 stolen disks open nothing, k open everything', async () => {
  const stolen = ['p1', 'p2', 'p5'].map(name => fleet.stolen(name))
  for (const two of [stolen.slice(0, 2), stolen.slice(1)]) assert.deepEqual([...(await secretsOn(two))], [])
  const all = await secretsOn(stolen)
  assert.deepEqual([...all.keys()], ['@fleet', '@signing', 'architect', 'tester'])
  const { fleet: id } = fleet.peer('p1')
  const { secrets } = decodeRegistry(readFileSync(join(stolen[0]!, 'keys.registry')), id)
  for (const { name, recipient } of secrets)
    if (recipient !== null) assert.equal(new X25519Identity(all.get(name)!).recipient.text, recipient)
})

test('no file of any peer has a whole secret', async () => {
  const all = await secretsOn(['p1', 'p2', 'p3'].map(name => fleet.stolen(name)))
  const needles = [...all.values()].flatMap(secret => [
    Buffer.from(secret),
    Buffer.from(Buffer.from(secret).toString('hex')),
    Buffer.from(Buffer.from(secret).toString('base64').slice(0, 40)),
    Buffer.from(new X25519Identity(secret).secretText()),
  ])
  const files = (dir: string): string[] =>
    readdirSync(dir, { withFileTypes: true }).flatMap(entry =>
      entry.isDirectory() ? files(join(dir, entry.name)) : [join(dir, entry.name)],
    )
  const paths = files(fleet.dir)
  assert.ok(paths.length > 40)
  for (const path of paths)
    for (const needle of needles) assert.ok(!existsSync(path) || !readFileSync(path).includes(needle), path)
})

test('blind peers hold shares and get none', async () => {
  const { keys, store } = fleet.peer('p5')
  assert.equal(keys.status().state, 'blind')
  assert.ok(keys.shares().secrets.every(({ isHeldHere }) => isHeldHere))
  assert.deepEqual(
    keys.shares().entitled.map(({ peer }) => peer),
    ['p1', 'p2', 'p3', 'p4'],
  )
  await assert.rejects(store.retrieveContext(address), isSealed)
  await assert.rejects(keys.reshare(true), isSealed)
})

test('a restart of a minority, and of all, needs nobody', async () => {
  await fleet.stop('p1', 'p2')
  await fleet.start('p1', 'p2')
  await fleet.ready()
  await fleet.stop()
  await fleet.start()
  await fleet.ready()
  for (const name of ['p1', 'p2', 'p3', 'p4'])
    assert.equal((await fleet.peer(name).store.retrieveContext(address)).context.title, 'kept')
})

test('with fewer than k holders a peer is live, sealed and says who is missing; it opens when they come', async () => {
  await fleet.stop()
  await fleet.start('p1', 'p2')
  const { keys, store, checks } = fleet.peer('p1')
  await until('p1 and p2 meet', () => keys.status().short === 1)
  const { state, missing, reason } = keys.status()
  assert.deepEqual([state, missing], ['sealed', ['p3', 'p4', 'p5']])
  assert.match(reason ?? '', /1 more holders/)
  await assert.rejects(store.retrieveContext(address), isSealed)
  await assert.rejects(store.storeContext(address, { title: 'new' }), isSealed)
  await assert.rejects(keys.unseal(), isSealed)
  const check = checks().find(({ name }) => name === 'keys')
  assert.equal(check?.ok, false)
  assert.match(check?.detail ?? '', /^sealed: /)
  // The blind one is as good as any.
  await fleet.start('p5')
  await fleet.opened('p1', 'p2')
  await fleet.start('p3', 'p4')
  await fleet.ready()
})

test('a peer that is sealed forgets all, and collects its keys again', async () => {
  const { keys, store } = fleet.peer('p2')
  await store.retrieveContext(address)
  assert.equal(keys.seal().state, 'sealed')
  await assert.rejects(store.retrieveContext(address, { consistency: 'cached' }), isSealed)
  assert.deepEqual(keys.status().keys, [])
  assert.equal(fleet.isOpen('p1'), true)
  assert.equal((await keys.unseal()).state, 'open')
  assert.equal((await store.retrieveContext(address)).context.title, 'kept')
})

test('a reshare makes shares of before useless to others', async () => {
  const before = ['p1', 'p2'].map(name => fleet.stolen(name))
  const { dealt } = await fleet.peer('p1').keys.reshare(true)
  assert.deepEqual(dealt, ['@fleet/1', '@signing/1', 'architect/1', 'tester/1'])
  for (const name of fleet.names) {
    await until(`${name} has dropped its old shares`, () => {
      const { secrets } = fleet.peer(name).keys.shares()
      return (
        secrets.every(({ setVersion, isHeldHere }) => setVersion === 2 && isHeldHere) &&
        readdirSync(join(fleet.dir, name, 'shares')).length === 4
      )
    })
  }
  // Two of before and one of now: no three of one dealing.
  assert.deepEqual([...(await secretsOn([fleet.stolen('p3'), ...before]))], [])
  assert.equal((await secretsOn(['p2', 'p3', 'p4'].map(name => fleet.stolen(name)))).size, 4)
  await fleet.stop()
  await fleet.start()
  await fleet.ready()
  assert.equal((await fleet.peer('p4').store.retrieveContext(address)).context.title, 'kept')
})

test('of a fleet of one the key is sealed to its own', async () => {
  const alone = await KeyFleet.make({ peers: 1 })
  try {
    await alone.start()
    await alone.ready()
    assert.deepEqual(
      alone
        .peer('p1')
        .keys.status()
        .keys.map(({ needed, holders }) => [needed, holders]),
      [
        [1, 1],
        [1, 1],
        [1, 1],
        [1, 1],
      ],
    )
    await alone.peer('p1').store.storeContext(address, { title: 'alone' })
  } finally {
    await alone.close()
  }
})
