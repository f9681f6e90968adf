// Goal: the copy of an agent is what members have of its roles: it follows them, goes on with another one, takes back nothing that
// it has seen, and takes in nothing that its author did not write; and members tell of nothing else. Method: real drivers,
// desks, disks and signatures; between agent and members answers are bent as a test says.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ContextKey, PeerId } from '../../base/ids.ts'
import {
  copyLimits,
  decodeChanges,
  decodeHeads,
  decodeVersions,
  encodeChanges,
  encodeHeads,
  encodeVersions,
} from '../../node/agents/copy-wire.ts'
import type { AgentAnswer } from '../../node/agents/wire.ts'
import { until } from '../keys/fleets.ts'
import { openCopyBench } from './copy-bench.ts'

const at = (path: string) => `ucxl://any:any@copy:any/*^/${path}`
const everybody = ['developer', 'tester']
const mine = { roles: ['developer'] }
const theirs = { roles: ['tester'] }
const done = (body: Uint8Array): AgentAnswer => ({ kind: 'done', body })
const bodyOf = (answer: AgentAnswer): Uint8Array => (answer.kind === 'done' ? answer.body : new Uint8Array())

test('what is written, replaced, deleted and sealed to others is followed, and of others there is no word', async t => {
  const { follow, store, other, held, desks, ids, lists, sees } = await openCopyBench(t)
  const versions = new Map<string, string>()
  const put = async (path: string, roles: readonly string[]) => {
    const { version } = await store.storeContext(at(path), { title: path }, { roles: [...roles] })
    versions.set(path, version)
  }
  await put('before', ['developer'])
  await put('theirs', ['tester'])
  const follower = follow()
  const has = (paths: readonly string[]) =>
    until(`the copy has ${paths}`, async () => {
      const there = (await held()).map(({ version }) => version).sort()
      return String(there) === String(paths.map(path => versions.get(path)!).sort())
    })
  await has(['before'])
  await until('all is compared', () => follower.whole().length === 16)
  await put('a', ['developer'])
  await put('both', everybody)
  await put('theirs', ['tester'])
  await has(['a', 'before', 'both'])
  await put('a', ['developer'])
  await has(['a', 'before', 'both'])
  await store.deleteContext(at('before'))
  await put('both', ['tester'])
  await has(['a'])
  const told = await desks.get(ids[0]!)!.answer({ kind: 'changes', after: 0 }, sees)
  const { heads } = decodeChanges(told!.body)!
  assert.equal(heads.length, 3, 'what was never for who asks is not told of, not even that it changed')
  assert.ok(lists[0]!.last > 0)
  await other.deleteContext(at('theirs'))
})

test('a page and an answer have their caps, and what does not fit comes with the next one', async t => {
  const { follow, store, copy, held, asked } = await openCopyBench(t)
  const content = 'x'.repeat(200_000)
  const address = at('long')
  const written: string[] = []
  for (let round = 0; round < 30; round++) {
    const random = Array.from(content, () => String.fromCharCode(33 + Math.floor(Math.random() * 90))).join(
      '',
    )
    written.push((await store.storeContext(address, { content: random }, mine)).version)
  }
  follow()
  await until('the copy has it', async () => (await held()).length === 1)
  const [{ key }] = (await held()) as [{ key: ContextKey }]
  const kept = await copy.local.versions(key, '0'.repeat(24) as never, 100)
  assert.deepEqual(kept, written)
  assert.ok(asked.filter(([, kind]) => kind === 'versions').length > 1, 'one answer does not hold them all')
})

test('another member takes over when one is gone, and what was there already is not fetched again', async t => {
  const { follow, store, held, gone, asked, ids } = await openCopyBench(t)
  for (let each = 0; each < 20; each++) await store.storeContext(at(`k/${each}`), { title: 'k' }, mine)
  const follower = follow()
  await until('all is compared', () => follower.whole().length === 16)
  const [first] = asked.find(([, kind]) => kind === 'versions')!
  asked.length = 0
  gone.add(first)
  // The other one alone has no quorum: nothing is written now, and what stands is compared.
  const [second] = ids.filter(id => id !== first) as [PeerId]
  await until('the other one is asked', () =>
    asked.some(([peer, kind]) => peer === second && kind === 'heads'),
  )
  await until(
    'it is followed',
    () => asked.filter(([peer, kind]) => peer === second && kind === 'changes').length > 3,
  )
  assert.equal(follower.whole().length, 16)
  assert.deepEqual(
    asked.filter(([, kind]) => kind === 'versions'),
    [],
  )
  gone.delete(first)
  await store.storeContext(at('new'), { title: 'new' }, mine)
  await until('it is there', async () => (await held()).length === 21)
})

test('a list that does not go back, and a member that is asked anew after a while, lead to the same', async t => {
  const { follow, store, held, lists, asked, ids } = await openCopyBench(t)
  await store.storeContext(at('a'), { title: 'a' }, mine)
  const follower = follow(200)
  await until('all is compared', () => follower.whole().length === 16)
  for (const list of lists) list.forget()
  await store.storeContext(at('b'), { title: 'b' }, mine)
  await until('it is there', async () => (await held()).length === 2)
  await until('each of them was asked', () =>
    ids.every(id => asked.some(([peer, kind]) => peer === id && kind === 'heads')),
  )
})

test('what is forged, garbled, of another key or none that was asked for is not taken in', async t => {
  const { follow, store, held, bends, source, copy } = await openCopyBench(t, 1)
  const { version } = await store.storeContext(at('a'), { title: 'a' }, mine)
  const foreign = await store.storeContext(at('b'), { title: 'b' }, theirs)
  const bends_ = new Map<string, (body: Uint8Array) => Uint8Array | null>()
  bends.push((_, asked, answer) => {
    const bend = bends_.get(asked.kind)
    const body = bend === undefined ? bodyOf(answer) : bend(bodyOf(answer))
    return body === null ? { kind: 'unable' } : done(body)
  })
  const flipped = (body: Uint8Array) => {
    const { more, envelopes } = decodeVersions(body)!
    const copies = envelopes.map(each => {
      const changed = Uint8Array.from(each)
      changed[changed.length - 1]! ^= 1
      return changed
    })
    return encodeVersions({ more, envelopes: copies })
  }
  bends_.set('versions', flipped)
  const follower = follow()
  await until('it was refused', () => source.counters.copyRefused > 0)
  assert.deepEqual(await held(), [])
  bends_.set('versions', () => encodeVersions({ more: true, envelopes: [] }))
  bends_.set('heads', () => Uint8Array.of(1, 2, 3))
  await follower.stop()
  const again = follow()
  const before = source.counters.copyRefused
  await until('what is no page is refused', () => source.counters.copyRefused > before)
  assert.deepEqual(again.whole(), [], 'and what was not looked through does not count')
  // A member that makes up what there is, beyond what is its own.
  bends_.set('heads', () =>
    encodeHeads({ through: null, heads: [{ key: 'ee'.repeat(32) as ContextKey, version, keptFrom: null }] }),
  )
  bends_.set('changes', body => {
    const told = decodeChanges(body)!
    return encodeChanges({ ...told, last: 2 ** 40, through: told.through })
  })
  await again.stop()
  const third = follow()
  await until('it is asked again', () => source.counters.copyQuestions > 0)
  assert.deepEqual(await held(), [])
  bends_.clear()
  await third.stop()
  const last = follow()
  await until('all is compared', () => last.whole().length === 16)
  assert.deepEqual(
    (await held()).map(each => each.version),
    [version],
  )
  assert.equal(copy.local.partitionsTotal(), 16)
  assert.notEqual(foreign.version, version)
})

test('a member that is behind, or says that something is gone, takes nothing back while a quorum has it', async t => {
  const { follow, store, held, bends } = await openCopyBench(t)
  await store.storeContext(at('a'), { title: 'a' }, mine)
  const first = await (async () => {
    const follower = follow()
    await until('the copy has it', async () => (await held()).length === 1)
    await follower.stop()
    return (await held())[0]!
  })()
  bends.push((_, asked, answer) =>
    asked.kind === 'heads' ? done(encodeHeads({ ...decodeHeads(bodyOf(answer))!, heads: [] })) : answer,
  )
  const follower = follow()
  await until('all is compared', () => follower.whole().length === 16)
  assert.deepEqual(await held(), [first])
  await follower.stop()
  await store.deleteContext(at('a'))
  const last = follow()
  await until('it is gone', async () => (await held()).length === 0)
  await until('all is compared', () => last.whole().length === 16)
})

test('caps hold for what members are asked and what they answer', () => {
  const head = { key: 'aa'.repeat(32) as ContextKey, version: null, keptFrom: null }
  const tooMany = Array.from({ length: copyLimits.entriesMax + 1 }, () => head)
  assert.equal(decodeHeads(encodeHeads({ through: null, heads: tooMany })), null)
  const small = Array.from({ length: copyLimits.versionsMax + 1 }, () => new Uint8Array(1))
  assert.equal(decodeVersions(encodeVersions({ more: false, envelopes: small })), null)
  assert.equal(decodeVersions(encodeVersions({ more: false, envelopes: [new Uint8Array(2 ** 21)] })), null)
  const version = '0'.repeat(23).concat('1') as never
  const later = '0'.repeat(23).concat('2') as never
  const trimmedAway = { key: head.key, version, keptFrom: later }
  assert.equal(decodeHeads(encodeHeads({ through: null, heads: [trimmedAway] })), null)
})
