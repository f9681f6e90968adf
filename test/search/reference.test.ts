// Goal: the index answers as if it looked at every document. Method: random documents, versions, removals and questions
// against a naive reading, while segments are merged, stored, opened again and made anew; and three indexes of a third
// each, weighed again together, against one.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Random, seeded } from '../../base/random.ts'
import type { Candidate, Change, IndexDocument } from '../../node/search/api.ts'
import { addStatistics, relevance } from '../../node/search/rank/bm25.ts'
import type { SearchHost } from '../../node/search/search-host.ts'
import {
  architect,
  at,
  developer,
  documentOf,
  newDir,
  searchWith,
  security,
  startSearch,
} from './fixtures.ts'
import { type Asked, naiveRanking, randomAsked, vocabulary, writeAsked } from './naive.ts'

const weights = { title: 3, tags: 2 }
const weighedIndex = { name: 'weighed', weights }
const rounds = 12
const asOfRounds = 4

const textOf = (random: Random, words: number): string =>
  Array.from({ length: random.below(words) }, () =>
    random.chance(0.2) ? 'the' : random.pick(vocabulary),
  ).join(' ')

const randomDocument = (random: Random, writtenMs: number): IndexDocument =>
  documentOf(`d${random.below(60)}`, {
    writtenMs,
    roles: random.pick([[developer], [developer, architect], [security]]),
    partition: random.below(4),
    title: textOf(random, 5),
    summary: textOf(random, 10),
    tags: [textOf(random, 2), textOf(random, 3)],
    content: textOf(random, 40),
  })

/** What stands after the changes, at a time. */
function standing(changes: readonly Change[], asOfMs = Number.POSITIVE_INFINITY): IndexDocument[] {
  const current = new Map<string, IndexDocument>()
  for (const change of changes) {
    if (change.kind === 'remove') current.delete(change.key)
    if (change.kind !== 'put' || change.document.writtenMs > asOfMs) continue
    const known = current.get(change.document.key)
    if (known === undefined || known.version < change.document.version)
      current.set(change.document.key, change.document)
  }
  return [...current.values()].filter(({ roles }) => roles.includes(developer))
}

async function compare(
  host: SearchHost,
  documents: readonly IndexDocument[],
  random: Random,
  asOfMs?: number,
) {
  const asked: Asked = randomAsked(random, 2)
  const index = asOfMs === undefined && random.chance(0.5) ? 'weighed' : 'main'
  const question = {
    roles: [developer],
    query: writeAsked(asked),
    index,
    ...(asOfMs !== undefined && { asOfMs }),
  }
  const { hits, total } = await host.search({ ...question, limit: 100 })
  const few = await host.search({ ...question, limit: 3 })
  assert.deepEqual(few.hits, hits.slice(0, 3), 'what cannot be among the best is not looked at')
  assert.equal(few.total, total)
  const got = hits.map(({ key, score }) => ({ key: key as string, score: Number(score.toFixed(9)) }))
  got.sort((a, b) => b.score - a.score || (a.key < b.key ? -1 : 1))
  const expected = naiveRanking(documents, asked, index === 'weighed' ? weights : {})
  assert.deepEqual(got, expected, writeAsked(asked))
  assert.equal(total, expected.length)
}

for (const seed of [1, 2, 3]) {
  test(`random changes and questions, seed ${seed}`, async t => {
    const random = seeded(seed)
    const dir = await newDir(t)
    const indexes = [{ name: 'main' }, weighedIndex]
    let host = await startSearch(t, dir, { indexes })
    const done: Change[] = []
    for (let round = 0; round < rounds; round++) {
      const changes = Array.from({ length: 1 + random.below(40) }, (_, i): Change => {
        const document = randomDocument(random, 1000 * (round + 1) + i)
        return random.chance(0.1) ? { kind: 'remove', key: document.key } : { kind: 'put', document }
      })
      done.push(...changes)
      await host.apply(changes, at(round))
      const action = random.below(6)
      if (action === 0) await host.optimize()
      if (action === 1) await host.rebuild()
      if (action === 4) await host.settled()
      if (action === 2) {
        await host.close()
        host = await startSearch(t, dir, { indexes })
      }
      if (action === 3) {
        await host.close(false)
        host = await startSearch(t, dir, { indexes })
        assert.equal((await host.checkpoint()) ?? null, null, 'nobody has said yet that all was fed')
      }
      for (let i = 0; i < 8; i++) await compare(host, standing(done), random)
    }
    // A removed key is gone from the past too, so only what was written since is asked for.
    const removed = new Set(done.flatMap(change => (change.kind === 'remove' ? [change.key] : [])))
    for (let i = 0; i < asOfRounds; i++) {
      const asOfMs = 1000 * (1 + random.below(rounds)) + 20
      const kept = done.filter(change => change.kind === 'put' && !removed.has(change.document.key))
      await host.apply(
        [...removed].map(key => ({ kind: 'remove', key })),
        at(rounds + i),
      )
      await compare(host, standing(kept, asOfMs), random, asOfMs)
    }
  })
}

test('three indexes of a third each, weighed again, rank as one', async t => {
  const random = seeded(7)
  const documents = Array.from({ length: 300 }, (_, i) => ({
    ...randomDocument(random, 1000 + i),
    roles: [developer],
  }))
  const distinct = [...new Map(documents.map(document => [document.key, document])).values()]
  const changes = distinct.map((document): Change => ({ kind: 'put', document }))
  const one = await searchWith(t, changes)
  const thirds = await Promise.all(
    [0, 1, 2].map(third =>
      searchWith(
        t,
        changes.filter((_, i) => i % 3 === third),
      ),
    ),
  )
  for (let i = 0; i < 30; i++) {
    const request = { roles: [developer], query: writeAsked(randomAsked(random, 2)), limit: 20 }
    const rankings = await Promise.all(thirds.map(host => host.rank(request)))
    const statistics = addStatistics(rankings.map(ranking => ranking.statistics))
    const scored = rankings.flatMap(({ candidates, boosts }) =>
      candidates.map((candidate: Candidate) => ({
        key: candidate.key,
        score: relevance(candidate, statistics, boosts),
      })),
    )
    scored.sort((a, b) => b.score - a.score || (a.key < b.key ? -1 : 1))
    const whole = await one.rank(request)
    const most = Math.min(whole.candidates.length, 10)
    assert.deepEqual(
      scored.slice(0, most),
      whole.candidates.slice(0, most).map(({ key, value }) => ({ key, score: value })),
      request.query,
    )
    assert.equal(
      rankings.reduce((sum, { total }) => sum + total, 0),
      whole.total,
    )
  }
})
