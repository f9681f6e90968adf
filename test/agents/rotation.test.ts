// Goal: where no member can open a role, an agent that holds it and may change keys gives it a new key and seals contexts anew,
// while others read and write; nobody else gets anywhere. Method: real peers that are all blind, and agents, in this process.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SlurpError } from '../../base/errors.ts'
import { until } from '../keys/fleets.ts'
import { BlindFleet, keepers } from './blind-fleet.ts'

const at = (path: string) => `ucxl://any:any@shop:any/*^/${path}`
const roles = { roles: ['developer'] }
const refusedAs = (code: string) => (failure: unknown) =>
  failure instanceof SlurpError && failure.code === code

test('an agent rotates a role that no member can open, and seals anew what is there', async t => {
  const fleet = await BlindFleet.start(t)
  const keeper = await fleet.join(await fleet.grant({ operations: keepers }))
  const writer = await fleet.join(await fleet.grant())
  const paths = Array.from({ length: 24 }, (_, place) => `c/${place}`)
  const before = new Map<string, string>()
  for (const path of paths) {
    const { version } = await writer.store.storeContext(at(path), { summary: path }, roles)
    before.set(path, version)
  }
  // Somebody reads and writes all the while; what it wrote last counts.
  let isOver = false
  let last = 0
  const busy = (async () => {
    while (!isOver) {
      last += 1
      await writer.store.storeContext(at('busy'), { summary: `${last}` }, roles)
      const { context } = await writer.store.retrieveContext(at(paths[last % paths.length]!))
      assert.equal(context.summary, paths[last % paths.length])
    }
  })()
  const rotated = await keeper.roles.rotate('developer')
  assert.deepEqual([rotated.before, rotated.keyVersion], [1, 2])
  // The agent that grants may change keys too, and does its part.
  const resealed = () => fleet.counted('contextsResealed')
  await until('all that was written before is sealed anew', () => resealed() >= paths.length, 60_000)
  const phase = () => keeper.roles.list().reencryption?.phase ?? 'over'
  await until('a walk finds nothing more', () => ['done', 'over'].includes(phase()), 60_000)
  isOver = true
  await busy
  const fresh = await fleet.join(await fleet.grant())
  assert.equal((await fresh.store.retrieveContext(at('busy'))).context.summary, `${last}`)
  for (const path of paths) {
    const found = await fresh.store.retrieveContext(at(path))
    assert.equal(found.context.summary, path)
    assert.equal(found.version, before.get(path), 'it is shown as what its author wrote')
    assert.equal(found.author, writer.id)
  }
  for (const name of fleet.peers.names) {
    await until(`${name} knows the new key`, () =>
      fleet.peers
        .peer(name)
        .keys.roles()
        .roles.some(role => role.name === 'developer' && role.keys[0]!.keyVersion === 2),
    )
    assert.equal(fleet.peers.peer(name).keys.status().state, 'blind')
  }
  // What is over can go, and nothing that stands is lost with it.
  await fleet.peers.peer('p1').keys.destroy('developer')
  await until(
    'no member keeps shares of the key of before',
    () =>
      fleet.peers.names.every(name =>
        fleet.peers
          .peer(name)
          .keys.roles()
          .roles.some(role => role.name === 'developer' && role.keys.at(-1)!.state === 'destroyed'),
      ),
    240_000,
  )
  const late = await fleet.join(await fleet.grant())
  for (const path of paths) assert.equal((await late.store.retrieveContext(at(path))).context.summary, path)
})

test('who may not change keys, or does not hold the role, rotates nothing', async t => {
  const fleet = await BlindFleet.start(t)
  const plain = await fleet.join(await fleet.grant())
  await assert.rejects(plain.roles.rotate('developer'), refusedAs('QUORUM_UNREACHED'))
  const other = await fleet.join(await fleet.grant({ operations: keepers, roles: ['tester'] }))
  await assert.rejects(other.roles.rotate('developer'), refusedAs('SEALED'))
  const mayNot = fleet.peers
    .peer('p1')
    .keys.roles()
    .roles.find(({ name }) => name === 'developer')!
  assert.deepEqual(
    mayNot.keys.map(({ keyVersion }) => keyVersion),
    [1],
  )
})
