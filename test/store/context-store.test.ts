// Goal: the use cases do what DESIGN section 7 promises. Method: one suite of them, on registers in memory and on
// a fleet of production drivers over virtual ports.
import { deepEqual, equal, match, notEqual, ok, rejects } from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { SlurpError } from '../../base/errors.ts'
import type { RunningContextStore } from '../../node/store/context-store.ts'
import type { SubmitterBench } from '../contracts/submitter.ts'
import { openRegisterBench, PatientClock } from './register-submitter.ts'
import { keysFor, newAddress, storeOn, withTime } from './stores.ts'
import { openWorldBench } from './world-bench.ts'

type StoreBench = SubmitterBench & { pass(ms: number): Promise<void> }

async function onRegisters(): Promise<StoreBench> {
  const clock = new PatientClock()
  const bench = await openRegisterBench(2, clock)
  // Time has to pass by itself too, for pauses between tries.
  const ticking = setInterval(() => clock.pass(1), 1)
  return {
    ...bench,
    pass: async ms => clock.pass(ms),
    close: async () => clearInterval(ticking),
  }
}

async function onDrivers(): Promise<StoreBench> {
  const bench = await openWorldBench(4)
  const { clock } = bench.processes[0]!
  return { ...bench, pass: ms => new Promise(resolve => void clock.at(clock.monotonicMs() + ms, resolve)) }
}

storeSuite('registers', onRegisters)
storeSuite('drivers', onDrivers)

function storeSuite(name: string, open: () => Promise<StoreBench>): void {
  describe(`context store on ${name}`, () => {
    let bench: StoreBench
    let store: RunningContextStore
    /** Another process of the same fleet. */
    let other: RunningContextStore
    before(async () => {
      bench = await open()
      store = storeOn(bench, bench.processes[0]!)
      other = storeOn(bench, bench.processes[1]!)
    })
    after(() => bench.close())

    const titleAt = async (address: string) => (await other.retrieveContext(address)).context.title
    const refusal = async (work: Promise<unknown>): Promise<SlurpError> => {
      try {
        await work
      } catch (thrown) {
        ok(thrown instanceof SlurpError, String(thrown))
        return thrown
      }
      throw new Error('it was carried out')
    }

    test('what one process stores another reads, with who wrote it and who may read it', async () => {
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
    })

    test('who wrote it: the agent, else the author of the decision, else the process that signed it', async () => {
      const address = newAddress()
      await store.storeContext(address, { decision: { author: 'somebody' } })
      equal((await other.retrieveContext(address)).author, 'somebody')
      await store.storeContext(address, { title: 'nobody' })
      equal((await other.retrieveContext(address)).author, bench.processes[0]!.author.peerId)
      const named = storeOn(bench, bench.processes[1]!, { nameOf: () => 'p1' })
      equal((await named.retrieveContext(address)).author, 'p1')
      equal((await named.contextHistory(address)).versions[0]!.author, 'p1')
    })

    test('without ifVersion the last writer wins, whoever guessed wrong what stands', async () => {
      const address = newAddress()
      const first = await store.storeContext(address, { title: '1' })
      const second = await other.storeContext(address, { title: '2' })
      const third = await store.storeContext(address, { title: '3' })
      deepEqual([first.parent, second.parent, third.parent], [null, first.version, second.version])
      equal(await titleAt(address), '3')
      ok(first.version < second.version && second.version < third.version)
    })

    test('ifVersion none: only where nothing is', async () => {
      const address = newAddress()
      const first = await store.storeContext(address, { title: '1' }, { ifVersion: 'none' })
      const failed = await refusal(other.storeContext(address, { title: '2' }, { ifVersion: 'none' }))
      equal(failed.code, 'VERSION_CONFLICT')
      equal(failed.currentVersion, first.version)
      await store.deleteContext(address)
      await other.storeContext(address, { title: '3' }, { ifVersion: 'none' })
      equal(await titleAt(address), '3')
    })

    test('ifVersion with a version: only over that one, which stands and lives', async () => {
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

    test('of two writers that name one version exactly one wins', async () => {
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

    test('many writers of one address, from two processes: all are carried out, one after the other', async () => {
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
    })

    test('a deletion: gone for readers, kept as history', async () => {
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

    test('a deletion without ifVersion deletes what stands, though another process wrote it since', async () => {
      const address = newAddress()
      await store.storeContext(address, { title: '1' })
      const second = await other.storeContext(address, { title: '2' })
      const deleted = await store.deleteContext(address)
      const { versions } = await other.contextHistory(address)
      deepEqual(versions.map(entry => entry.version).slice(0, 2), [deleted.version, second.version])
    })

    test('each temporal form finds its version, past deletions, and says how far it could go', async () => {
      const address = newAddress()
      const at: string[] = []
      const moment = async () => {
        await bench.pass(10)
        at.push(new Date(bench.processes[0]!.clock.wallMs()).toISOString())
        await bench.pass(10)
      }
      await moment()
      await store.storeContext(address, { title: '1' })
      await moment()
      await other.storeContext(address, { title: '2' })
      await store.deleteContext(address)
      await moment()
      await other.storeContext(address, { title: '3' })
      await store.storeContext(address, { title: '4' })

      const found: Record<string, string> = {
        '*^': '4',
        '*~': '1',
        '~~0': '4',
        '~~1': '3',
        '~~2': '2',
        '~~3': '1',
        '^^0': '1',
        '^^1': '2',
        '^^2': '3',
        '^^3': '4',
        [`@${at[1]}`]: '1',
        '@9000-01-01': '4',
      }
      for (const [temporal, title] of Object.entries(found))
        equal(await titleAt(withTime(address, temporal)), title)
      equal((await store.retrieveContext(withTime(address, '~~2'))).address, withTime(address, '~~2'))

      for (const temporal of ['~~4', '^^4']) {
        const failed = await refusal(store.retrieveContext(withTime(address, temporal)))
        equal(failed.code, 'VERSION_UNKNOWN')
        match(failed.message, /only 3 hops/)
      }
      for (const moment of [at[0], at[2]])
        equal((await refusal(store.retrieveContext(withTime(address, `@${moment}`)))).code, 'NOT_FOUND')
      for (const temporal of ['*^', '*~', '~~1', '^^1', '@2026-01-01'])
        equal((await refusal(store.retrieveContext(withTime(newAddress(), temporal)))).code, 'NOT_FOUND')
    })

    test('the past is read only: writes and histories take the latest', async () => {
      const address = withTime(newAddress(), '~~1')
      const failures = await Promise.all([
        refusal(store.storeContext(address, {})),
        refusal(store.deleteContext(address)),
        refusal(store.contextHistory(address)),
      ])
      for (const { code } of failures) equal(code, 'ADDRESS_INVALID')
    })

    test('the history in pages, newest first, with decisions', async () => {
      const address = newAddress()
      equal((await refusal(store.contextHistory(address))).code, 'NOT_FOUND')
      for (let number = 1; number <= 13; number++)
        await store.storeContext(address, { agent: `a${number}`, decision: { reason: `r${number}` } })
      for (const limit of [1, 4, 6, 13, 50]) {
        const authors: string[] = []
        let cursor: string | undefined
        do {
          const page = await other.contextHistory(address, {
            limit,
            ...(cursor === undefined ? {} : { cursor }),
          })
          ok(page.versions.length <= limit)
          authors.push(...page.versions.map(entry => `${entry.author} ${entry.decision?.reason}`))
          cursor = page.cursor ?? undefined
        } while (cursor !== undefined)
        deepEqual(
          authors,
          Array.from({ length: 13 }, (_, index) => `a${13 - index} r${13 - index}`),
        )
      }
    })

    test('a cursor is good for its address only', async () => {
      const [one, two] = [newAddress(), newAddress()]
      for (const address of [one, two])
        for (const title of ['1', '2']) await store.storeContext(address, { title })
      const { cursor } = await store.contextHistory(one, { limit: 1 })
      notEqual(cursor, null)
      equal((await store.contextHistory(one, { cursor: cursor! })).versions.length, 1)
      equal((await refusal(store.contextHistory(two, { cursor: cursor! }))).code, 'USAGE')
      for (const bad of ['', 'x', `${cursor}A`, cursor!.slice(1), '\u0000'])
        equal((await refusal(store.contextHistory(one, { cursor: bad }))).code, 'USAGE')
    })

    test('who may read: by role, from memory too', async () => {
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

    test('a blind peer says so', async () => {
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

    test('what has expired is gone at once, from memory and history too', async () => {
      const address = newAddress()
      const { version } = await store.storeContext(address, { agent: 'brief' }, { ttlSeconds: 2 })
      equal((await other.retrieveContext(address)).version, version)
      equal((await other.contextHistory(address)).versions[0]!.author, 'brief')
      await bench.pass(1_900)
      await other.retrieveContext(address)
      await bench.pass(200)
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
    })

    test('a cached read answers from memory for a while, and never more than that', async () => {
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
      await bench.pass(1_100)
      equal((await other.retrieveContext(address, { consistency: 'cached' })).context.title, '2')
    })

    test('a process reads its own writes and deletions from memory', async () => {
      const address = newAddress()
      for (const title of ['1', '2']) {
        await store.storeContext(address, { title })
        equal((await store.retrieveContext(address, { consistency: 'cached' })).context.title, title)
      }
      await store.deleteContext(address)
      equal((await refusal(store.retrieveContext(address, { consistency: 'cached' }))).code, 'NOT_FOUND')
    })

    test('bytes that a quorum names again are not opened again', async () => {
      const address = newAddress()
      await store.storeContext(address, { title: '1' })
      await bench.pass(5_000)
      const { opensSaved } = store.counters()
      equal((await store.retrieveContext(address)).context.title, '1')
      equal(store.counters().opensSaved, opensSaved! + 1)
    })

    test('bad options are refused before anything is sent', async () => {
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

    test('a context of the largest size is stored and read', async () => {
      const address = newAddress()
      const content = Array.from({ length: 32_700 }, (_, index) =>
        index.toString(36).padStart(32, 'ab'),
      ).join('')
      await store.storeContext(address, { content }, { timeoutMs: 60_000 })
      equal((await other.retrieveContext(address, { timeoutMs: 60_000 })).context.content, content)
    })
  })
}
