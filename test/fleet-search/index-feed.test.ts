// Goal: an index has what stands on the disk of its peer, whatever came while it was away, and is told it in the order of the
// disk. Method: a driver on a virtual disk whose batches are listed, a store that writes through it, a real index.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { RoleName } from '../../base/ids.ts'
import { IndexFeed } from '../../node/fleet-search/index-feed.ts'
import { localHistories } from '../../node/local-histories.ts'
import type { SearchHost } from '../../node/search/search-host.ts'
import { StoreDesk } from '../../node/store/store-desk.ts'
import { newDir, startSearch } from '../search/fixtures.ts'
import { roleKeys, roleRecipients } from '../store/identities.ts'
import { ListedChanges } from '../store/listed-changes.ts'
import { keysFor, storeOn } from '../store/stores.ts'
import { openWorldBench } from '../store/world-bench.ts'

const at = (path: string) => `ucxl://any:any@feed:any/*^/${path}`
const heldRoles = ['admin', 'developer'] as RoleName[]

async function openFeedBench(t: TestContext) {
  const bench = await openWorldBench(1)
  t.after(() => bench.close())
  const process = bench.processes[0]!
  const disk = bench.disks[0]!
  const changes = ListedChanges.of(disk)
  const desk = new StoreDesk({
    ...process,
    fleet: { id: bench.fleet, roles: roleRecipients },
    keys: keysFor(heldRoles),
  })
  const local = localHistories(disk, process.author.peerId, () => bench.view)
  const dir = await newDir(t)
  const { clock } = process
  const until = async (what: string, holds: () => Promise<boolean>) => {
    for (const beganMs = Date.now(); !(await holds()); ) {
      assert.ok(Date.now() - beganMs < 20_000, what)
      await new Promise(resolve => clock.at(clock.monotonicMs() + 20, () => resolve(null)))
    }
  }
  /** An index in the folder of this test, fed until `stop`. */
  const start = async () => {
    const held = roleKeys.filter(({ name }) => heldRoles.includes(name))
    const host = await startSearch(t, dir, { roleKeys: held, recipients: roleRecipients })
    const feed = new IndexFeed({ index: host, changes, local, desk })
    const ended = feed.run()
    const stop = async () => {
      feed.close()
      await ended
      await host.close(false)
    }
    return { host, feed, stop }
  }
  const names = async (host: SearchHost, query = '', asOfMs?: number) => {
    const { hits } = await host.search({
      roles: heldRoles,
      query,
      limit: 100,
      ...(asOfMs !== undefined && { asOfMs }),
    })
    return hits.map(({ address }) => address.split('/').at(-1)!).sort()
  }
  const has = (host: SearchHost, wanted: readonly string[]) =>
    until(`the index has ${wanted}`, async () => String(await names(host)) === String([...wanted].sort()))
  return { store: storeOn(bench, process), changes, clock, until, start, names, has }
}

test('what is written, replaced, deleted and expires is followed', async t => {
  const { store, start, has, names, until, clock } = await openFeedBench(t)
  await store.storeContext(at('before'), { title: 'apple' })
  const { host, feed, stop } = await start()
  await has(host, ['before'])
  await until('all is looked through', async () => feed.state().phase === 'following')
  assert.ok((await host.checkpoint()) !== null)
  await store.storeContext(at('a'), { title: 'banana' })
  await store.storeContext(at('hidden'), { title: 'cherry' }, { roles: ['tester'] })
  await store.storeContext(at('brief'), { title: 'date' }, { ttlSeconds: 2 })
  await has(host, ['a', 'before', 'brief'])
  await has(host, ['a', 'before'])
  const betweenMs = clock.wallMs()
  await new Promise(resolve => clock.at(clock.monotonicMs() + 50, () => resolve(null)))
  await store.storeContext(at('a'), { title: 'blueberry' })
  await until('the change is there', async () => (await names(host, 'blueberry')).length === 1)
  assert.deepEqual(await names(host, 'banana'), [])
  assert.deepEqual(await names(host, 'banana', betweenMs), ['a'], 'as of a time')
  await store.deleteContext(at('a'))
  await has(host, ['before'])
  assert.deepEqual(await names(host, 'banana', betweenMs), [], 'deleted is gone from the past too')
  await until('it lacks nothing', async () => feed.state().lagChanges === 0)
  assert.equal(feed.state().unindexed, 0)
  await stop()
})

test('after a stop it goes on from its bookmark, whatever happened meanwhile', async t => {
  const { store, changes, start, has, until } = await openFeedBench(t)
  for (const name of ['a', 'b', 'c']) await store.storeContext(at(name), { title: name })
  const first = await start()
  await has(first.host, ['a', 'b', 'c'])
  await until('it follows', async () => first.feed.state().phase === 'following')
  await first.stop()
  await store.deleteContext(at('a'))
  await store.storeContext(at('d'), { title: 'd' })
  const second = await start()
  assert.ok((await second.host.checkpoint()) !== null, 'there is a bookmark')
  await has(second.host, ['b', 'c', 'd'])
  await second.stop()
  assert.ok(changes.reads > 0)
})

test('where the list does not go back to the bookmark all is compared', async t => {
  const { store, changes, start, has, until } = await openFeedBench(t)
  for (const name of ['a', 'b', 'c']) await store.storeContext(at(name), { title: name })
  const first = await start()
  await has(first.host, ['a', 'b', 'c'])
  await until('it follows', async () => first.feed.state().phase === 'following')
  await first.stop()
  await store.deleteContext(at('a'))
  await store.storeContext(at('b'), { title: 'other' })
  await store.storeContext(at('d'), { title: 'd' })
  changes.forget()
  const second = await start()
  await has(second.host, ['b', 'c', 'd'])
  await until('it follows', async () => second.feed.state().phase === 'following')
  const { hits } = await second.host.search({ roles: heldRoles, query: 'other' })
  assert.equal(hits.length, 1)
  assert.ok((await second.host.checkpoint()) !== null)
  await second.stop()
})
