// Goal: a question that several peers answer gets the answer of one index, or says what it lacks and why. Method: real
// indexes with a share of the documents each, real answers; a placement and a network that are made up.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SlurpError } from '../../base/errors.ts'
import type { PartitionId } from '../../base/ids.ts'
import { seeded } from '../../base/random.ts'
import { cover } from '../../node/fleet-search/cover.ts'
import type { Change } from '../../node/search/api.ts'
import { type IndexConfiguration, mainIndex } from '../../node/search/engine/configuration.ts'
import { developer, documentOf, keyOf, searchWith } from '../search/fixtures.ts'
import { partitionsTotal, searchFleet } from './fleet.ts'

const random = seeded(11)
const words = ['token', 'expiry', 'session', 'cache', 'quorum', 'lease', 'shard', 'vote', 'merge', 'index']
const text = () =>
  Array.from({ length: 3 + random.below(30) }, () => words[random.below(words.length)]!).join(' ')

const changes: Change[] = Array.from({ length: 240 }, (_, at) => {
  const name = `doc-${at}`
  const partition = Number.parseInt(keyOf(name).slice(0, 6), 16) % partitionsTotal
  const project = at % 3 === 0 ? 'shop' : 'bank'
  return {
    kind: 'put',
    document: documentOf(name, { partition, project, title: text(), content: text(), writtenMs: 1000 + at }),
  }
})
/** Three of five peers each, so that no two have everything. */
const owners = (partition: number) => [0, 1, 2].map(step => (partition + step) % 5)
const questions = ['token', 'expiry OR lease', 'cache quorum vote', '"merge index"', 'sess*', 'tokne~', '']

test('as few peers as need be are asked, each for its own', () => {
  const of = (...partitions: number[]) => new Set(partitions as PartitionId[])
  const picks = cover(of(0, 1, 2, 3, 4), [
    { peer: 'a' as never, partitions: of(0, 1) },
    { peer: 'b' as never, partitions: of(1, 2, 3) },
    { peer: 'c' as never, partitions: of(0, 4) },
    { peer: 'd' as never, partitions: of(2, 3) },
  ])
  assert.deepEqual(picks, [
    { peer: 'b', partitions: [1, 2, 3] },
    { peer: 'c', partitions: [0, 4] },
  ])
  assert.deepEqual(cover(of(7), []), [])
})

test('the ranking, the pages, the counts and the texts are those of one index', async t => {
  const whole = await searchWith(t, changes)
  const peers = await searchFleet(t, 5, owners, changes)
  for (const query of questions) {
    for (const sort of ['relevance', 'time'] as const) {
      let cursor: string | null = null
      let ofOne: string | null = null
      for (let page = 0; page < 3; page++) {
        const asked = { query, sort, limit: 7, facets: ['project'], fields: ['content'] }
        const answer = await peers[page]!.search.search({ ...asked, ...(cursor !== null && { cursor }) })
        const one = await whole.search({
          ...asked,
          roles: [developer],
          ...(ofOne !== null && { cursor: ofOne }),
        })
        const shown = ({ address, score, snippet, highlights, context }: (typeof answer.hits)[number]) => [
          address,
          score,
          snippet,
          highlights,
          context,
        ]
        assert.deepEqual(answer.hits.map(shown), one.hits.map(shown as never), `${query}, ${sort}, ${page}`)
        assert.deepEqual([answer.total, answer.facets], [one.total, one.facets], query)
        assert.deepEqual([answer.coverage, answer.missing], [1, []])
        assert.equal(answer.cursor === null, one.cursor === null)
        if (answer.cursor === null) break
        ;[cursor, ofOne] = [answer.cursor, one.cursor]
      }
    }
  }
  const [first] = peers
  const cut = await first!.search.search({ query: 'token', fields: ['content'], limit: 20, maxTokens: 600 })
  assert.ok(cut.truncated && cut.hits.length < 20 && cut.cursor !== null)
  const next = await first!.search.search({ query: 'token', limit: 20, cursor: cut.cursor })
  const all = await first!.search.search({ query: 'token', limit: 40 })
  assert.equal(next.hits[0]!.address, all.hits[cut.hits.length]!.address, 'no hit is lost')
})

test('who is gone, mute, sealed, mending or behind is replaced by others', async t => {
  const peers = await searchFleet(t, 5, owners, changes)
  const [first, second, third, fourth] = peers as [never, never, never, never] as unknown as typeof peers
  const ask = () => first!.search.search({ query: '', limit: 1, timeoutMs: 4_000 })
  second!.isUp = false
  assert.deepEqual([(await ask()).total, (await ask()).coverage], [240, 1])
  second!.isUp = true
  third!.phase = 'sealed'
  fourth!.damaged = [3, 4] as PartitionId[]
  assert.deepEqual([(await ask()).total, (await ask()).coverage], [240, 1])
  third!.phase = 'following'
  first!.filledTo = 2
  assert.equal((await ask()).total, 240)
  first!.filledTo = partitionsTotal
  second!.isMute = true
  assert.equal((await ask()).total, 240)
})

test('what nobody answers is named with the reason of everybody', async t => {
  const peers = await searchFleet(t, 5, owners, changes)
  const [first, second, third, fourth] = peers
  second!.isUp = false
  third!.phase = 'sealed'
  fourth!.phase = 'blind'
  const answer = await first!.search.search({ query: '', limit: 1 })
  // The second, third and fourth own partitions 1, 6 and 11 alone.
  const lost = [1, 6, 11]
  assert.equal(answer.coverage, (partitionsTotal - lost.length) / partitionsTotal)
  assert.deepEqual(answer.missing, [
    {
      partitions: 3,
      peers: [
        { name: 'p2', why: 'unreachable' },
        { name: 'p3', why: 'sealed' },
        { name: 'p4', why: 'blind' },
      ],
    },
  ])
  const there = changes.filter(change => change.kind === 'put' && !lost.includes(change.document.partition))
  assert.equal(answer.total, there.length)
})

test('a peer answers nobody for roles that are not theirs, and nothing that is no question', async t => {
  const peers = await searchFleet(t, 5, owners, changes)
  const [first, ...others] = peers
  first!.entitled = ['tester']
  const answer = await first!.search.search({ query: 'token', limit: 1 })
  const mine = Array.from({ length: partitionsTotal }, (_, at) => at).filter(at => owners(at).includes(0))
  assert.equal(answer.coverage, mine.length / partitionsTotal)
  assert.ok(answer.missing.every(part => part.peers.every(({ why }) => why === 'refused')))
  assert.ok(others.some(({ asked }) => asked > 0))
})

test('a wrong question is refused before anybody is asked', async t => {
  const peers = await searchFleet(t, 5, owners, changes)
  const refused = async (question: object, code: string) =>
    assert.rejects(
      peers[0]!.search.search({ query: '', ...question }),
      (failure: unknown) => failure instanceof SlurpError && failure.code === code,
    )
  await refused({ query: '"open' }, 'QUERY_INVALID')
  await refused({ facets: ['content'] }, 'USAGE')
  await refused({ limit: 0 }, 'USAGE')
  await refused({ index: 'other' }, 'INDEX_UNKNOWN')
  assert.ok(peers.every(({ asked }) => asked === 0))
  await refused({ query: 'token', cursor: 'made-up' }, 'CURSOR_INVALID')
})

test('an index of another kind is asked of those that make it in the same way', async t => {
  const code: IndexConfiguration = { name: 'code', analyzers: { content: 'exact' } }
  const heavier = { ...code, weights: { title: 2 } }
  // The fourth makes it in another way, the fifth has none.
  const kept = [[code], [code], [code], [heavier], []]
  const peers = await searchFleet(t, 5, owners, changes, place => [mainIndex, ...kept[place]!])
  const [first, , , , fifth] = peers
  const whole = await searchWith(t, changes, [mainIndex, code])
  const question = { index: 'code', query: 'token', limit: 20 }
  const answer = await first!.search.search(question)
  const one = await whole.search({ ...question, roles: [developer] })
  assert.equal(answer.coverage, 1, 'each partition is with one of the first three')
  assert.deepEqual(
    answer.hits.map(({ address, score }) => [address, score]),
    one.hits.map(({ address, score }) => [address, score]),
  )
  const main = await first!.search.search({ query: 'token', limit: 20 })
  assert.ok(main.coverage === 1 && main.hits[0]!.score !== answer.hits[0]!.score)
  await assert.rejects(
    fifth!.search.search(question),
    (failure: unknown) =>
      failure instanceof SlurpError && failure.code === 'INDEX_UNKNOWN' && /index ls/.test(failure.hint),
  )
  peers[1]!.isUp = false
  peers[2]!.isUp = false
  const partial = await first!.search.search(question)
  assert.ok(partial.coverage < 1)
  const whys = partial.missing.flatMap(part => part.peers.map(({ name, why }) => `${name} ${why}`))
  assert.ok(whys.includes('p4 otherIndex'), whys.join())
})
