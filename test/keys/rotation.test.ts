// Goal: a role gets a new key while its contexts are read and written, and nobody notices but who looks for the key
// version. Method: a real fleet in this process, one peer of which is blind; rotations at one door, reads at the others.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { createMetrics } from '../../node/monitoring/metrics.ts'
import { roleKeyAges } from '../../node/role-key-ages.ts'
import { KeyFleet, until } from './fleets.ts'

const roles = ['architect', 'tester']
const place = (name: string): string => `ucxl://any:any@keys:rotation/*^/${name}`
const codeOf = (code: string) => (failure: unknown) => (failure as { code?: string }).code === code

let fleet: KeyFleet

before(async () => {
  fleet = await KeyFleet.make({ peers: 4, blind: ['p4'], roles })
  await fleet.start()
  await fleet.ready()
})

after(() => fleet.close())

const keyOf = (peer: string, role: string) =>
  fleet
    .peer(peer)
    .keys.roles()
    .roles.find(({ name }) => name === role)!

const write = (peer: string, name: string, title: string) =>
  fleet.peer(peer).store.storeContext(place(name), { title }, { roles: ['architect'] })

const titleAt = async (peer: string, name: string) =>
  (await fleet.peer(peer).store.retrieveContext(place(name))).context.title

test('what is written after a rotation is read by everybody at once, and so is what was written before', async () => {
  await write('p1', 'before', 'old')
  const done = await fleet.peer('p2').keys.rotate('architect')
  assert.deepEqual([done.name, done.keyVersion, done.before], ['architect', 2, 1])
  const stored = await write('p2', 'after', 'new')
  assert.deepEqual(stored.roles, [{ name: 'architect', keyVersion: 2 }])
  for (const peer of ['p1', 'p3']) {
    assert.equal(await titleAt(peer, 'after'), 'new', `${peer} catches up with the key`)
    assert.equal(await titleAt(peer, 'before'), 'old')
  }
  await assert.rejects(fleet.peer('p4').store.retrieveContext(place('after')), codeOf('SEALED'))
  const { keys, state } = keyOf('p3', 'architect')
  assert.equal(state, 'current')
  assert.deepEqual(
    keys.map(key => [key.keyVersion, key.state, key.isOpenHere]),
    [
      [2, 'current', true],
      [1, 'old', true],
    ],
  )
  assert.equal(keys[0]!.fingerprint, done.fingerprint)
  assert.equal(keyOf('p3', 'tester').keys.length, 1, 'other roles keep theirs')
})

test('readers and a writer see no failure while a role is rotated again and again', async () => {
  let isOver = false
  let operations = 0
  const work = async (writer: string, reader: string) => {
    for (let count = 1; !isOver || count < 3; count++) {
      await write(writer, `busy-${writer}`, `${count}`)
      assert.equal(await titleAt(reader, `busy-${writer}`), `${count}`)
      operations += 1
    }
  }
  const both = Promise.all([work('p1', 'p3'), work('p3', 'p1')])
  for (const door of ['p2', 'p1']) await fleet.peer(door).keys.rotate('architect')
  await write('p1', 'last', 'last')
  isOver = true
  await both
  assert.ok(operations >= 4)
  assert.equal(keyOf('p1', 'architect').keys[0]!.keyVersion, 4)
  assert.equal(await titleAt('p2', 'last'), 'last')
})

test('two rotations at once end in one chain of keys, that all agree on', async () => {
  const outcomes = await Promise.allSettled(['p1', 'p2'].map(name => fleet.peer(name).keys.rotate('tester')))
  const done = outcomes.filter(({ status }) => status === 'fulfilled')
  assert.ok(done.length >= 1)
  for (const each of outcomes)
    if (each.status === 'rejected') assert.ok(codeOf('VERSION_CONFLICT')(each.reason), String(each.reason))
  const chainOf = (peer: string) => keyOf(peer, 'tester').keys.map(key => key.fingerprint)
  assert.equal(chainOf('p1').length, 1 + done.length)
  for (const peer of ['p2', 'p3', 'p4'])
    await until(`${peer} knows the chain`, () => chainOf(peer).join() === chainOf('p1').join())
})

test('who cannot open a role cannot rotate it, and without all holders nothing changes', async () => {
  await assert.rejects(fleet.peer('p4').keys.rotate('architect'), codeOf('SEALED'))
  await assert.rejects(fleet.peer('p1').keys.rotate('nobody'), codeOf('ROLE_UNKNOWN'))
  const before = keyOf('p1', 'architect').keys[0]!.keyVersion
  await fleet.stop('p4')
  await assert.rejects(fleet.peer('p1').keys.rotate('architect'), codeOf('QUORUM_UNREACHED'))
  assert.equal(keyOf('p1', 'architect').keys[0]!.keyVersion, before)
  await fleet.start('p4')
  await fleet.ready()
  await write('p1', 'still', 'the key of before')
  assert.equal(await titleAt('p3', 'still'), 'the key of before')
})

test('work with keys is counted and timed, and every key version has an age', async () => {
  const { keys, cryptoMeter, counters } = fleet.peer('p1')
  const metrics = createMetrics({
    counters,
    indexLag: () => ({ phase: 'blind', changes: 0, seconds: 0 }),
    clocks: () => [],
    ready: () => true,
    requestsInFlight: () => 0,
    startedAtMs: 0,
    crypto: cryptoMeter,
    roleKeys: () => roleKeyAges(keys.roles(), Date.now()),
  })
  const text = await metrics.text()
  for (const operation of ['seal', 'open', 'release', 'collect', 'rotate']) {
    const counted = new RegExp(
      `slurp_crypto_duration_seconds_count\\{operation="${operation}",outcome="done"\\} (\\d+)`,
    )
    assert.ok(Number(counted.exec(text)?.[1] ?? 0) > 0, `${operation} in ${text}`)
  }
  assert.match(text, /slurp_crypto_duration_seconds_count\{operation="rotate",outcome="refused"\} [1-3]/)
  const ages = [...text.matchAll(/slurp_role_key_age_seconds\{role="architect",key_version="(\d)"/g)]
  assert.deepEqual(ages.map(([, keyVersion]) => keyVersion).sort(), ['1', '2', '3', '4'])
})

test('after a restart of all every key version is there again', async () => {
  await fleet.stop()
  await fleet.start()
  await fleet.ready()
  for (const peer of ['p1', 'p2', 'p3']) {
    assert.equal(await titleAt(peer, 'before'), 'old')
    assert.equal(await titleAt(peer, 'last'), 'last')
  }
})

test('a role that is retired is sealed to no more, and read as before', async () => {
  // Keys of before that are to go do not keep the role in use.
  await fleet.peer('p1').keys.destroy('architect')
  const { roles: left } = await fleet.peer('p1').keys.retire('architect')
  assert.equal(left.find(({ name }) => name === 'architect')!.state, 'retired')
  await assert.rejects(write('p1', 'too-late', 'x'), codeOf('ROLE_UNKNOWN'))
  await assert.rejects(fleet.peer('p1').keys.rotate('architect'), codeOf('ROLE_UNKNOWN'))
  assert.equal(await titleAt('p3', 'last'), 'last')
  const { roles: sealedTo } = await fleet.peer('p1').store.storeContext(place('of-all'), { title: 'x' })
  assert.deepEqual(
    sealedTo.map(({ name }) => name),
    ['tester'],
  )
})
