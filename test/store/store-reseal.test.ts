// Goal: what was sealed anew is for every reader and writer the version that it was; only who looks at the key version
// sees it. Method: two processes of one fleet on registers and on production drivers; every version is sealed anew, once
// and twice, before what a caller does next.
import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { contextKeyOf } from '../../crypto/context-key.ts'
import { resealBody } from '../../crypto/reseal.ts'
import { newRoleKey, type RoleKey } from '../../crypto/roles.ts'
import { Resealer } from '../../node/reseal/resealer.ts'
import { canonicalOf, parseAddress } from '../../node/store/address.ts'
import { onBothFleets, type TwoStores } from './both-fleets.ts'
import { roleKeys } from './identities.ts'
import { refusal } from './refusal.ts'
import { fleetSecret, keysFor, newAddress, storeOn, withTime } from './stores.ts'

const newer: readonly RoleKey[] = roleKeys.map(({ name }) => newRoleKey(name, 2))
const newest: readonly RoleKey[] = roleKeys.map(({ name }) => newRoleKey(name, 3))
const all = [...roleKeys, ...newer, ...newest]
const identitiesOf = (name: string, keyVersion: number) =>
  all.flatMap(key => (key.name === name && key.keyVersion === keyVersion ? [key.identity] : []))
const keyOf = (address: string) => contextKeyOf(fleetSecret, canonicalOf(parseAddress(address)))

/** Seals what stands at an address to these keys, as a peer that has the lead. */
async function reseal(
  { bench }: TwoStores,
  address: string,
  to: readonly RoleKey[],
  work = () => Promise.resolve(),
) {
  const process = bench.processes[1]!
  const key = keyOf(address)
  const found = await process.submitter.submit({ kind: 'read', key }, 5_000)
  ok(found.kind === 'found')
  const resealer = new Resealer({
    ...process,
    fleet: bench.fleet,
    grant: () => ({}),
    currentKeys: name => {
      const role = to.find(each => each.name === name)!
      return { name, keyVersion: role.keyVersion, recipient: role.identity.recipient.text }
    },
    sealer: {
      seal: async (data, binding, recipients) => {
        const body = resealBody(data, identitiesOf, binding, recipients)
        await work()
        return body
      },
    },
  })
  return await resealer.reseal(key, found.value)
}

onBothFleets('contexts sealed anew', check => {
  const readers = ({ bench }: TwoStores) => {
    const keys = { ...keysFor(['admin', 'developer']), identitiesOf }
    return bench.processes.map(process => storeOn(bench, process, { keys }))
  }

  check(
    'a read gives the version, the time and the author of before, and the new key version',
    async stores => {
      const address = newAddress()
      const [, reader] = readers(stores)
      const first = await stores.store.storeContext(address, { title: '1' })
      const stored = await stores.store.storeContext(address, { title: '2', agent: 'agent-7' })
      const before = await reader!.retrieveContext(address)
      for (const [to, keyVersion] of [
        [newer, 2],
        [newest, 3],
      ] as const) {
        equal(await reseal(stores, address, to), 'done')
        const after = await reader!.retrieveContext(address)
        deepEqual(
          after.roles.map(role => role.keyVersion),
          [keyVersion, keyVersion],
        )
        deepEqual({ ...after, roles: before.roles }, before)
      }
      equal(before.version, stored.version)
      equal(before.parent, first.version)
      equal((await reader!.retrieveContext(withTime(address, '~~1'))).version, first.version)
      equal((await reader!.retrieveContext(withTime(address, '^^1'))).version, stored.version)
    },
  )

  check('who wrote it is who signed it, and not who sealed it anew', async stores => {
    const address = newAddress()
    await stores.store.storeContext(address, { title: '1' })
    await reseal(stores, address, newer)
    const author = stores.bench.processes[0]!.author.peerId
    for (const reader of readers(stores)) {
      equal((await reader.retrieveContext(address)).author, author)
      equal((await reader.contextHistory(address)).versions[0]!.author, author)
    }
    // Who cannot open it is told the same.
    equal((await stores.store.contextHistory(address)).versions[0]!.author, author)
  })

  check(
    'a write that names the version of before is carried out over any number of reseals',
    async stores => {
      const address = newAddress()
      const [writer, other] = readers(stores)
      let { version } = await writer!.storeContext(address, { title: '0' })
      for (const [count, store] of [writer!, other!, writer!, other!].entries()) {
        equal(await reseal(stores, address, newer), 'done')
        if (count % 2 === 1) equal(await reseal(stores, address, newest), 'done')
        const stored = await store.storeContext(address, { title: `${count + 1}` }, { ifVersion: version })
        equal(stored.parent, version)
        const late = await refusal(store.storeContext(address, { title: 'late' }, { ifVersion: version }))
        deepEqual([late.code, late.currentVersion], ['VERSION_CONFLICT', stored.version])
        version = stored.version
      }
      await reseal(stores, address, newer)
      const refused = await refusal(other!.storeContext(address, { title: 'x' }, { ifVersion: 'none' }))
      deepEqual([refused.code, refused.currentVersion], ['VERSION_CONFLICT', version])
      await writer!.storeContext(address, { title: 'last' })
      equal((await other!.retrieveContext(address)).context.title, 'last')
    },
  )

  check('a deletion that names the version of before is carried out', async stores => {
    const [writer, other] = readers(stores)
    for (const remove of [
      (address: string, version: string) => other!.deleteContext(address, { ifVersion: version }),
      (address: string) => other!.deleteContext(address),
      (address: string) => writer!.deleteContext(address),
    ]) {
      const address = newAddress()
      const { version } = await writer!.storeContext(address, { title: '1' })
      await reseal(stores, address, newer)
      await remove(address, version)
      equal((await refusal(writer!.retrieveContext(address))).code, 'NOT_FOUND')
    }
  })

  check('whoever writes while it is sealed anew wins', async stores => {
    const address = newAddress()
    const [writer] = readers(stores)
    const { version } = await writer!.storeContext(address, { title: '1' })
    const between = async () =>
      void (await writer!.storeContext(address, { title: '2' }, { ifVersion: version }))
    equal(await reseal(stores, address, newer, between), 'overtaken')
    equal((await writer!.retrieveContext(address)).context.title, '2')
    equal(await stores.titleAt(address), '2')
  })

  check('a history shows a reseal and what it stands for once, on every page', async stores => {
    const address = newAddress()
    const [writer, reader] = readers(stores)
    for (let count = 0; count < 5; count++) {
      await writer!.storeContext(address, { title: `${count}`, decision: { reason: `because ${count}` } })
      if (count % 2 === 0) await reseal(stores, address, newer)
      if (count === 2) await reseal(stores, address, newest)
    }
    const whole = await reader!.contextHistory(address)
    deepEqual(
      whole.versions.map(({ decision }) => decision?.reason),
      [4, 3, 2, 1, 0].map(count => `because ${count}`),
    )
    equal(whole.keptFrom, null)
    for (const limit of [1, 2, 3]) {
      const pages = []
      let cursor: string | null | undefined
      do {
        const page = await reader!.contextHistory(address, { limit, ...(cursor ? { cursor } : {}) })
        ok(page.versions.length <= limit)
        pages.push(...page.versions)
        cursor = page.cursor
      } while (cursor !== null)
      deepEqual(pages, whole.versions)
    }
    const titles = await Promise.all(
      whole.versions.map(
        async ({ writtenAt }) => (await reader!.retrieveContext(withTime(address, `@${writtenAt}`))).version,
      ),
    )
    ok(titles.every((version, place) => version >= whole.versions[place]!.version))
    const { changes, from, to } = await reader!.compareContexts(address)
    deepEqual([from.version, to.version], [whole.versions[1]!.version, whole.versions[0]!.version])
    ok(changes.length > 0)
    for (const { version } of whole.versions)
      equal((await reader!.compareContexts(`${address}#${version}`, address)).from.version, version)
  })

  check('what a reseal stands for may go: its entry stays', async stores => {
    const address = newAddress()
    const [writer, reader] = readers(stores)
    const { version } = await writer!.storeContext(address, { title: '1' })
    await reseal(stores, address, newer)
    const { submitter } = stores.bench.processes[0]!
    const head = await submitter.submit({ kind: 'read', key: keyOf(address) }, 5_000)
    ok(head.kind === 'found' && head.value.version > version)
    const trimmed = await submitter.submit(
      { kind: 'trim', key: keyOf(address), keepFrom: head.value.version },
      5_000,
    )
    equal(trimmed.kind, 'trimmed')
    const { versions, keptFrom } = await reader!.contextHistory(address)
    deepEqual([versions.map(each => each.version), keptFrom], [[version], null])
    const { writtenAt } = versions[0]!
    equal((await reader!.retrieveContext(withTime(address, `@${writtenAt}`))).version, version)
    equal((await reader!.retrieveContext(withTime(address, '*~'))).context.title, '1')
    await writer!.storeContext(address, { title: '2' }, { ifVersion: version })
  })

  check(
    'a second try finds its first one behind a reseal, and an old text sealed anew is none',
    async stores => {
      const address = newAddress()
      const [writer] = readers(stores)
      const old = await writer!.storeContext(address, { title: 'same' })
      await reseal(stores, address, newer)
      const after = old.version
      const first = await writer!.storeContext(address, { title: 'same' }, { unlessStoredAfter: after })
      ok(first.version > old.version, 'what is older is no first try, however late it was sealed anew')
      await reseal(stores, address, newer)
      const again = await writer!.storeContext(address, { title: 'same' }, { unlessStoredAfter: after })
      equal(again.version, first.version)
    },
  )

  check('who has the keys of before only reads it no more', async stores => {
    const address = newAddress()
    await stores.store.storeContext(address, { title: '1' })
    await reseal(stores, address, newer)
    await rejects(stores.store.retrieveContext(address), { code: 'ROLE_DENIED' })
  })
})
