// Goal: a peer lists what stands on its disk and its roles open, all of it once, in one order, and says what it does not
// speak of. Method: production drivers on virtual disks; catalogues as a process has them.
import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { PrefixOptions } from '../../../node/store/catalogue/api.ts'
import type { CatalogueDesk } from '../../../node/store/catalogue/catalogue-desk.ts'
import { refusal } from '../refusal.ts'
import { keysFor } from '../stores.ts'
import { openCatalogueBench } from './bench.ts'

let fleet: Awaited<ReturnType<typeof openCatalogueBench>>
let wide: Awaited<ReturnType<typeof openCatalogueBench>>
before(async () => {
  // Three peers with three replicas: every peer has everything. Five: nobody has.
  fleet = await openCatalogueBench(3)
  wide = await openCatalogueBench(5)
})
after(async () => {
  await fleet.bench.close()
  await wide.bench.close()
})

let projects = 0
const newProject = () => `listed-${++projects}`
const at = (project: string, path: string, names = ['any', 'any', 'any']) =>
  `ucxl://${names[0]}:${names[1]}@${project}:${names[2]}/*^/${path}`

async function put(addresses: readonly string[], roles?: readonly string[]) {
  for (const [index, address] of addresses.entries())
    await fleet
      .storeAt(index % 3)
      .storeContext(address, { title: address }, roles === undefined ? {} : { roles })
  await fleet.pass(200)
}

async function listAll(catalogue: CatalogueDesk, options: PrefixOptions): Promise<string[]> {
  const met: string[] = []
  let cursor: string | null = null
  do {
    const page = await catalogue.list({ ...options, ...(cursor !== null && { cursor }) })
    ok(page.contexts.length <= (options.limit ?? 100))
    met.push(...page.contexts.map(({ address }) => address))
    cursor = page.cursor
  } while (cursor !== null)
  return met
}

test('everything that stands is listed once, by path, whatever the size of the pages', async () => {
  const project = newProject()
  const paths = ['', 'a', 'a/b', 'a/b/c', 'a-b', 'a b', 'b', 'ä/ö']
  const wanted = ['', 'a', 'a/b', 'a/b/c', 'a%20b', 'a-b', 'b', '%C3%A4/%C3%B6'].map(path =>
    at(project, path),
  )
  await put(paths.map(path => at(project, path.split('/').map(encodeURIComponent).join('/'))).toReversed())
  await put([at(project, 'gone')])
  await fleet.storeAt(0).deleteContext(at(project, 'gone'))
  await put([at(project, 'a')])
  for (const peer of [0, 1, 2]) {
    const catalogue = fleet.catalogueAt(peer)
    for (const limit of [1, 3, 8, 100])
      deepEqual(await listAll(catalogue, { prefix: project, limit }), wanted)
    const { total, coverage, contexts } = await catalogue.list({ prefix: project, limit: 1 })
    equal(total, 8)
    deepEqual(coverage, { partitions: 16, partitionsHere: 16, partitionsTotal: 16, unlisted: 0 })
    const { version, ...first } = contexts[0]!
    match(version, /^[0-9a-f]{24}$/)
    deepEqual(
      { ...first, writtenAt: '', author: '' },
      {
        address: wanted[0],
        writtenAt: '',
        author: '',
        roles: ['admin', 'developer'],
        title: wanted[0],
        status: null,
      },
    )
  }
})

test('a catalogue follows what is written, replaced, deleted and expires', async () => {
  const project = newProject()
  const catalogue = fleet.catalogueAt(1)
  const list = () => listAll(catalogue, { prefix: project })
  deepEqual(await list(), [])
  await put([at(project, 'a'), at(project, 'b')])
  deepEqual(await list(), [at(project, 'a'), at(project, 'b')])
  await fleet.storeAt(0).storeContext(at(project, 'c'), {}, { ttlSeconds: 2 })
  const { version } = await fleet.storeAt(2).storeContext(at(project, 'a'), { title: 'new' })
  await fleet.storeAt(0).deleteContext(at(project, 'b'))
  await fleet.pass(200)
  deepEqual(await list(), [at(project, 'a'), at(project, 'c')])
  equal((await catalogue.list({ prefix: project })).contexts[0]?.version, version)
  await fleet.pass(2_500)
  deepEqual(await list(), [at(project, 'a')])
})

test('pages neither repeat nor skip what stood all the while', async () => {
  const project = newProject()
  const paths = Array.from({ length: 9 }, (_, number) => `p${number}`)
  await put(paths.map(path => at(project, path)))
  const catalogue = fleet.catalogueAt(0)
  const first = await catalogue.list({ prefix: project, limit: 4 })
  await put([at(project, 'p0a'), at(project, 'p5a')])
  for (const path of ['p3', 'p6']) await fleet.storeAt(0).deleteContext(at(project, path))
  await fleet.pass(200)
  const rest = await catalogue.list({ prefix: project, limit: 100, cursor: first.cursor! })
  deepEqual(
    [...first.contexts, ...rest.contexts].map(({ title }) => title?.slice(-2)),
    ['p0', 'p1', 'p2', 'p3', 'p4', 'p5', '5a', 'p7', 'p8'],
  )
})

test('a prefix is a place with all below it; any is every name', async () => {
  const project = newProject()
  const addresses = [
    at(project, 'src/a'),
    at(project, 'src/a/b'),
    at(project, 'src2'),
    at(project, 'src', ['one', 'architect', 'task-1']),
    at(project, 'src/a', ['two', 'any', 'task-1']),
  ]
  await put(addresses)
  const catalogue = fleet.catalogueAt(2)
  const counts = async (prefix: string) => (await catalogue.list({ prefix })).total
  equal(await counts(project), 5)
  equal(await counts(`${project}/src`), 4)
  equal(await counts(`${project}/src/`), 4)
  equal(await counts(`${project}/src/a`), 3)
  equal(await counts(`${project}/sr`), 0)
  equal(await counts(at(project, '')), 5)
  equal(await counts(at(project, 'src')), 4)
  equal(await counts(at(project, 'src', ['any', 'any', 'task-1'])), 2)
  equal(await counts(at('any', '', ['any', 'architect', 'any'])), 1)
  equal(await counts(at('nowhere', '')), 0)
  for (const prefix of [
    'ucxl://any:any@p',
    at(project, 'a').replace('*^', '~~1'),
    at('any', 'src'),
    'a//b',
    'a b',
  ])
    equal((await refusal(catalogue.list({ prefix }))).code, 'ADDRESS_INVALID', prefix)
})

test('only what the roles open is listed and counted', async () => {
  const project = newProject()
  await put([at(project, 'a'), at(project, 'b')], ['developer'])
  await put([at(project, 'secret')], ['admin'])
  await put([at(project, 'tests')], ['tester', 'admin'])
  const developer = fleet.catalogueAt(0, keysFor(['developer']))
  deepEqual(await listAll(developer, { prefix: project }), [at(project, 'a'), at(project, 'b')])
  equal((await developer.tree({ prefix: project })).total, 2)
  const all = fleet.catalogueAt(0, keysFor(['developer', 'admin', 'tester']))
  equal((await all.list({ prefix: project })).total, 4)
  deepEqual(await listAll(all, { prefix: project, role: 'tester' }), [at(project, 'tests')])
  equal((await refusal(developer.list({ role: 'admin' }))).code, 'ROLE_DENIED')
  equal((await refusal(developer.list({ role: 'nobody' }))).code, 'ROLE_UNKNOWN')
  equal((await refusal(fleet.catalogueAt(0, keysFor([], true)).list())).code, 'SEALED')
})

test('a tree counts by path, to a depth, above what lies below', async () => {
  const project = newProject()
  await put(['', 'a', 'a/b', 'a/b/c', 'a/b/d', 'x/y/z'].map(path => at(project, path)))
  await put([at(project, 'a', ['one', 'any', 'any'])])
  const catalogue = fleet.catalogueAt(0)
  const tree = async (prefix: string, depth?: number) =>
    (await catalogue.tree({ prefix, ...(depth !== undefined && { depth }) })).nodes.map(
      ({ path, depth, here, contexts }) => [path, depth, here, contexts],
    )
  deepEqual(await tree(project), [
    ['', 0, 1, 7],
    ['a', 1, 2, 5],
    ['a/b', 2, 1, 3],
    ['x', 1, 0, 1],
    ['x/y', 2, 0, 1],
  ])
  deepEqual(await tree(`${project}/a`, 1), [
    ['a', 0, 2, 5],
    ['a/b', 1, 1, 3],
  ])
  deepEqual(await tree(project, 0), [['', 0, 1, 7]])
  const all = await catalogue.tree({ depth: 1 })
  deepEqual(
    all.nodes.find(node => node.project === project),
    { project, path: '', depth: 1, here: 1, contexts: 7 },
  )
  const first = await catalogue.tree({ prefix: project, limit: 2 })
  const rest = await catalogue.tree({ prefix: project, cursor: first.cursor! })
  deepEqual(
    [...first.nodes, ...rest.nodes].map(({ path }) => path),
    ['', 'a', 'a/b', 'x', 'x/y'],
  )
})

test('a peer of a larger fleet says how much it speaks of, and the peers together have it all', async () => {
  const project = newProject()
  const addresses = Array.from({ length: 40 }, (_, number) => at(project, `p${number}`))
  for (const address of addresses) await wide.storeAt(0).storeContext(address, {})
  await wide.pass(300)
  const met = new Set<string>()
  for (const peer of [0, 1, 2, 3, 4]) {
    const { contexts, coverage } = await wide.catalogueAt(peer).list({ prefix: project, limit: 1000 })
    ok(coverage.partitions < 16 && coverage.partitions > 0)
    equal(coverage.partitionsHere, coverage.partitions)
    equal(coverage.partitionsTotal, 16)
    for (const { address } of contexts) met.add(address)
  }
  deepEqual([...met].sort(), addresses.toSorted())
})

test('who asks at the same time is answered whole, each with what stood when it asked', async () => {
  const project = newProject()
  const catalogue = fleet.catalogueAt(1)
  const asked: Promise<{ total: number; wanted: number; partitions: number }>[] = []
  for (let wanted = 1; wanted <= 6; wanted++) {
    await put([at(project, `p${wanted}`)])
    for (let times = 0; times < 4; times++) {
      asked.push(
        catalogue
          .list({ prefix: project })
          .then(({ total, coverage: { partitions } }) => ({ total, wanted, partitions })),
      )
    }
  }
  for (const { total, wanted, partitions } of await Promise.all(asked)) {
    ok(total >= wanted)
    equal(partitions, 16)
  }
  const burst = await Promise.all(Array.from({ length: 20 }, () => catalogue.list({ prefix: project })))
  for (const { total, coverage } of burst) deepEqual([total, coverage.partitions], [6, 16])
})

test('what does not fit in memory is counted, and no answer is a wrong one', async () => {
  const project = newProject()
  await put([at(project, 'a'), at(project, 'b')])
  const { contexts, coverage } = await fleet.catalogueAt(0, keysFor(['admin']), 1_000).list()
  ok(contexts.length <= 1)
  ok(coverage.unlisted !== null && coverage.unlisted > 1)
})

test('bad limits and cursors are refused', async () => {
  const catalogue = fleet.catalogueAt(0)
  const project = newProject()
  await put([at(project, 'a'), at(project, 'b')])
  const { cursor } = await catalogue.list({ prefix: project, limit: 1 })
  for (const bad of [
    { limit: 0 },
    { limit: 1.5 },
    { limit: 1001 },
    { timeoutMs: 0 },
    { cursor: '' },
    { cursor: 'x' },
    { cursor: cursor! },
    { prefix: project, cursor: `${cursor}A` },
    { prefix: project, role: 'admin', cursor: cursor! },
  ])
    equal((await refusal(catalogue.list(bad))).code, 'USAGE', JSON.stringify(bad))
  equal((await refusal(catalogue.tree({ prefix: project, cursor: cursor! }))).code, 'USAGE')
  equal((await refusal(catalogue.tree({ depth: 65 }))).code, 'USAGE')
})

test('where nobody can tell what was touched everything is looked through', async () => {
  const project = newProject()
  const catalogue = fleet.catalogueAt(0)
  await put([at(project, 'a'), at(project, 'b')])
  const listed = async () => (await listAll(catalogue, { prefix: project })).length
  equal(await listed(), 2)
  await put([at(project, 'c')])
  await fleet.storeAt(0).deleteContext(at(project, 'a'))
  await fleet.pass(200)
  fleet.listed[0]!.forget()
  equal(await listed(), 2)
  const { reads } = fleet.listed[0]!
  equal(await listed(), 2)
  equal(fleet.listed[0]!.reads, reads, 'nothing was touched since')
  await put([at(project, 'd')])
  equal(await listed(), 3)
})
