// Goal: a peer that lost its disk and was cut short while it came back goes on where it was, under the one identity that it
// had made for itself, whether or not the fleet had agreed by then (rule 3, decision 066). Method: a real fleet in this
// process; the start of one peer fails at the moment that is meant, on the disk as if it had been killed there. The old
// identity still owns something then, so it is still let in: a start after it has gone is not played here.
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, rmdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { loadIdentity } from '../../crypto/identity.ts'
import { startPeer } from '../../node/process.ts'
import type { Log, RunningPeer } from '../../node/running-peer.ts'
import { KeyFleet, quietAudit, until } from '../keys/fleets.ts'

const address = 'ucxl://any:any@reentry:any/*^/kept'

/** Three peers, of which the second is down and without its data; `begun` is called as it tells that it comes back. */
async function lostDisk(t: TestContext, blind: readonly string[] = []) {
  const fleet = await KeyFleet.make({ peers: 3, blind })
  t.after(() => fleet.close())
  await fleet.start()
  await fleet.ready()
  await fleet.peer('p1').store.storeContext(address, { title: 'kept' })
  const old = fleet.peer('p2').id
  await fleet.stop('p2')
  const dir = join(fleet.dir, 'p2')
  for (const gone of ['data', 'data.watermark']) rmSync(join(dir, gone), { recursive: true, force: true })
  const bootstrap = ['p1', 'p3'].map(name => fleet.places.get(name)!.address)
  const preferredPort = fleet.places.get('p2')!.port
  const start = async (begun: () => void): Promise<RunningPeer> => {
    const none = () => undefined
    const error = (_: object, text: string) =>
      text.startsWith('the data of this peer') ? begun() : undefined
    const log: Log = { debug: none, info: none, warn: none, error }
    const peer = await startPeer({ dir, bootstrap, preferredPort, version: '0.0.0', log, audit: quietAudit })
    fleet.running.set('p2', peer)
    return peer
  }
  return { fleet, dir, old, start }
}

const drafts = (dir: string) =>
  ['identity.key.next', 'keys.registry.next'].map(name => existsSync(join(dir, name)))

async function assertBack({ fleet }: Awaited<ReturnType<typeof lostDisk>>, peer: RunningPeer, id: string) {
  assert.deepEqual([peer.id, peer.name], [id, 'p2.2'])
  await until('its keys are open', () => fleet.isOpen('p2'))
  const { context } = await peer.store.retrieveContext(address)
  assert.deepEqual(context, { title: 'kept' })
  const names = fleet
    .peer('p1')
    .ring()
    .members.map(({ name }) => name)
  assert.deepEqual(
    names.filter(name => name.startsWith('p2.')),
    ['p2.2'],
  )
}

test('the fleet had agreed, and the peer never heard of it: it comes back as who the fleet knows', async t => {
  const lost = await lostDisk(t)
  const { fleet, dir, old, start } = lost
  const view = join(dir, 'joined.view.next')
  // Where the answer is kept there is no room for it: what the fleet said is lost with this start.
  await assert.rejects(start(() => mkdirSync(view)))
  rmdirSync(view)
  assert.deepEqual(drafts(dir), [true, true])
  const { peerId } = await loadIdentity(join(dir, 'identity.key.next'))
  const knows = (id: string) =>
    fleet
      .peer('p1')
      .ring()
      .members.some(member => member.id === id)
  await until('the fleet has agreed', () => knows(peerId))
  assert.notEqual(peerId, old)

  await assertBack(lost, await start(() => undefined), peerId)
  assert.deepEqual(drafts(dir), [false, false])
})

test('the fleet had not been asked: it asks again, under the identity that it has made', async t => {
  const lost = await lostDisk(t)
  const { fleet, dir, start } = lost
  await assert.rejects(
    start(() => {
      throw new Error('killed')
    }),
    /killed/,
  )
  assert.deepEqual(drafts(dir), [true, true])
  const { peerId } = await loadIdentity(join(dir, 'identity.key.next'))
  assert.ok(
    !fleet
      .peer('p1')
      .ring()
      .members.some(member => member.id === peerId),
  )

  await assertBack(lost, await start(() => undefined), peerId)
})

test('a blind peer, whose start was cut short after the fleet agreed, is granted what it had, and comes back', async t => {
  const { fleet, dir, start } = await lostDisk(t, ['p2'])
  const view = join(dir, 'joined.view.next')
  await assert.rejects(start(() => mkdirSync(view)))
  rmdirSync(view)
  const { peerId } = await loadIdentity(join(dir, 'identity.key.next'))
  await until('the fleet has agreed', () =>
    fleet
      .peer('p1')
      .ring()
      .members.some(member => member.id === peerId),
  )
  const peer = await start(() => undefined)
  assert.deepEqual([peer.id, peer.keys.status().state], [peerId, 'blind'])
  await until('it is linked, which takes a grant', () => peer.checks().every(({ ok }) => ok))
  assert.deepEqual(peer.grants.show(peerId).limits.roles, [])
  assert.ok(!existsSync(join(dir, 'heir.json')))
})
