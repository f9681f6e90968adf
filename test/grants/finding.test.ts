// Goal: what hangs together, what is there and how much of it is told to the holder of a grant only as far as it may see
// it: neither that something is there nor how much. Method: catalogues and stores of drivers on virtual disks, behind the
// rights of a real peer, asked by holders of narrow grants.
import assert from 'node:assert/strict'
import { after, before, type TestContext, test } from 'node:test'
import type { RoleName } from '../../base/ids.ts'
import type { GrantedOperation } from '../../crypto/grants/operations.ts'
import { projectScopeOf } from '../../crypto/grants/project-scope.ts'
import type { Asker, SearchQuestion } from '../../node/fleet-search/api.ts'
import { bearerOf, RightsDesk } from '../../node/grants/rights-desk.ts'
import { openCatalogueBench } from '../store/catalogue/bench.ts'
import { fleetSecret, keysFor } from '../store/stores.ts'
import { newKeepers } from './keepers.ts'

const at = (path: string, project = 'shop') => `ucxl://any:any@${project}:any/*^/${path}`
const denied = { code: 'GRANT_DENIED' }
let bench: Awaited<ReturnType<typeof openCatalogueBench>>
let forAdmins: string

before(async () => {
  bench = await openCatalogueBench(3)
  const store = bench.storeAt(0)
  const developer = { roles: ['developer'] }
  await store.storeContext(at(''), { title: 'all', tags: ['root'] }, developer)
  await store.storeContext(at('orders'), { title: 'orders', tags: ['orders'] }, developer)
  await store.storeContext(at('orders/1'), { title: 'first', tags: ['one'] }, developer)
  const follows = { reason: 'why', follows: ['orders/1', 'hidden/b'] }
  await store.storeContext(at('orders/2'), { title: 'second', decision: follows }, developer)
  await store.storeContext(
    at('hidden/a'),
    { title: 'later', decision: { supersedes: 'orders/1' } },
    developer,
  )
  await store.storeContext(at('hidden/b'), { title: 'secret' }, developer)
  await store.storeContext(at('orders/admins'), { title: 'theirs' }, { roles: ['admin'] })
  await store.storeContext(at('vault', 'bank'), { title: 'gold' }, developer)
  const first = await store.storeContext(at('orders/3'), { title: 'for admins' }, { roles: ['admin'] })
  forAdmins = first.version
  await store.storeContext(at('orders/3'), { title: 'for all' }, developer)
  await bench.pass(200)
})
after(() => bench.bench.close())

/** Somebody who is granted these operations on the orders of the shop, for developers. */
async function holder(t: TestContext, operations: readonly GrantedOperation[], more: object = {}) {
  const keepers = await newKeepers(t, 2)
  const [{ keeper, identity }] = keepers.members as [(typeof keepers.members)[0]]
  const limits = {
    operations: [...operations].sort(),
    roles: ['developer' as RoleName],
    projects: [projectScopeOf(fleetSecret, 'shop')],
    paths: ['/orders'],
    networks: 'any' as const,
    hours: 'any' as const,
    ...more,
  }
  const bearer = bearerOf('secret')
  const text = await keepers.chain({ subject: identity.peerId, subjectKind: 'agent', bearer, limits })
  await keeper.grants.learn(text)
  const store = bench.storeAt(0)
  const catalogue = bench.catalogueAt(0)
  const rights = new RightsDesk({ keeper, store, catalogue, keys: keysFor(['admin', 'developer']) })
  const caller = rights.callerOf('secret')!
  const chain = await keeper.grants.prove(text)
  const asked: (readonly string[] | undefined)[] = []
  const nothing = { hits: [], total: 0, facets: {}, coverage: 1, missing: [], cursor: null, truncated: false }
  const search = {
    async search(_: SearchQuestion, { roles }: Asker = {}) {
      asked.push(roles)
      return { ...nothing, cut: [], peers: 1, tookMs: 0 }
    },
  }
  return {
    search: rights.searchOf(caller, '127.0.0.1', search),
    /** By which roles the index was asked. */
    asked,
    store: rights.storeOf(caller, '127.0.0.1'),
    catalogue: rights.catalogueOf(caller, '127.0.0.1'),
    revoke: async () => keeper.revocations.learn(await keeper.signer.revoke(chain, keepers.clock.nowMs)),
  }
}

test('a list, a tree and what is stale speak of what may be found, and count nothing else', async t => {
  const { catalogue } = await holder(t, ['search'])
  const seen = ['orders', 'orders/1', 'orders/2', 'orders/3'].map(path => at(path))
  for (const prefix of [undefined, 'shop', 'shop/orders']) {
    const { contexts, total, coverage, cursor } = await catalogue.list(prefix === undefined ? {} : { prefix })
    assert.deepEqual([contexts.map(({ address }) => address), total, cursor], [seen, 4, null])
    assert.equal(coverage.unlisted, null)
  }
  for (const prefix of ['bank', 'shop/hidden', 'nowhere']) {
    assert.equal((await catalogue.list({ prefix })).total, 0)
    assert.deepEqual((await catalogue.tree({ prefix })).nodes, [])
  }
  const { nodes, total } = await catalogue.tree({ depth: 2 })
  assert.equal(total, 4)
  assert.deepEqual(
    nodes.map(({ project, path, here, contexts }) => [project, path, here, contexts]),
    [
      ['shop', '', 0, 4],
      ['shop', 'orders', 1, 4],
    ],
  )
  const page = await catalogue.list({ limit: 3 })
  assert.equal((await catalogue.list({ limit: 3, cursor: page.cursor! })).contexts.length, 1)
  // That the first order is superseded is said below a path that is not granted.
  assert.equal((await catalogue.stale()).total, 0)
  const { catalogue: everywhere } = await holder(t, ['search'], { paths: 'any' })
  assert.deepEqual(
    (await everywhere.stale()).contexts.map(({ address }) => address),
    [at('orders/2')],
  )
  assert.equal((await everywhere.list()).total, 7)
})

test('a walk through decisions ends where the grant does', async t => {
  const { catalogue } = await holder(t, ['search'])
  const graph = await catalogue.decisions(at('orders/2'), { hops: 3 })
  assert.deepEqual(
    graph.nodes.map(({ address, title, standing }) => [address, title, standing]),
    [
      [at('orders/2'), 'second', 'stands'],
      // What it names is in what may be read; that something is there is not.
      [at('hidden/b'), null, null],
      [at('orders/1'), 'first', 'stands'],
    ],
  )
  const first = await catalogue.decisions(at('orders/1'))
  assert.deepEqual(
    first.nodes.map(({ address, supersededBy }) => [address, supersededBy]),
    [
      [at('orders/1'), []],
      [at('orders/2'), []],
    ],
  )
  for (const outside of [at('hidden/a'), at('hidden/none'), at('vault', 'bank'), at('orders/admins')])
    await assert.rejects(catalogue.decisions(outside), denied)
})

test('who may not search, or not with this role, or not any more, finds nothing', async t => {
  const { catalogue } = await holder(t, ['history', 'read', 'write'])
  const asks = [
    () => catalogue.list(),
    () => catalogue.tree(),
    () => catalogue.stale(),
    () => catalogue.decisions(at('orders/1')),
  ]
  for (const ask of asks) await assert.rejects(ask, denied)
  const searching = await holder(t, ['search'])
  await assert.rejects(searching.catalogue.list({ role: 'admin' }), denied)
  assert.equal((await searching.catalogue.list({ role: 'developer' })).total, 4)
  await searching.revoke()
  await assert.rejects(searching.catalogue.list(), denied)
  const elsewhere = await holder(t, ['search'], { networks: ['203.0.113.0/24'] })
  await assert.rejects(elsewhere.catalogue.tree(), denied)
})

test('what holds at an address is merged from what is granted', async t => {
  const { store } = await holder(t, ['read'])
  const { context, levels } = await store.resolveContext(at('orders/1'), { explain: true })
  assert.deepEqual(context.tags, ['orders', 'one'])
  assert.deepEqual(
    levels!.map(({ address }) => address),
    [at('orders'), at('orders/1')],
  )
  for (const outside of [at('hidden/b'), at('hidden/none'), at(''), at('vault', 'bank')])
    await assert.rejects(store.resolveContext(outside), denied)
  const { store: blind } = await holder(t, ['search', 'history'])
  await assert.rejects(blind.resolveContext(at('orders/1')), denied)
})

test('versions are compared by who may read and list both', async t => {
  const { store } = await holder(t, ['history', 'read'])
  const { changes } = await store.compareContexts(at('orders/1'), at('orders/2'))
  assert.ok(changes.some(({ field }) => field === 'title'))
  for (const [from, to] of [
    [at('orders/1'), at('hidden/b')],
    [at('hidden/b'), at('orders/1')],
    [at('hidden/none'), at('hidden/b')],
    // A version that was for other roles.
    [`${at('orders/3')}#${forAdmins}`, undefined],
    [at('orders/3'), '~~1'],
  ] as const)
    await assert.rejects(store.compareContexts(from, to), denied, `${from} ${to}`)
  for (const operations of [['read'], ['history']] as const) {
    const { store: half } = await holder(t, operations)
    await assert.rejects(half.compareContexts(at('orders/1'), at('orders/2')), denied)
  }
})

test('a search is one by the roles that are granted, and none for who is held to some places', async t => {
  const everywhere = { projects: 'any', paths: 'any' } as const
  const free = await holder(t, ['search'], everywhere)
  await free.search.search({ query: 'gold' })
  await free.search.search({ query: 'gold' }, { roles: ['developer'] })
  await assert.rejects(free.search.search({ query: 'gold' }, { roles: ['admin'] }), denied)
  assert.deepEqual(
    free.asked,
    [['developer'], ['developer']],
    'a role that is held here and not granted is left out',
  )
  for (const held of [{ projects: 'any' }, { paths: 'any' }, {}]) {
    const bound = await holder(t, ['search'], held)
    await assert.rejects(bound.search.search({ query: '' }), denied)
    assert.deepEqual(bound.asked, [])
  }
  const reader = await holder(t, ['read'], everywhere)
  await assert.rejects(reader.search.search({ query: 'gold' }), denied)
  await free.revoke()
  await assert.rejects(free.search.search({ query: 'gold' }), denied)
  assert.equal(free.asked.length, 2)
})
