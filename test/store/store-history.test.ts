// Goal: every version stays readable, by hop, by time and in pages. Method: two processes of one fleet write in
// turns, on registers in memory and on production drivers.
import { deepEqual, equal, match, notEqual, ok } from 'node:assert/strict'
import { onBothFleets } from './both-fleets.ts'
import { refusal } from './refusal.ts'
import { newAddress, withTime } from './stores.ts'

onBothFleets('reading the past', check => {
  check(
    'each temporal form finds its version, past deletions, and says how far it could go',
    async ({ bench, store, other, pass, titleAt }) => {
      const address = newAddress()
      const at: string[] = []
      const moment = async () => {
        await pass(10)
        at.push(new Date(bench.processes[0]!.clock.wallMs()).toISOString())
        await pass(10)
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
    },
  )

  check('the past is read only: writes and histories take the latest', async ({ store }) => {
    const address = withTime(newAddress(), '~~1')
    const failures = await Promise.all([
      refusal(store.storeContext(address, {})),
      refusal(store.deleteContext(address)),
      refusal(store.contextHistory(address)),
    ])
    for (const { code } of failures) equal(code, 'ADDRESS_INVALID')
  })

  check('the history in pages, newest first, with decisions', async ({ store, other }) => {
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

  check('a cursor is good for its address only', async ({ store }) => {
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
})
