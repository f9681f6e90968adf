// Goal: what holds at an address is merged from the root down, by the flags of each context, for what the reader can open,
// now and in the past. Method: two processes of one fleet, on registers in memory and on production drivers.
import { deepEqual, equal, match } from 'node:assert/strict'
import { test } from 'node:test'
import type { Version } from '../../../base/ids.ts'
import { contextKeyOf } from '../../../crypto/context-key.ts'
import { canonicalOf, parseAddress } from '../../../node/store/address.ts'
import type { Context } from '../../../node/store/api.ts'
import { onBothFleets, type TwoStores } from '../both-fleets.ts'
import { refusal } from '../refusal.ts'
import { openRegisterBench, PatientClock } from '../register-submitter.ts'
import { fleetSecret, keysFor, storeOn } from '../stores.ts'

let projects = 0

/** Addresses of one project of its own: `at('a/b')`. */
function newProject() {
  const project = `resolve-${++projects}`
  return (path: string, temporal = '*^') => `ucxl://any:any@${project}:any/${temporal}/${path}`
}

async function storeAll({ store }: TwoStores, contexts: readonly (readonly [string, Context])[]) {
  for (const [address, context] of contexts) await store.storeContext(address, context)
}

onBothFleets('resolving an address', check => {
  check('lists are united, of texts the nearest wins, and explain names every source', async stores => {
    const at = newProject()
    await storeAll(stores, [
      [at(''), { summary: 'root', purpose: 'all', tags: ['x', 'a'], metadata: { owner: 'one', size: 1 } }],
      [at('src'), { summary: 'sources', purpose: '', tags: ['b', 'x'], technologies: [] }],
      [
        at('src/a.ts'),
        {
          title: 'a',
          tags: ['c'],
          content: 'text',
          metadata: { size: 2 },
          decision: { reason: 'why' },
          appliesToChildren: 'none',
        },
      ],
    ])
    const found = await stores.other.resolveContext(at('src/a.ts'), { explain: true })
    deepEqual(found.context, {
      title: 'a',
      summary: 'sources',
      purpose: 'all',
      content: 'text',
      technologies: [],
      tags: ['x', 'a', 'b', 'c'],
      metadata: { owner: 'one', size: 2 },
      decision: { reason: 'why' },
      appliesToChildren: 'none',
    })
    equal(found.address, at('src/a.ts'))
    deepEqual(found.sources, {
      title: [at('src/a.ts')],
      summary: [at('src')],
      purpose: [at('')],
      content: [at('src/a.ts')],
      technologies: [at('src')],
      tags: [at(''), at('src'), at('src/a.ts')],
      metadata: [at(''), at('src/a.ts')],
      decision: [at('src/a.ts')],
      appliesToChildren: [at('src/a.ts')],
    })
    deepEqual(
      found.levels?.map(({ address, part }) => [address, part]),
      ['', 'src', 'src/a.ts'].map(path => [at(path), 'merged']),
    )
    const plain = await stores.store.resolveContext(at('src/a.ts'))
    deepEqual(plain, { address: found.address, context: found.context })
  })

  check('appliesToChildren and overridesParent steer what takes part', async stores => {
    const at = newProject()
    await storeAll(stores, [
      [at(''), { tags: ['root'], appliesToChildren: 'descendants' }],
      [at('a'), { tags: ['a'], appliesToChildren: 'children' }],
      [at('a/b'), { tags: ['b'], appliesToChildren: 'none', overridesParent: true }],
      [at('a/b/c'), { tags: ['c'], overridesParent: false }],
      [at('a/x'), { tags: ['x'], overridesParent: true }],
      [at('a/x/y'), { tags: ['y'] }],
    ])
    const tagsAt = async (path: string) => (await stores.other.resolveContext(at(path))).context.tags
    deepEqual(await tagsAt('a'), ['root', 'a'])
    deepEqual(await tagsAt('a/z'), ['root', 'a'], 'nothing is stored there itself')
    deepEqual(await tagsAt('a/z/z'), ['root'], 'what is for children is not for theirs')
    deepEqual(await tagsAt('a/b'), ['b'], 'it starts anew')
    deepEqual(await tagsAt('a/b/c'), ['root', 'c'], 'what is for itself only ends nothing further down')
    deepEqual(await tagsAt('a/x/y'), ['x', 'y'], 'it starts anew for those below it too')
    const { levels, context } = await stores.other.resolveContext(at('a/x/y'), { explain: true })
    deepEqual(
      levels?.map(({ part }) => part),
      ['overridden', 'notForChildren', 'merged', 'merged'],
    )
    equal('overridesParent' in context, false, 'flags are of the context itself, and it has none')
  })

  check('a change above is seen by the next resolve, and so is a deletion', async stores => {
    const at = newProject()
    await storeAll(stores, [
      [at(''), { summary: 'one' }],
      [at('a/b'), { title: 'leaf' }],
    ])
    const summary = async () => (await stores.other.resolveContext(at('a/b'))).context.summary
    equal(await summary(), 'one')
    await stores.store.storeContext(at(''), { summary: 'two' })
    equal(await summary(), 'two')
    await stores.store.storeContext(at('a'), { summary: 'three' })
    equal(await summary(), 'three')
    await stores.store.deleteContext(at('a'))
    equal(await summary(), 'two')
    await stores.store.deleteContext(at(''))
    equal(await summary(), undefined)
    await stores.store.deleteContext(at('a/b'))
    equal((await refusal(stores.other.resolveContext(at('a/b')))).code, 'NOT_FOUND')
  })

  check('only what the roles of the reader open takes part', async stores => {
    const at = newProject()
    const { store, bench } = stores
    await store.storeContext(
      at(''),
      { summary: 'for all', tags: ['all'] },
      { roles: ['tester', 'developer'] },
    )
    await store.storeContext(at('a'), { summary: 'secret', tags: ['secret'] }, { roles: ['admin'] })
    await store.storeContext(at('a/b'), { title: 'leaf' }, { roles: ['developer'] })
    await store.storeContext(at('hidden/x'), { title: 'leaf' }, { roles: ['admin'] })
    const developer = storeOn(bench, bench.processes[1]!, { keys: keysFor(['developer']) })
    const { context, sources, levels } = await developer.resolveContext(at('a/b'), { explain: true })
    deepEqual(context, { summary: 'for all', tags: ['all'], title: 'leaf' })
    equal(JSON.stringify({ sources, levels }).includes(`${at('a')}"`), false)
    deepEqual((await store.resolveContext(at('a/b'), { role: 'admin' })).context, {
      summary: 'secret',
      tags: ['secret'],
    })
    deepEqual((await developer.resolveContext(at('hidden/x'))).context.summary, 'for all')
    await store.deleteContext(at(''))
    equal((await refusal(developer.resolveContext(at('hidden/x')))).code, 'ROLE_DENIED')
    equal((await refusal(developer.resolveContext(at('hidden')))).code, 'NOT_FOUND')
    equal((await refusal(developer.resolveContext(at('a'), { role: 'admin' }))).code, 'ROLE_DENIED')
    equal((await refusal(developer.resolveContext(at('a'), { role: 'nobody' }))).code, 'ROLE_UNKNOWN')
  })

  check('at a past time every context is read as of then; at a hop, as of its version', async stores => {
    const at = newProject()
    const { store, other, pass, bench } = stores
    const times: string[] = []
    const moment = async () => {
      await pass(10)
      times.push(`@${new Date(bench.processes[0]!.clock.wallMs()).toISOString()}`)
      await pass(10)
    }
    await store.storeContext(at(''), { summary: 'r1' })
    await store.storeContext(at('a'), { title: 'a1' })
    await moment()
    await store.storeContext(at(''), { summary: 'r2' })
    await moment()
    await store.storeContext(at('a'), { title: 'a2' })
    await pass(10)
    await store.storeContext(at(''), { summary: 'r3' })
    await pass(10)
    const seen = async (temporal: string) => {
      const { context, levels } = await other.resolveContext(at('a', temporal), { explain: true })
      equal(levels?.at(-1)?.address, at('a', temporal))
      return [context.summary, context.title]
    }
    deepEqual(await seen('*^'), ['r3', 'a2'])
    deepEqual(await seen('~~0'), ['r3', 'a2'])
    deepEqual(await seen(times[0]!), ['r1', 'a1'])
    deepEqual(await seen(times[1]!), ['r2', 'a1'])
    deepEqual(await seen('~~1'), ['r1', 'a1'])
    deepEqual(await seen('^^1'), ['r2', 'a2'])
    equal((await refusal(other.resolveContext(at('a', '~~2')))).code, 'VERSION_UNKNOWN')
    equal((await refusal(other.resolveContext(at('a', '@2020-01-01')))).code, 'NOT_FOUND')
  })

  check(
    'where a history was trimmed too far to tell what held, nothing is merged without it',
    async stores => {
      const at = newProject()
      const { store, other, pass, bench } = stores
      await store.storeContext(at(''), { summary: 'r1' })
      await store.storeContext(at('a'), { title: 'a1' })
      await pass(10)
      const then = `@${new Date(bench.processes[0]!.clock.wallMs()).toISOString()}`
      await pass(10)
      const { version } = await store.storeContext(at(''), { summary: 'r2' })
      deepEqual((await other.resolveContext(at('a', then))).context, { summary: 'r1', title: 'a1' })
      const key = contextKeyOf(fleetSecret, canonicalOf(parseAddress(at(''))))
      await bench.processes[0]!.submitter.submit({ kind: 'trim', key, keepFrom: version as Version }, 5_000)
      const failed = await refusal(other.resolveContext(at('a', then)))
      deepEqual([failed.code, /not kept any more/.test(failed.message)], ['VERSION_UNKNOWN', true])
      equal((await refusal(other.retrieveContext(at('', then)))).code, 'VERSION_UNKNOWN')
      equal((await refusal(other.retrieveContext(at('b', then)))).code, 'NOT_FOUND')
      deepEqual((await other.resolveContext(at('a'))).context, { summary: 'r2', title: 'a1' })
    },
  )

  check('a path that is too deep and what is no address are refused', async stores => {
    const at = newProject()
    const deep = (depth: number) => at(Array.from({ length: depth }, () => 'd').join('/'))
    await stores.store.storeContext(at(''), { summary: 'root' })
    equal((await stores.other.resolveContext(deep(32))).context.summary, 'root')
    const tooDeep = await refusal(stores.other.resolveContext(deep(33)))
    equal(tooDeep.code, 'TOO_DEEP')
    match(tooDeep.message, /33 segments; at most 32/)
    equal((await refusal(stores.other.resolveContext('nowhere'))).code, 'ADDRESS_INVALID')
  })
})

test('one context above that cannot be read fails the whole, with all that was asked at once', async () => {
  const clock = new PatientClock()
  const bench = await openRegisterBench(1, clock)
  const store = storeOn(bench, bench.processes[0]!)
  const at = newProject()
  for (const path of ['', 'a', 'a/b']) await store.storeContext(at(path), { tags: [path] })
  let asked = 0
  let answered = 0
  let mostAtOnce = 0
  bench.mishap.of = async () => {
    asked += 1
    mostAtOnce = Math.max(mostAtOnce, asked - answered)
    await new Promise(resolve => setImmediate(resolve))
    answered += 1
    return null
  }
  await store.resolveContext(at('a/b/c'))
  deepEqual([asked, mostAtOnce], [4, 4])
  let left = 2
  bench.mishap.of = () => (--left === 0 ? { kind: 'unreached' } : null)
  equal((await refusal(store.resolveContext(at('a/b/c')))).code, 'QUORUM_UNREACHED')
})
