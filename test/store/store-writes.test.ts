// Goal: what is stored and deleted is so for every process, under the precondition that its writer named. Method:
// two processes of one fleet, on registers in memory and on production drivers.
import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict'
import { onBothFleets } from './both-fleets.ts'
import { refusal } from './refusal.ts'
import { newAddress, storeOn, withTime } from './stores.ts'

onBothFleets('writing contexts', check => {
  check(
    'what one process stores another reads, with who wrote it and who may read it',
    async ({ store, other }) => {
      const address = newAddress()
      const context = {
        title: 'Title',
        content: 'Inhalt äöü 😀\n\u0000',
        tags: ['a', 'b'],
        decision: { reason: 'because', supersedes: null, follows: [], commit: 'abc' },
        agent: 'agent-7',
        extra: { kept: [1, null] },
      }
      const stored = await store.storeContext(address.replace('/*^', ''), context)
      const { acks, replicas, ...rest } = stored
      ok(acks > replicas / 2 && acks <= replicas)
      deepEqual(rest, {
        address,
        version: stored.version,
        parent: null,
        roles: [
          { name: 'admin', keyVersion: 1 },
          { name: 'developer', keyVersion: 1 },
        ],
      })
      const read = await other.retrieveContext(address)
      const { extra, ...fields } = context
      deepEqual(read.context, { ...fields, metadata: { extra } })
      equal(read.version, stored.version)
      equal(read.parent, null)
      equal(read.author, 'agent-7')
      deepEqual(read.roles, stored.roles)
      match(read.writtenAt, /^20\d\d-.*Z$/)
    },
  )

  check(
    'who wrote it: the agent, else the author of the decision, else the process that signed it',
    async ({ bench, store, other }) => {
      const address = newAddress()
      await store.storeContext(address, { decision: { author: 'somebody' } })
      equal((await other.retrieveContext(address)).author, 'somebody')
      await store.storeContext(address, { title: 'nobody' })
      equal((await other.retrieveContext(address)).author, bench.processes[0]!.author.peerId)
      const named = storeOn(bench, bench.processes[1]!, { nameOf: () => 'p1' })
      equal((await named.retrieveContext(address)).author, 'p1')
      equal((await named.contextHistory(address)).versions[0]!.author, 'p1')
    },
  )

  check(
    'without ifVersion the last writer wins, whoever guessed wrong what stands',
    async ({ store, other, titleAt }) => {
      const address = newAddress()
      const first = await store.storeContext(address, { title: '1' })
      const second = await other.storeContext(address, { title: '2' })
      const third = await store.storeContext(address, { title: '3' })
      deepEqual([first.parent, second.parent, third.parent], [null, first.version, second.version])
      equal(await titleAt(address), '3')
      ok(first.version < second.version && second.version < third.version)
    },
  )

  check('ifVersion none: only where nothing is', async ({ store, other, titleAt }) => {
    const address = newAddress()
    const first = await store.storeContext(address, { title: '1' }, { ifVersion: 'none' })
    const failed = await refusal(other.storeContext(address, { title: '2' }, { ifVersion: 'none' }))
    equal(failed.code, 'VERSION_CONFLICT')
    equal(failed.currentVersion, first.version)
    await store.deleteContext(address)
    await other.storeContext(address, { title: '3' }, { ifVersion: 'none' })
    equal(await titleAt(address), '3')
  })

  check('ifVersion with a version: only over that one, which stands and lives', async ({ store, other }) => {
    const address = newAddress()
    const first = await store.storeContext(address, { title: '1' })
    const second = await other.storeContext(address, { title: '2' }, { ifVersion: first.version })
    for (const ifVersion of [first.version, '0'.repeat(24), 'f'.repeat(24)]) {
      const failed = await refusal(store.storeContext(address, { title: 'x' }, { ifVersion }))
      equal(failed.code, 'VERSION_CONFLICT')
      equal(failed.currentVersion, second.version)
    }
    const { version: grave } = await store.deleteContext(address)
    for (const ifVersion of [grave, second.version]) {
      const failed = await refusal(other.storeContext(address, { title: 'x' }, { ifVersion }))
      equal(failed.code, 'VERSION_CONFLICT')
      equal(failed.currentVersion, null)
    }
  })

  check('of two writers that name one version exactly one wins', async ({ store, other }) => {
    for (let round = 0; round < 5; round++) {
      const address = newAddress()
      const { version: ifVersion } = await store.storeContext(address, { title: '0' })
      const outcomes = await Promise.allSettled([
        store.storeContext(address, { title: 'mine' }, { ifVersion }),
        other.storeContext(address, { title: 'theirs' }, { ifVersion }),
      ])
      const won = outcomes.filter(outcome => outcome.status === 'fulfilled')
      const lost = outcomes.filter(outcome => outcome.status === 'rejected')
      equal(won.length, 1)
      equal(lost[0]!.reason.code, 'VERSION_CONFLICT')
      equal(lost[0]!.reason.currentVersion, won[0]!.value.version)
    }
  })

  check(
    'many writers of one address, from two processes: all are carried out, one after the other',
    async ({ store, other }) => {
      const address = newAddress()
      const writes = Array.from({ length: 16 }, (_, index) =>
        (index % 2 === 0 ? store : other).storeContext(
          address,
          { title: String(index) },
          { timeoutMs: 60_000 },
        ),
      )
      const stored = await Promise.all(writes)
      const { versions } = await store.contextHistory(address, { limit: 100 })
      deepEqual(
        versions.map(entry => entry.version),
        stored
          .map(each => each.version)
          .sort()
          .reverse(),
      )
      equal(new Set(stored.map(each => each.parent)).size, 16)
    },
  )

  check('a deletion: gone for readers, kept as history', async ({ store, other }) => {
    const address = newAddress()
    equal((await refusal(store.deleteContext(address))).code, 'NOT_FOUND')
    const { version } = await store.storeContext(address, { title: '1' })
    equal(
      (await refusal(other.deleteContext(address, { ifVersion: 'f'.repeat(24) }))).code,
      'VERSION_CONFLICT',
    )
    const deleted = await other.deleteContext(address, { ifVersion: version })
    equal(deleted.address, address)
    for (const reader of [store, other]) {
      equal((await refusal(reader.retrieveContext(address))).code, 'NOT_FOUND')
      equal((await refusal(reader.deleteContext(address))).code, 'NOT_FOUND')
    }
    equal((await refusal(store.deleteContext(address, { ifVersion: version }))).code, 'VERSION_CONFLICT')
    const { versions } = await store.contextHistory(address)
    deepEqual(
      versions.map(entry => [entry.version, entry.deleted, entry.roles.length]),
      [
        [deleted.version, true, 0],
        [version, false, 2],
      ],
    )
    equal((await store.retrieveContext(withTime(address, '~~1'))).version, version)
  })

  check(
    'a deletion without ifVersion deletes what stands, though another process wrote it since',
    async ({ store, other }) => {
      const address = newAddress()
      await store.storeContext(address, { title: '1' })
      const second = await other.storeContext(address, { title: '2' })
      const deleted = await store.deleteContext(address)
      const { versions } = await other.contextHistory(address)
      deepEqual(versions.map(entry => entry.version).slice(0, 2), [deleted.version, second.version])
    },
  )

  check('bad options are refused before anything is sent', async ({ store }) => {
    const address = newAddress()
    const cases: [() => Promise<unknown>, string][] = [
      [() => store.storeContext('nonsense', {}), 'ADDRESS_INVALID'],
      [() => store.storeContext(address, []), 'CONTEXT_INVALID'],
      [() => store.storeContext(address, { content: 'x'.repeat(1024 * 1024) }), 'TOO_LARGE'],
      [() => store.storeContext(address, {}, { ifVersion: 'latest' }), 'USAGE'],
      [() => store.storeContext(address, {}, { ifVersion: 'F'.repeat(24) }), 'USAGE'],
      [() => store.storeContext(address, {}, { ttlSeconds: 0 }), 'USAGE'],
      [() => store.storeContext(address, {}, { ttlSeconds: 1.5 }), 'USAGE'],
      [() => store.storeContext(address, {}, { ttlSeconds: 1e12 }), 'USAGE'],
      [() => store.storeContext(address, {}, { timeoutMs: 0 }), 'USAGE'],
      [() => store.retrieveContext(address, { timeoutMs: Number.NaN }), 'USAGE'],
      [() => store.retrieveContext(address, { consistency: 'eventual' as 'cached' }), 'USAGE'],
      [() => store.deleteContext(address, { ifVersion: 'none' }), 'USAGE'],
      [() => store.contextHistory(address, { limit: 0 }), 'USAGE'],
      [() => store.contextHistory(address, { limit: 201 }), 'USAGE'],
    ]
    for (const [work, code] of cases) equal((await refusal(work())).code, code)
    await rejects(store.retrieveContext(address), { code: 'NOT_FOUND' })
  })

  check('a context of the largest size is stored and read', async ({ store, other }) => {
    const address = newAddress()
    const content = Array.from({ length: 32_700 }, (_, index) => index.toString(36).padStart(32, 'ab')).join(
      '',
    )
    await store.storeContext(address, { content }, { timeoutMs: 60_000 })
    equal((await other.retrieveContext(address, { timeoutMs: 60_000 })).context.content, content)
  })
})
