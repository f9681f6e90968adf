// Goal: nothing readable lies on the disk, and pieces that were changed, moved, removed or put back from an older state
// are noticed: afterwards the index is whole again or asks to be fed. Method: the files and the database of a closed
// index, changed by hand.
import assert from 'node:assert/strict'
import { cp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { ClassicLevel } from 'classic-level'
import { SlurpError } from '../../base/errors.ts'
import type { RoleName } from '../../base/ids.ts'
import { newRoleKey } from '../../crypto/roles.ts'
import type { Change } from '../../node/search/api.ts'
import type { SearchHost } from '../../node/search/search-host.ts'
import {
  architect,
  at,
  developer,
  found,
  keyOf,
  keys,
  newDir,
  put,
  recipients,
  security,
  startSearch,
} from './fixtures.ts'

type Pieces = ClassicLevel<string, Uint8Array>
const documents: readonly Change[] = Array.from({ length: 30 }, (_, i) =>
  put(`d${i}`, {
    content: `xylophone ${i} quagmire`,
    roles: i % 2 === 0 ? [developer] : [developer, architect],
    tags: ['zeppelin'],
    path: `marmalade/${i}`,
  }),
)
const all = documents.length

async function withPieces<T>(dir: string, work: (pieces: Pieces) => Promise<T>): Promise<T> {
  const pieces: Pieces = new ClassicLevel(dir, { keyEncoding: 'utf8', valueEncoding: 'view' })
  await pieces.open()
  try {
    return await work(pieces)
  } finally {
    await pieces.close()
  }
}

/** A closed index with all documents. `spare`: the log of what came after is on disk too. */
async function closedIndex(t: TestContext): Promise<string> {
  const dir = await newDir(t)
  const host = await startSearch(t, dir)
  await host.apply(documents, at(1))
  await host.noteComplete()
  await host.close()
  return dir
}

/** Opens it after an attack, and sees to it that it is found out at the latest when all is asked for. */
async function isNoticed(t: TestContext, dir: string): Promise<SearchHost | null> {
  const host = await startSearch(t, dir)
  if ((await host.checkpoint()) === null) return host
  const answer = await host
    .search({ roles: [developer], query: 'xylophone', limit: 100 })
    .catch((thrown: unknown) => {
      assert.ok(thrown instanceof SlurpError && thrown.code === 'INTEGRITY_FAILED')
      return null
    })
  if (answer !== null) return null
  await host.settled()
  assert.equal(await host.checkpoint(), null)
  return host
}

async function isWholeAfterFeed(host: SearchHost): Promise<void> {
  assert.equal((await host.search({ roles: [developer], query: 'xylophone' })).complete, false)
  await host.apply(documents, at(1))
  await host.noteComplete()
  assert.equal((await found(host, 'xylophone')).length, all)
  assert.equal((await host.search({ roles: [developer], query: 'xylophone' })).complete, true)
}

test('no word of any document is in any file, also while it runs', async t => {
  const dir = await newDir(t)
  const host = await startSearch(t, dir)
  await host.apply(documents, at(1))
  const look = async () => {
    for (const entry of await readdir(dirname(dir), { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue
      const text = (await readFile(join(entry.parentPath, entry.name))).toString('latin1')
      for (const word of ['xylophone', 'quagmire', 'zeppelin', 'marmalade', 'ucxl://', keyOf('d1')]) {
        assert.ok(!text.includes(word), `${word} in ${entry.name}`)
      }
    }
  }
  await look()
  await host.optimize()
  await look()
  await host.close()
  await look()
})

const kinds: [string, RegExp][] = [
  ['header', /^head\//],
  ['manifest', /\/manifest$/],
  ['chunk', /\/s\//],
  ['record', /\/r\//],
]
const attacks: [string, (pieces: Pieces, chosen: string[]) => Promise<void>][] = [
  [
    'changed',
    async (pieces, [first]) => {
      const value = Uint8Array.from((await pieces.get(first!))!)
      value[value.length - 1]! ^= 1
      await pieces.put(first!, value)
    },
  ],
  ['cut off', async (pieces, [first]) => pieces.put(first!, (await pieces.get(first!))!.slice(0, 20))],
  ['removed', async (pieces, [first]) => pieces.del(first!)],
  [
    'swapped',
    async (pieces, [first, second]) => {
      const [a, b] = [await pieces.get(first!), await pieces.get(second!)]
      await pieces.batch([
        { type: 'put', key: first!, value: b! },
        { type: 'put', key: second!, value: a! },
      ])
    },
  ],
]

for (const [kind, name] of kinds) {
  for (const [how, attack] of attacks) {
    test(`a ${kind} that was ${how} is noticed, and all is there after a feed`, async t => {
      const dir = await closedIndex(t)
      await withPieces(dir, async pieces => {
        const chosen = (await pieces.keys().all()).filter(key => name.test(key))
        assert.ok(chosen.length >= 2, `there are pieces of this kind: ${chosen}`)
        await attack(pieces, chosen)
      })
      const host = await isNoticed(t, dir)
      assert.ok(host !== null, 'it was not noticed')
      await isWholeAfterFeed(host)
    })
  }
}

test('an older state of the database is noticed; with its mark it is that state, and the feed goes on from there', async t => {
  const dir = await closedIndex(t)
  const copy = `${dir}-older`
  await cp(dir, copy, { recursive: true })
  await cp(`${dir}.mark`, `${copy}.mark`)
  const later = await startSearch(t, dir)
  await later.apply([{ kind: 'remove', key: keyOf('d3') }], at(2))
  await later.close()
  await rm(dir, { recursive: true })
  await cp(copy, dir, { recursive: true })
  const noticed = await startSearch(t, dir)
  assert.equal(await noticed.checkpoint(), null)
  assert.deepEqual(await found(noticed, 'xylophone'), [])
  await noticed.close()
  const whole = await startSearch(t, copy)
  assert.deepEqual(await whole.checkpoint(), at(1))
  assert.equal((await found(whole, 'xylophone')).length, all)
})

test('an index without its mark, or with one of somebody else, is made anew', async t => {
  const dir = await closedIndex(t)
  await rm(`${dir}.mark`)
  const host = await startSearch(t, dir)
  assert.equal(await host.checkpoint(), null)
  await isWholeAfterFeed(host)
  await host.close()
  await writeFile(`${dir}.mark`, 'anything')
  assert.equal(await (await startSearch(t, dir)).checkpoint(), null)
})

test('a gap in the log is noticed', async t => {
  const dir = await newDir(t)
  const host = await startSearch(t, dir)
  await host.noteComplete()
  for (let i = 0; i < 5; i++) await host.apply([documents[i * 2]!], at(i))
  await host.close(false)
  await withPieces(dir, async pieces => {
    const log = (await pieces.keys().all()).filter(key => /\/l\//.test(key))
    assert.ok(log.length > 5)
    await pieces.del(log[3]!)
  })
  assert.equal(await (await startSearch(t, dir)).checkpoint(), null)
})

test('another process cannot use the files, nor plant its own', async t => {
  const dir = await closedIndex(t)
  const host = await startSearch(t, dir, { bindingSecret: new Uint8Array(32).fill(7) })
  assert.equal(await host.checkpoint(), null)
  assert.deepEqual(await found(host, ''), [])
})

test('what is sealed to a lost role is erased, what is sealed to a new one is fed again', async t => {
  const dir = await closedIndex(t)
  const without = await startSearch(t, dir, { roleKeys: keys.filter(({ name }) => name === architect) })
  assert.deepEqual(await without.checkpoint(), at(1))
  assert.equal((await found(without, 'xylophone', { roles: [architect] })).length, all / 2)
  await assert.rejects(found(without, 'xylophone'), { code: 'INDEX_UNKNOWN' })
  await without.close()
  const again = await startSearch(t, dir, { roleKeys: keys.filter(({ name }) => name !== security) })
  assert.equal(await again.checkpoint(), null)
  await again.apply(documents, at(1))
  assert.equal((await found(again, 'xylophone')).length, all)
})

test('after a rotation the index is made anew under the new key, and the old key opens nothing', async t => {
  const dir = await closedIndex(t)
  const newer = newRoleKey(developer, 2)
  const { identity, ...named } = newer
  const rotated = {
    roleKeys: [...keys, newer],
    recipients: [...recipients, { ...named, recipient: identity.recipient.text }],
  }
  const host = await startSearch(t, dir, rotated)
  await host.settled()
  assert.equal((await found(host, 'xylophone')).length, all)
  assert.deepEqual(await host.checkpoint(), at(1))
  await host.close()
  const old = keys.filter(({ name }) => name === developer)
  const stolen = await startSearch(t, dir, { ...rotated, roleKeys: old })
  assert.deepEqual(await found(stolen, 'xylophone'), [])
})

test('a key that is destroyed before the index was made anew leaves no hole that nobody knows of', async t => {
  const dir = await closedIndex(t)
  const newer = newRoleKey(developer, 2)
  const { identity, ...named } = newer
  const rotated = {
    roleKeys: [...keys.filter(({ name }) => name !== developer), newer],
    recipients: [...recipients, { ...named, recipient: identity.recipient.text }],
  }
  const host = await startSearch(t, dir, rotated)
  assert.equal(await host.checkpoint(), null, 'it has to be fed again')
  assert.equal((await host.search({ query: 'xylophone', roles: [developer] })).complete, false)
  await host.apply(documents, at(1))
  await host.noteComplete()
  assert.equal((await found(host, 'xylophone')).length, all)
})

test('a shelf is sealed to all roles of a fleet', async t => {
  const many = Array.from({ length: 32 }, (_, number) => newRoleKey(`role-${number}` as RoleName))
  const names = many.map(({ name }) => name)
  const dir = await newDir(t)
  const of = {
    roleKeys: many,
    recipients: many.map(({ name, keyVersion, identity }) => ({
      name,
      keyVersion,
      recipient: identity.recipient.text,
    })),
  }
  let host = await startSearch(t, dir, of)
  await host.apply([put('a', { roles: names, title: 'apple' })], { source: 's', sequence: 1 })
  await host.noteComplete()
  await host.close()
  host = await startSearch(t, dir, { ...of, roleKeys: many.slice(31) })
  assert.equal((await host.search({ roles: names.slice(31), query: 'apple' })).total, 1)
})

test('verify opens every piece and drops what is damaged', async t => {
  const dir = await closedIndex(t)
  await withPieces(dir, async pieces => {
    const [record] = (await pieces.keys().all()).filter(key => /\/r\//.test(key))
    await pieces.put(record!, new Uint8Array(300))
  })
  const host = await startSearch(t, dir)
  const { damaged, pieces } = await host.verify()
  assert.equal(damaged, 1)
  assert.ok(pieces > 10)
  await isWholeAfterFeed(host)
  assert.equal((await host.verify()).damaged, 0)
})
