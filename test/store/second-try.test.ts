// Goal: a second try of a write whose first one may have succeeded stores nothing twice and drops nothing. Method: two
// processes of one fleet, on registers in memory and on production drivers.
import { deepEqual, equal, notEqual } from 'node:assert/strict'
import { onBothFleets } from './both-fleets.ts'
import { refusal } from './refusal.ts'
import { newAddress } from './stores.ts'

const first = '0'.repeat(24)

onBothFleets('second tries', check => {
  check('what is stored already is the answer, whoever stored it', async ({ store, other }) => {
    const address = newAddress()
    const context = { title: 'once', decision: { reason: 'r' } }
    const stored = await store.storeContext(address, context)
    const again = await other.storeContext(address, { ...context }, { unlessStoredAfter: first })
    deepEqual([again.version, again.parent, again.roles], [stored.version, null, stored.roles])
    equal((await store.contextHistory(address)).versions.length, 1)
  })

  check('what is not there is stored', async ({ store }) => {
    const address = newAddress()
    const stored = await store.storeContext(address, { title: 'new' }, { unlessStoredAfter: first })
    const { versions } = await store.contextHistory(address)
    deepEqual(
      versions.map(each => each.version),
      [stored.version],
    )
  })

  check(
    'a version between does not hide it, one for other roles or with other words is another',
    async bench => {
      const { store, other } = bench
      const address = newAddress()
      const one = await store.storeContext(address, { title: 'one' })
      await other.storeContext(address, { title: 'two' })
      const again = await store.storeContext(address, { title: 'one' }, { unlessStoredAfter: first })
      equal(again.version, one.version)
      const options = { unlessStoredAfter: first, roles: ['developer'] }
      const forOthers = await store.storeContext(address, { title: 'one' }, options)
      notEqual(forOthers.version, one.version)
      await store.storeContext(address, { title: 'One' }, { unlessStoredAfter: first })
      equal((await store.contextHistory(address)).versions.length, 4)
    },
  )

  check('what was acknowledged before the line is not the line', async ({ store, titleAt }) => {
    const address = newAddress()
    await store.storeContext(address, { title: 'there' })
    const { version } = await store.storeContext(address, { title: 'and back' })
    await store.storeContext(address, { title: 'there' }, { unlessStoredAfter: version })
    equal((await store.contextHistory(address)).versions.length, 3)
    equal(await titleAt(address), 'there')
  })

  check('a deleted context is stored again', async ({ store, titleAt }) => {
    const address = newAddress()
    await store.storeContext(address, { title: 'gone' })
    const { version } = await store.deleteContext(address)
    await store.storeContext(address, { title: 'gone' }, { unlessStoredAfter: version })
    equal(await titleAt(address), 'gone')
  })

  check('a wrong bound is refused', async ({ store }) => {
    const asked = store.storeContext(newAddress(), { title: 'x' }, { unlessStoredAfter: 'yesterday' })
    equal((await refusal(asked)).code, 'USAGE')
  })
})
