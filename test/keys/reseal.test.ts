// Goal: after a rotation everything comes to be sealed to the new key, nobody who reads or writes notices, whoever dies
// meanwhile, and the key of before is gone from every disk in the end. Method: a real fleet in this process, one peer of
// which is blind; what is on the disks is looked at.
import assert from 'node:assert/strict'
import { cpSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { createMetrics } from '../../node/monitoring/metrics.ts'
import { keyContexts } from '../../node/role-key-ages.ts'
import { KeyFleet, until } from './fleets.ts'

const roles = ['architect', 'tester']
const place = (name: string): string => `ucxl://any:any@reseal:rotation/*^/${name}`
const readers = ['p1', 'p2', 'p3']
const contexts = 24
/** Whoever shares the machine must not decide over the outcome. */
const timeoutMs = 30_000
let fleet: KeyFleet

before(async () => {
  fleet = await KeyFleet.make({ peers: 4, blind: ['p4'], roles, keyCutOffMs: 1_000 })
  await fleet.start()
  await fleet.ready()
})

after(() => fleet.close())

const storeOf = (peer: string) => fleet.peer(peer).store
const keysOf = (peer: string, role = 'architect') =>
  fleet
    .peer(peer)
    .keys.roles()
    .roles.find(({ name }) => name === role)!.keys
const stateOf = (peer: string, keyVersion: number, role?: string) =>
  keysOf(peer, role).find(key => key.keyVersion === keyVersion)?.state
const versionAt = async (peer: string, name: string) =>
  (await storeOf(peer).retrieveContext(place(name), { timeoutMs })).roles[0]!.keyVersion
const sharesOf = (peer: string, keyVersion: number, role = 'architect') =>
  readdirSync(join(fleet.dir, peer, 'shares')).filter(name => name.startsWith(`${role}-v${keyVersion}-`))

const allSealedTo = (keyVersion: number, names: readonly string[], patienceMs = 240_000) =>
  until(
    `all is sealed to key version ${keyVersion}; ${JSON.stringify(fleet.peer('p1').keys.roles().reencryption)}`,
    async () => {
      for (const name of names) if ((await versionAt('p1', name)) !== keyVersion) return false
      return true
    },
    patienceMs,
  )

const names = Array.from({ length: contexts }, (_, at) => `context-${at}`)

test('contexts are sealed anew while others are written and read, and stay who they were', async () => {
  for (const [at, name] of names.entries())
    await storeOf(readers[at % 3]!).storeContext(
      place(name),
      { title: name },
      { roles: ['architect'], timeoutMs },
    )
  const before = await Promise.all(
    names.map(name => storeOf('p1').retrieveContext(place(name), { timeoutMs })),
  )
  let isOver = false
  let operations = 0
  const busy = readers.map(async (peer, at) => {
    const own = `busy-${peer}`
    let { version } = await storeOf(peer).storeContext(
      place(own),
      { title: '0' },
      { roles: ['architect'], timeoutMs },
    )
    for (let count = 1; !isOver; count++) {
      // Named is what was written before, whatever became of its seal.
      const ifVersion = version
      version = (
        await storeOf(readers[(at + 1) % 3]!).storeContext(
          place(own),
          { title: `${count}` },
          { roles: ['architect'], ifVersion, timeoutMs },
        )
      ).version
      const read = await storeOf(readers[(at + 2) % 3]!).retrieveContext(place(own), { timeoutMs })
      assert.deepEqual([read.version, read.context.title], [version, `${count}`])
      operations += 1
    }
  })
  const both = Promise.all(busy)
  await fleet.peer('p2').keys.rotate('architect')
  await Promise.race([allSealedTo(2, names), both])
  isOver = true
  await both
  assert.ok(operations > 0)
  for (const [at, name] of names.entries()) {
    const { roles: sealedTo, ...now } = await storeOf('p3').retrieveContext(place(name), { timeoutMs })
    const { roles: _, ...then } = before[at]!
    assert.deepEqual(now, then)
    assert.deepEqual(sealedTo, [{ name: 'architect', keyVersion: 2 }])
    const { versions } = await storeOf('p1').contextHistory(place(name))
    assert.deepEqual(
      versions.map(({ version }) => version),
      [then.version],
    )
  }
  await until('a search finds each once', async () => {
    const { total } = await fleet.peer('p1').search.search({ query: 'context', limit: 100 })
    return total === contexts
  })
})

test('histories stay, and so does the key for them, until somebody lets go of both', async () => {
  for (const title of ['1', '2', '3'])
    await storeOf('p1').storeContext(place('long'), { title }, { roles: ['tester'], timeoutMs })
  await fleet.peer('p1').keys.rotate('tester')
  await until('it is sealed to the new key', async () => (await versionAt('p2', 'long')) === 2, 240_000)
  const { versions } = await storeOf('p2').contextHistory(place('long'))
  assert.equal(versions.length, 3)
  await until(
    'the fleet has counted',
    () => {
      const { reencryption } = fleet.peer('p3').keys.roles()
      return reencryption?.phase === 'done'
    },
    240_000,
  )
  assert.equal(stateOf('p1', 1, 'tester'), 'old')
  await fleet.peer('p3').keys.destroy('tester')
  for (const peer of fleet.names)
    await until(
      `${peer} knows that it is destroyed`,
      () => stateOf(peer, 1, 'tester') === 'destroyed',
      240_000,
    )
  const kept = await storeOf('p2').contextHistory(place('long'))
  assert.equal(kept.versions.length, 1, 'what stands is kept')
  assert.equal((await storeOf('p3').retrieveContext(place('long'))).context.title, '3')
  await until('no peer has a share or the key', () =>
    fleet.names.every(
      peer =>
        sharesOf(peer, 1, 'tester').length === 0 &&
        fleet
          .peer(peer)
          .keys.status()
          .keys.every(key => key.name !== 'tester' || key.keyVersion !== 1),
    ),
  )
})

test('a key that nothing needs goes by itself from every peer', async () => {
  await fleet.peer('p2').keys.rotate('tester')
  for (const peer of fleet.names)
    await until(
      `${peer} knows that it is destroyed`,
      () => stateOf(peer, 2, 'tester') === 'destroyed',
      240_000,
    )
  assert.equal(await versionAt('p3', 'long'), 3)
})

test('a key that is let go of is deleted by a peer that brings its share back', async () => {
  const copy = fleet.stolen('p3')
  await fleet.peer('p2').keys.destroy('architect')
  for (const peer of fleet.names)
    await until(`${peer} knows that it is destroyed`, () => stateOf(peer, 1) === 'destroyed', 240_000)
  await until('no peer has a share', () => fleet.names.every(peer => sharesOf(peer, 1).length === 0))
  const shares = readdirSync(join(copy, 'shares')).filter(name => name.startsWith('architect-v1-'))
  await fleet.stop('p3')
  for (const name of shares) cpSync(join(copy, 'shares', name), join(fleet.dir, 'p3', 'shares', name))
  await fleet.start('p3')
  await fleet.ready()
  await until('p3 has dropped it again', () => sharesOf('p3', 1).length === 0)
  for (const name of names.slice(0, 5)) assert.equal(await versionAt('p3', name), 2)
})

test('who leads dies in the middle, a peer is away, and it is done all the same', async () => {
  await fleet.peer('p1').keys.rotate('architect', 'drop')
  const leaderOf = () => fleet.names.find(name => fleet.running.get(name)?.control.leader().isSelf)
  await until('somebody leads', () => leaderOf() !== undefined)
  await until('it has begun', async () => {
    const sealedTo = await Promise.all(names.map(name => versionAt('p1', name)))
    return sealedTo.includes(3) || leaderOf() !== undefined
  })
  const leader = leaderOf()!
  await fleet.stop(leader)
  const door = readers.find(name => name !== leader)!
  await storeOf(door).storeContext(place('meanwhile'), { title: 'x' }, { roles: ['architect'], timeoutMs })
  await until(
    'another one goes on',
    async () => {
      for (const name of names) {
        const { roles: sealedTo } = await storeOf(door).retrieveContext(place(name), { timeoutMs })
        if (sealedTo[0]!.keyVersion !== 3) return false
      }
      return true
    },
    240_000,
  )
  assert.notEqual(stateOf(door, 2), 'destroyed', 'who is away may have what is sealed to it')
  await fleet.start(leader)
  await fleet.ready()
  for (const peer of fleet.names)
    await until(`${peer} knows that it is destroyed`, () => stateOf(peer, 2) === 'destroyed', 240_000)
  for (const name of names.slice(0, 5))
    assert.equal(await versionAt(leader === 'p4' ? 'p1' : leader, name), 3)
})

test('what is sealed to which key is counted, by key version', async () => {
  const { keys, counters } = fleet.peer('p1')
  const metrics = createMetrics({
    counters,
    indexLag: () => ({ phase: 'blind', changes: 0, seconds: 0 }),
    clocks: () => [],
    ready: () => true,
    requestsInFlight: () => 0,
    startedAtMs: 0,
    keyContexts: () => keyContexts(keys.roles()),
  })
  const text = await metrics.text()
  const counted = /slurp_contexts_of_key\{role="architect",key_version="3",kind="current"\} (\d+)/.exec(text)
  assert.ok(Number(counted?.[1]) > 0, text)
})
