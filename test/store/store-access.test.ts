// Goal: who may read is held for every way to an answer, memory included, and what has expired is gone on all of
// them. Method: processes with other roles, on registers in memory and on production drivers.
import { deepEqual, equal } from 'node:assert/strict'
import { onBothFleets } from './both-fleets.ts'
import { refusal } from './refusal.ts'
import { keysFor, newAddress, storeOn, withTime } from './stores.ts'

onBothFleets('access and memory', check => {
  check('who may read: by role, from memory too', async ({ bench, store }) => {
    const address = newAddress()
    const tester = storeOn(bench, bench.processes[1]!, { keys: keysFor(['tester']) })
    await store.storeContext(address, { title: 'for testers' }, { roles: ['tester', 'tester'] })
    deepEqual((await tester.retrieveContext(address)).roles, [{ name: 'tester', keyVersion: 1 }])
    for (const consistency of ['linearizable', 'cached'] as const)
      equal((await refusal(store.retrieveContext(address, { consistency }))).code, 'ROLE_DENIED')

    await store.storeContext(address, { title: 'for both' }, { roles: ['tester', 'admin'] })
    equal((await store.retrieveContext(address, { role: 'admin' })).context.title, 'for both')
    equal((await refusal(store.retrieveContext(address, { role: 'developer' }))).code, 'ROLE_DENIED')
    equal((await refusal(store.retrieveContext(address, { role: 'tester' }))).code, 'ROLE_DENIED')
    equal((await refusal(store.retrieveContext(address, { role: 'pilot' }))).code, 'ROLE_UNKNOWN')
    equal((await refusal(store.storeContext(address, {}, { roles: ['pilot'] }))).code, 'ROLE_UNKNOWN')
    equal((await refusal(store.storeContext(address, {}, { roles: [] }))).code, 'USAGE')
    equal((await refusal(store.storeContext(address, {}, { roles: ['<b>'] }))).code, 'ROLE_UNKNOWN')
    const none = storeOn(bench, bench.processes[1]!, { keys: keysFor([]) })
    equal((await refusal(none.storeContext(address, {}))).code, 'ROLE_DENIED')

    const seen = await store.contextHistory(address)
    deepEqual(
      seen.versions.map(entry => entry.author),
      [bench.processes[0]!.author.peerId, bench.processes[0]!.author.peerId],
    )
    deepEqual(
      seen.versions.map(entry => entry.roles.map(role => role.name)),
      [['admin', 'tester'], ['tester']],
    )
    await store.storeContext(address, { agent: 'hidden', decision: { reason: 'r' } }, { roles: ['tester'] })
    const [hidden] = (await store.contextHistory(address)).versions
    deepEqual([hidden!.author, hidden!.decision], [bench.processes[0]!.author.peerId, null])
    deepEqual((await tester.contextHistory(address)).versions[0]!.decision, { reason: 'r' })
  })

  check('a blind peer says so', async ({ bench }) => {
    const blind = storeOn(bench, bench.processes[1]!, { keys: keysFor([], true) })
    const address = newAddress()
    const failures = await Promise.all([
      refusal(blind.storeContext(address, {})),
      refusal(blind.retrieveContext(address)),
      refusal(blind.deleteContext(address)),
      refusal(blind.contextHistory(address)),
    ])
    for (const { code } of failures) equal(code, 'SEALED')
  })

  check(
    'what has expired is gone at once, from memory and history too',
    async ({ bench, store, other, pass }) => {
      const address = newAddress()
      const { version } = await store.storeContext(address, { agent: 'brief' }, { ttlSeconds: 2 })
      equal((await other.retrieveContext(address)).version, version)
      equal((await other.contextHistory(address)).versions[0]!.author, 'brief')
      await pass(1_900)
      await other.retrieveContext(address)
      await pass(200)
      for (const consistency of ['linearizable', 'cached'] as const) {
        equal((await refusal(other.retrieveContext(address, { consistency }))).code, 'NOT_FOUND')
        equal((await refusal(store.retrieveContext(address, { consistency }))).code, 'NOT_FOUND')
      }
      equal((await refusal(store.retrieveContext(withTime(address, '*~')))).code, 'NOT_FOUND')
      equal((await refusal(store.deleteContext(address))).code, 'NOT_FOUND')
      const [entry] = (await store.contextHistory(address)).versions
      deepEqual(
        [entry!.deleted, entry!.decision, entry!.author],
        [true, null, bench.processes[0]!.author.peerId],
      )
      const again = await other.storeContext(address, { title: 'again' }, { ifVersion: 'none' })
      equal(again.parent, version)
    },
  )

  check(
    'a cached read answers from memory for a while, and never more than that',
    async ({ store, other, pass }) => {
      const address = newAddress()
      await store.storeContext(address, { title: '1', tags: ['a'] })
      const first = await other.retrieveContext(address, { consistency: 'cached' })
      await store.storeContext(address, { title: '2' })
      const { cacheHits } = other.counters()
      const old = await other.retrieveContext(address, { consistency: 'cached' })
      equal(old.version, first.version)
      equal(other.counters().cacheHits, cacheHits! + 1)
      old.context.tags!.push('spoilt')
      deepEqual((await other.retrieveContext(address, { consistency: 'cached' })).context.tags, ['a'])
      await pass(1_100)
      equal((await other.retrieveContext(address, { consistency: 'cached' })).context.title, '2')
    },
  )

  check('a process reads its own writes and deletions from memory', async ({ store }) => {
    const address = newAddress()
    for (const title of ['1', '2']) {
      await store.storeContext(address, { title })
      equal((await store.retrieveContext(address, { consistency: 'cached' })).context.title, title)
    }
    await store.deleteContext(address)
    equal((await refusal(store.retrieveContext(address, { consistency: 'cached' }))).code, 'NOT_FOUND')
  })

  check('bytes that a quorum names again are not opened again', async ({ store, pass }) => {
    const address = newAddress()
    await store.storeContext(address, { title: '1' })
    await pass(5_000)
    const { opensSaved } = store.counters()
    equal((await store.retrieveContext(address)).context.title, '1')
    equal(store.counters().opensSaved, opensSaved! + 1)
  })
})
