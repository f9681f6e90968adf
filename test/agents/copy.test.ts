// Goal: the copy of an agent is what members have of its roles: it follows them, goes on with another one, takes back nothing that
// it has seen, and takes in nothing that its author did not write; and members tell of nothing else. Method: real drivers,
// desks, disks and signatures; between agent and members answers are bent as a test says.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { hlcFrom } from '../../base/hlc.ts'
import { type ContextKey, noHlc, type PeerId, type Version } from '../../base/ids.ts'
import {
  copyLimits,
  decodeChanges,
  decodeHeads,
  decodeVersions,
  encodeHeads,
  encodeVersions,
} from '../../node/agents/copy-wire.ts'
import type { AgentAnswer } from '../../node/agents/wire.ts'
import { until } from '../keys/fleets.ts'
import { openCopyBench } from './copy-bench.ts'

const at = (path: string) => `ucxl://any:any@copy:any/*^/${path}`
const everybody = ['developer', 'tester']
const mine = { roles: ['developer'] }
const same = (body: Uint8Array) => body
const flipped = (envelope: Uint8Array) => {
  const changed = Uint8Array.from(envelope)
  changed[changed.length - 1]! ^= 1
  return changed
}
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
  const address = at('long')
  const written: string[] = []
  for (let round = 0; round < 40; round++) {
    const content = randomBytes(150_000).toString('base64')
    written.push((await store.storeContext(address, { content }, mine)).version)
  }
  follow()
  await until('the copy has it', async () => (await held()).length === 1)
  const { key } = (await held())[0]!
  const kept = await copy.local.versions(key, noHlc, 100)
  assert.deepEqual(kept, written)
  assert.ok(asked.filter(([, kind]) => kind === 'versions').length > 1, 'one answer does not hold them all')
})

test('a history that is trimmed is trimmed in the copy', async t => {
  const { follow, store, copy, held, bench } = await openCopyBench(t)
  const written: string[] = []
  for (let round = 0; round < 4; round++)
    written.push((await store.storeContext(at('a'), { title: `${round}` }, mine)).version)
  const follower = follow()
  await until('all is compared', () => follower.whole().length === 16)
  const { key } = (await held())[0]!
  const kept = async () => await copy.local.versions(key, noHlc, 100)
  assert.deepEqual(await kept(), written)
  const keepFrom = written[2] as Version
  const trimmed = await bench.processes[0]!.submitter.submit({ kind: 'trim', key, keepFrom }, 5_000)
  assert.equal(trimmed.kind, 'trimmed')
  await until('it is shorter', async () => String(await kept()) === String(written.slice(2)))
  assert.equal(copy.local.head(key)?.keptFrom, keepFrom)
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

test('where no member has everything each partition is followed at one that has it', async t => {
  const { follow, store, held, asked, bench } = await openCopyBench(t, 5)
  for (let each = 0; each < 30; each++) await store.storeContext(at(`k/${each}`), { title: 'k' }, mine)
  const follower = follow()
  await until('all is compared', () => follower.whole().length === 16)
  assert.equal((await held()).length, 30)
  const followed = new Set(asked.filter(([, kind]) => kind === 'heads').map(([peer]) => peer))
  assert.ok(followed.size > 1 && followed.size < 5, `${followed.size} of 5`)
  const owned = (peer: string) =>
    bench.view.partitions.filter(({ owners }) => (owners as readonly string[]).includes(peer)).length
  assert.ok([...followed].every(peer => owned(peer) < 16))
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
  const { follow, store, held, asked, bends, source } = await openCopyBench(t, 1)
  const written = await store.storeContext(at('a'), { title: 'a' }, mine)
  const version = written.version as Version
  const bent = new Map<string, (body: Uint8Array) => Uint8Array>()
  bends.push((_, question, answer) => done((bent.get(question.kind) ?? same)(bodyOf(answer))))
  const stopped = async (holds: () => boolean, what: string) => {
    asked.length = 0
    const follower = follow()
    await until(what, () => asked.some(([, kind]) => kind === 'heads') && holds())
    const whole = follower.whole()
    await follower.stop()
    return whole
  }
  bent.set('heads', () => Uint8Array.of(1, 2, 3))
  const before = source.counters.copyRefused
  assert.deepEqual(
    await stopped(() => source.counters.copyRefused > before, 'what is no page is refused'),
    [],
  )
  const stuck = 'cc'.repeat(32) as ContextKey
  bent.set('heads', () => encodeHeads({ through: stuck, heads: [] }))
  const again = () => asked.filter(([, kind]) => kind === 'heads').length > 1
  assert.deepEqual(await stopped(again, 'a page that does not go on is refused'), [])
  const made = { key: 'ee'.repeat(32) as ContextKey, version, keptFrom: null }
  bent.set('heads', () => encodeHeads({ through: null, heads: [made] }))
  await stopped(() => asked.some(([, kind]) => kind === 'versions'), 'what is made up is asked for')
  assert.deepEqual(await held(), [], 'and is not there')
  bent.clear()
  bent.set('versions', body => {
    const { more, envelopes } = decodeVersions(body)!
    return encodeVersions({ more, envelopes: envelopes.map(flipped) })
  })
  const genuine = source.counters.copyRefused
  await stopped(() => source.counters.copyRefused > genuine, 'a forged envelope is refused')
  const follower = follow()
  await until('a quorum has the genuine one', async () => (await held()).length === 1)
  await until('all is compared', () => follower.whole().length === 16)
  assert.deepEqual(
    (await held()).map(each => each.version),
    [version],
  )
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
  const trimmedAway = { key: head.key, version: noHlc, keptFrom: hlcFrom(1, 0, '00000001') as Version }
  assert.equal(decodeHeads(encodeHeads({ through: null, heads: [trimmedAway] })), null)
})
