// Goal: the graph of decisions is walked in both directions, ends in circles and at its bounds, and what follows something
// that holds no more is found. Method: production drivers on virtual disks; a fleet in which no peer has everything too.
import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Decision } from '../../../node/store/api.ts'
import type { DecisionsOptions } from '../../../node/store/catalogue/api.ts'
import { refusal } from '../refusal.ts'
import { keysFor } from '../stores.ts'
import { openCatalogueBench } from './bench.ts'

let fleet: Awaited<ReturnType<typeof openCatalogueBench>>
let wide: Awaited<ReturnType<typeof openCatalogueBench>>
before(async () => {
  fleet = await openCatalogueBench(3)
  wide = await openCatalogueBench(5)
})
after(async () => {
  await fleet.bench.close()
  await wide.bench.close()
})

let projects = 0
const newProject = () => {
  const project = `decided-${++projects}`
  return (path: string) => `ucxl://any:any@${project}:any/*^/${path}`
}
type At = ReturnType<typeof newProject>

async function decide(at: At, decisions: Record<string, Decision>, on = fleet, roles = ['developer']) {
  for (const [path, decision] of Object.entries(decisions))
    await on.storeAt(0).storeContext(at(path), { title: path, decision }, { roles })
  await on.pass(300)
}

async function walk(at: At, path: string, options: DecisionsOptions = {}) {
  const graph = await fleet.catalogueAt(1).decisions(at(path), options)
  const short = (address: string) => address.slice(at('').length)
  return {
    graph,
    nodes: graph.nodes.map(({ address, direction, hop }) => `${direction} ${hop} ${short(address)}`),
    links: graph.links.map(({ from, to, relation }) => `${short(from)} ${relation} ${short(to)}`).sort(),
  }
}

test('what led here and what came of it, by paths and by addresses', async () => {
  const at = newProject()
  const other = newProject()
  await decide(other, { far: {} })
  await decide(at, {
    root: { reason: 'the first' },
    old: { follows: ['root'], status: 'implemented', reason: 'tried', confidence: 0.5, author: 'ann' },
    new: { supersedes: 'old', follows: [at('root').replace('*^', '~~3'), other('far'), '/a b//c'] },
    user: { follows: ['new'] },
    'user/two': { follows: ['user', 'new'] },
    beside: { follows: ['root'] },
  })
  const { graph, nodes, links } = await walk(at, 'new')
  deepEqual(nodes, [
    'self 0 new',
    'before 1 old',
    'before 1 root',
    'after 1 user',
    'after 1 user/two',
    'before 1 far',
  ])
  deepEqual(links, [
    'new follows far',
    'new follows root',
    'new supersedes old',
    'old follows root',
    'user follows new',
    'user/two follows new',
    'user/two follows user',
  ])
  deepEqual(graph.truncated, [])
  deepEqual(graph.unclear, [{ from: at('new'), reference: '/a b//c' }])
  const { version, writtenAt, ...old } = graph.nodes.find(({ address }) => address === at('old'))!
  ok(version !== null && writtenAt !== null)
  deepEqual(old, {
    address: at('old'),
    direction: 'before',
    hop: 1,
    author: 'ann',
    title: 'old',
    reason: 'tried',
    status: 'implemented',
    confidence: 0.5,
    standing: 'superseded',
    supersededBy: [at('new')],
  })
  deepEqual((await walk(at, 'new', { direction: 'after' })).nodes, [
    'self 0 new',
    'after 1 user',
    'after 1 user/two',
  ])
  deepEqual((await walk(at, 'user/two', { direction: 'before', hops: 1 })).graph.truncated, ['hops'])
})

test('circles end, and what lies in one is both before and after', async () => {
  const at = newProject()
  await decide(at, { a: { follows: ['b', 'a'] }, b: { follows: ['c'] }, c: { follows: ['a'] } })
  const { nodes, links, graph } = await walk(at, 'a', { hops: 16 })
  deepEqual(nodes, ['self 0 a', 'both 1 b', 'both 1 c'])
  deepEqual(links, ['a follows b', 'b follows c', 'c follows a'])
  deepEqual(graph.truncated, [])
})

test('hops and size are bounded, and an answer that was cut says so', async () => {
  const at = newProject()
  const chain = Object.fromEntries(
    Array.from({ length: 8 }, (_, number) => [
      `n${number}`,
      number === 0 ? {} : { follows: [`n${number - 1}`] },
    ]),
  )
  await decide(at, chain)
  const near = await walk(at, 'n4', { hops: 2 })
  deepEqual(near.nodes, ['self 0 n4', 'before 1 n3', 'after 1 n5', 'before 2 n2', 'after 2 n6'])
  deepEqual(near.graph.truncated, ['hops'])
  deepEqual((await walk(at, 'n4', { hops: 4 })).graph.truncated, [])
  const few = await walk(at, 'n4', { hops: 4, limit: 3 })
  equal(few.nodes.length, 3)
  deepEqual(few.graph.truncated, ['limit'])
  for (const bad of [{ hops: 0 }, { hops: 17 }, { limit: 0 }, { limit: 1001 }, { direction: 'up' as 'both' }])
    equal((await refusal(fleet.catalogueAt(0).decisions(at('n4'), bad))).code, 'USAGE')
  const past = await refusal(fleet.catalogueAt(0).decisions(at('n4').replace('*^', '~~1')))
  equal(past.code, 'ADDRESS_INVALID')
  match(past.hint, /slurp history/)
  equal((await refusal(fleet.catalogueAt(0).decisions(at('none')))).code, 'NOT_FOUND')
})

test('what the roles do not open is named where it is named, and says nothing', async () => {
  const at = newProject()
  await decide(at, { secret: { follows: ['deeper'], reason: 'hidden' }, spy: { follows: ['open'] } }, fleet, [
    'admin',
  ])
  await decide(at, { deeper: {}, open: { follows: ['secret', 'missing'] } })
  const graph = await fleet.catalogueAt(1, keysFor(['developer'])).decisions(at('open'), { hops: 5 })
  deepEqual(
    graph.nodes.map(({ address, version, reason, standing }) => [
      address,
      version !== null,
      reason,
      standing,
    ]),
    [
      [at('open'), true, null, 'stands'],
      [at('missing'), false, null, null],
      [at('secret'), false, null, null],
    ],
  )
  equal(
    graph.links.some(({ from }) => from === at('spy')),
    false,
  )
})

test('a peer that has not everything reads what led here from the others', async () => {
  const at = newProject()
  const chain = Object.fromEntries(
    Array.from({ length: 12 }, (_, number) => [
      `n${number}`,
      number === 0 ? {} : { follows: [`n${number - 1}`] },
    ]),
  )
  await decide(at, chain, wide)
  for (const peer of [0, 1, 2, 3, 4]) {
    const graph = await wide.catalogueAt(peer).decisions(at('n11'), { hops: 16, direction: 'before' })
    equal(graph.nodes.length, 12)
    ok(graph.nodes.every(({ version }) => version !== null))
    ok(graph.coverage.partitions < graph.coverage.partitionsTotal)
  }
})

test('stale is what stands and follows what was superseded or withdrawn', async () => {
  const at = newProject()
  const prefix = at('').split('@')[1]!.split(':')[0]!
  await decide(at, {
    base: {},
    gone: { status: 'withdrawn/alpha' },
    replaced: { status: 'Superseded by the next' },
    old: { supersedes: 'old' },
    next: { supersedes: 'old', follows: ['old', 'base'] },
    undone: { supersedes: 'base', status: 'withdrawn' },
    'user/a': { follows: ['old', 'base'] },
    'user/b': { follows: ['gone', 'replaced', 'elsewhere'] },
    'user/c': { follows: ['gone'], status: 'withdrawn' },
    'user/d': { follows: ['base', 'next'] },
  })
  const catalogue = fleet.catalogueAt(0)
  const { contexts, total } = await catalogue.stale({ prefix })
  deepEqual(
    contexts.map(({ address, follows }) => [
      address,
      follows.map(({ address, standing, supersededBy }) => [address, standing, ...supersededBy]),
    ]),
    [
      [at('user/a'), [[at('old'), 'superseded', at('next')]]],
      [
        at('user/b'),
        [
          [at('gone'), 'withdrawn'],
          [at('replaced'), 'superseded'],
        ],
      ],
    ],
  )
  equal(total, 2)
  const first = await catalogue.stale({ prefix, limit: 1 })
  const second = await catalogue.stale({ prefix, limit: 1, cursor: first.cursor! })
  deepEqual([...first.contexts, ...second.contexts], contexts)
  equal(second.cursor, null)
  await fleet.storeAt(0).storeContext(at('user/a'), { decision: { follows: ['next'] } })
  await fleet.pass(300)
  equal((await catalogue.stale({ prefix })).total, 1)
})
