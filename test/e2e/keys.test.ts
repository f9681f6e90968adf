// Goal: a restart of the whole fleet needs nobody; with fewer than k peers a process is live, not ready, and says why, at
// every door; and its memory is in no core dump. Method: real processes, killed and started.
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { Fleet, until } from './fleet.ts'

const work = mkdtempSync(join(tmpdir(), 'slurp-keys-'))
const address = 'ucxl://any:developer@keys:any/*^/kept'
const names = ['p1', 'p2', 'p3', 'p4', 'p5']
let fleet: Fleet

before(async () => {
  fleet = await Fleet.start(join(work, 'fleet'), work, ['--empty', '--peers', '5'])
})
after(async () => {
  await fleet.stop()
  rmSync(work, { recursive: true, force: true })
})

const stateOf = async (name: string) => (await fleet.call(name, 'GET', '/v1/keys')).body

test('a fleet that is killed whole comes back by itself', async () => {
  assert.equal((await fleet.call('p1', 'PUT', fleet.context(address), { title: 'kept' })).status, 200)
  for (const name of names) await fleet.kill(name)
  await Promise.all(names.map(name => fleet.revive(name)))
  for (const name of names) await until(`${name} is ready`, () => fleet.isReady(name), 60_000)
  const got = await fleet.call('p4', 'GET', fleet.context(address))
  assert.equal((got.body.context as { title: string }).title, 'kept')
})

test('two of five are live and sealed, and the third opens them', async () => {
  for (const name of names) await fleet.kill(name)
  await Promise.all(['p1', 'p2'].map(name => fleet.revive(name)))
  await until('p1 lacks one holder', async () => (await stateOf('p1')).short === 1, 60_000)
  const { state, missing } = await stateOf('p1')
  assert.deepEqual([state, missing], ['sealed', ['p3', 'p4', 'p5']])
  assert.equal((await fleet.call('p1', 'GET', '/health/live')).status, 200)
  const ready = await fleet.call('p1', 'GET', '/health/ready')
  assert.equal(ready.status, 503)
  assert.match(JSON.stringify(ready.body.reasons), /keys: sealed: 1 more holders/)
  const get = await fleet.slurp('p1', ['get', address, '--json'])
  assert.deepEqual([get.code, JSON.parse(get.out).error.code], [9, 'SEALED'])
  assert.equal((await fleet.slurp('p1', ['key', 'unseal'])).code, 9)
  const status = await fleet.slurp('p1', ['key', 'status'])
  assert.match(status.out, /^sealed: .*\n1 holders are missing; not reachable: p3, p4, p5/)
  await fleet.revive('p3')
  for (const name of ['p1', 'p2', 'p3'])
    await until(`${name} is open`, async () => (await stateOf(name)).state === 'open', 60_000)
  const shares = await fleet.slurp('p2', ['key', 'shares', '--json'])
  const { secrets } = JSON.parse(shares.out) as { secrets: { name: string }[] }
  const ofTheFleet = secrets
    .map(({ name }) => name)
    .filter(name => name.startsWith('@'))
    .sort()
  assert.deepEqual([secrets.length, ofTheFleet], [9, ['@fleet', '@signing']])
  // Both may be owners of what was written: keys are there before it can be read.
  await Promise.all(['p4', 'p5'].map(name => fleet.revive(name)))
  await until('it can be read', async () => (await fleet.slurp('p1', ['get', address])).code === 0)
})

test('the memory of a peer is left out of core dumps', { skip: process.platform !== 'linux' }, () => {
  for (const { pid } of fleet.peers) {
    const filter = `/proc/${pid}/coredump_filter`
    assert.ok(existsSync(filter))
    assert.equal(Number.parseInt(readFileSync(filter, 'utf8'), 16), 0)
  }
})

test('an operator wipes the keys of one peer and has them collected again', async () => {
  assert.equal((await fleet.slurp('p2', ['key', 'seal'])).code, 0)
  assert.equal((await fleet.slurp('p2', ['get', address, '--json'])).code, 9)
  assert.equal((await fleet.slurp('p1', ['get', address, '--json'])).code, 0)
  assert.match((await fleet.slurp('p2', ['key', 'unseal'])).out, /^open/)
  assert.equal((await fleet.slurp('p2', ['get', address, '--json'])).code, 0)
})
