// Goal: an agent finds and lists what its grant lets it find, over peers that can read nothing, and says what it has not looked
// through. Method: real blind peers and agents in this process; what is found is asked as a program would.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { SlurpError } from '../../base/errors.ts'
import type { JoinedFleet } from '../../node/agent-process.ts'
import type { SearchQuestion, SearchResult } from '../../node/fleet-search/api.ts'
import { until } from '../keys/fleets.ts'
import { BlindFleet, keepers } from './blind-fleet.ts'

const at = (path: string, project = 'shop') => `ucxl://any:any@${project}:any/*^/${path}`
const names = (all: readonly { address: string }[]) =>
  all.map(({ address }) => address.split('/').at(-1)!).sort()
/** An agent may be sealed for a moment at its start, until it knows the time of the fleet well. */
async function search(agent: JoinedFleet, question: SearchQuestion): Promise<SearchResult> {
  let result: SearchResult | null = null
  const isOpen = async () => {
    result = await agent.search.search(question).catch(failure => {
      if ((failure as SlurpError).code === 'SEALED') return null
      throw failure
    })
    return result !== null
  }
  await until('it is open', isOpen)
  return result!
}
const found = async (agent: JoinedFleet, query: string) => names((await search(agent, { query })).hits)
const finds = (agent: JoinedFleet, query: string, wanted: readonly string[]) =>
  until(`"${query}" finds ${wanted}`, async () => String(await found(agent, query)) === String(wanted))
const whole = (agent: JoinedFleet) =>
  until('everything was looked through', async () => (await search(agent, { query: 'x' })).coverage === 1)

/** Files that have one of these words in them. */
function filesWith(from: string, words: readonly string[]): string[] {
  return readdirSync(from).flatMap(name => {
    const path = join(from, name)
    if (statSync(path).isDirectory()) return filesWith(path, words)
    const bytes = readFileSync(path)
    return words.some(word => bytes.includes(word)) ? [path] : []
  })
}

test('an agent over blind peers finds and lists what it and another agent wrote', async t => {
  const fleet = await BlindFleet.start(t)
  await fleet.granter()
  const [one, two] = await Promise.all(
    ['one', 'two'].map(async name => {
      const granted = await fleet.grant()
      return await fleet.join({ ...granted, dir: join(fleet.peers.work, name), index: true, name })
    }),
  )
  await one!.store.storeContext(at('orders'), { title: 'orders of cormorants' }, { roles: ['developer'] })
  await two!.store.storeContext(at('orders/new'), { title: 'new cormorant' }, { roles: ['developer'] })
  for (const agent of [one!, two!]) {
    await finds(agent, 'cormorant', ['new', 'orders'])
    await whole(agent)
    const { contexts, coverage } = await agent.catalogue.list()
    assert.deepEqual(names(contexts), ['new', 'orders'])
    assert.deepEqual([coverage.partitions, coverage.partitionsHere], [256, 256])
  }
})

test('what changes, ends or goes is followed, after a stop too, and the grant ends it all', async t => {
  const fleet = await BlindFleet.start(t)
  const { grants } = await fleet.granter()
  const [one, other, held] = await Promise.all([
    fleet.grant(),
    fleet.grant({ roles: ['tester'] }),
    fleet.grant({ projects: ['shop'] }),
  ])
  const dir = (name: string) => ({ dir: join(fleet.peers.work, name), index: true, name })
  const writer = await fleet.join(await fleet.grant({ roles: 'any' }))
  const put = (address: string, title: string, more: { roles?: string[]; ttlSeconds?: number } = {}) =>
    writer.store.storeContext(address, { title }, { roles: ['developer'], ...more })
  await put(at('a'), 'first apple')
  await put(at('b'), 'banana')
  await put(at('b', 'bank'), 'banana of the bank')
  await put(at('t'), 'apple of testers', { roles: ['tester'] })
  const [mine, theirs, ofShop] = await Promise.all([
    fleet.join({ ...one, ...dir('one') }),
    fleet.join({ ...other, ...dir('other') }),
    fleet.join({ ...held, ...dir('held') }),
  ])
  await Promise.all([mine, theirs, ofShop].map(whole))
  assert.deepEqual(await found(mine, 'apple'), ['a'])
  assert.deepEqual(await found(theirs, 'apple OR banana'), ['t'])
  assert.equal((await search(mine, { query: 'apple OR banana' })).total, 3)

  // Held to a project: of the others there is neither word nor number.
  assert.deepEqual(await found(ofShop, 'banana'), ['b'])
  assert.equal((await search(ofShop, { query: 'banana', facets: ['project'] })).total, 1)
  assert.deepEqual(names((await ofShop.catalogue.list()).contexts), ['a', 'b'])

  const decision = { follows: [at('a')], status: 'accepted' }
  await writer.store.storeContext(at('d'), { title: 'heir', decision }, { roles: ['developer'] })
  await finds(mine, 'heir', ['d'])
  const graph = await mine.catalogue.decisions(at('a'))
  assert.deepEqual(names(graph.nodes), ['a', 'd'])
  await writer.store.deleteContext(at('d'))
  await finds(mine, 'heir', [])

  await put(at('a'), 'second cherry')
  await put(at('brief'), 'brief cherry', { ttlSeconds: 2 })
  await finds(mine, 'cherry', ['a', 'brief'])
  assert.deepEqual(await found(mine, 'apple'), [])
  await finds(mine, 'cherry', ['a'])
  await writer.store.deleteContext(at('a'))
  await finds(mine, 'cherry', [])
  assert.deepEqual(names((await mine.catalogue.list()).contexts), ['b', 'b'])
  await put(at('t'), 'apple for all now', { roles: ['developer', 'tester'] })
  await finds(mine, 'apple', ['t'])

  // What it has is there before anybody was asked again, and what happened meanwhile follows.
  await mine.stop()
  await put(at('c'), 'damson')
  await writer.store.deleteContext(at('b'))
  const again = await fleet.join({ ...one, ...dir('one') })
  await finds(again, 'damson', ['c'])
  await whole(again)
  assert.deepEqual(await found(again, 'banana'), ['b'], 'that of the bank')
  const { total } = await search(again, { query: 'banana' })
  assert.equal(total, 1)

  const [grant] = grants.list().filter(({ subject }) => subject === again.id)
  await grants.revoke(grant!.id, { sinceMs: null, rotate: false, dryRun: false })
  await until('its grant is refused', () => again.state().state === 'sealed')
  await until('nothing is open', () => again.index!.lag.phase === 'sealed')
  await assert.rejects(again.search.search({ query: 'damson' }), { code: /^(GRANT_DENIED|SEALED)$/ })
  await assert.rejects(again.catalogue.list(), { code: /^(GRANT_DENIED|SEALED)$/ })
  assert.deepEqual(filesWith(fleet.peers.work, ['apple', 'banana', 'cherry', 'damson']), [])
})

test('without an index an agent says how to get one, and an index has to have a place', async t => {
  const fleet = await BlindFleet.start(t, 1)
  const granted = await fleet.grant()
  const agent = await fleet.join(granted)
  for (const asked of [() => agent.search.search({ query: 'x' }), () => agent.catalogue.tree()])
    await assert.rejects(asked(), (failure: SlurpError) => {
      assert.equal(failure.code, 'ROUTE_UNKNOWN')
      assert.match(failure.hint, /--index/)
      return true
    })
  await assert.rejects(fleet.join({ ...granted, index: true }), { code: 'CONFIG_INVALID' })
})

test('a rotation takes nothing from an index of an agent, nor does a key of before that is destroyed', async t => {
  const fleet = await BlindFleet.start(t)
  const keeper = await fleet.join(await fleet.grant({ operations: keepers }))
  const own = { dir: join(fleet.peers.work, 'finder'), index: true, name: 'finder' }
  const granted = await fleet.grant()
  const finder = await fleet.join({ ...granted, ...own })
  const paths = Array.from({ length: 9 }, (_, place) => `k${String.fromCharCode(97 + place)}`)
  for (const path of paths)
    await keeper.store.storeContext(at(path), { title: `elderberry ${path}` }, { roles: ['developer'] })
  await finds(finder, 'elderberry', paths)
  const { keyVersion } = await keeper.roles.rotate('developer')
  const resealed = () => fleet.counted('contextsResealed')
  await until('all of it is sealed anew', () => resealed() >= paths.length, 60_000)
  await keeper.store.storeContext(at('later'), { title: 'fig' }, { roles: ['developer'] })
  await finds(finder, 'fig', ['later'])
  assert.deepEqual(await found(finder, 'elderberry'), paths)
  await fleet.peers.peer('p1').keys.destroy('developer')
  const isDestroyed = () =>
    finder.roles
      .list()
      .roles.some(({ name, keys }) => name === 'developer' && keys.at(-1)!.state === 'destroyed')
  await until('the agent knows that the key of before is destroyed', isDestroyed, 240_000)
  // What it cannot open any more it makes anew, and says so meanwhile.
  await until('it finds all of it', async () => {
    const { total, coverage } = await search(finder, { query: 'elderberry' })
    assert.ok(total === paths.length || coverage < 1, `${total} found with a coverage of ${coverage}`)
    return total === paths.length
  })
  await finder.stop()
  const again = await fleet.join({ ...granted, ...own })
  await whole(again)
  assert.deepEqual(await found(again, 'elderberry'), paths)
  assert.equal(again.keys.recipients.find(({ name }) => name === 'developer')!.keyVersion, keyVersion)
  assert.deepEqual(filesWith(fleet.peers.work, ['elderberry']), [])
})
