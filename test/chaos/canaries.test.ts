// Goal: the search after a run of chaos sees everything that an index could have wrong, and nothing else. Method: doors that
// find by a list, and lists with one mistake each.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Search, searchEverywhere } from '../../sim/chaos/after/canaries.ts'
import type { Call, ChainEntry } from '../../sim/chaos/history/call.ts'
import { canaryOf } from '../../sim/chaos/load/ask.ts'

const doors = ['p1', 'p2'].map(name => ({ name, url: '', token: '' }))
const entry = (version: string, mark: string | null): ChainEntry => ({ version, mark, author: 'p1' })
const chains = new Map([
  ['a', [entry('a2', 'w1-2'), entry('a1', 'w1-1')]],
  ['b', [entry('b2', null), entry('b1', 'w2-1')]],
  ['c', [entry('c1', 'w2-3')]],
])
const calls = [
  ['a', 'w1-1'],
  ['a', 'w1-2'],
  ['b', 'w2-1'],
  ['b', 'w2-2'],
  ['c', 'w2-3'],
].map(([address, mark]) => ({ address, ask: { kind: 'put', mark, ifVersion: null } }) as unknown as Call)
type Indexed = { word: string; address: string; version: string }
const indexed = (mark: string, address: string, version: string): Indexed => ({
  word: canaryOf(mark),
  address,
  version,
})
const whole = [indexed('w1-2', 'a', 'a2'), indexed('w2-3', 'c', 'c1')]

/** @param lists - what each door has indexed, one for each time that it is asked for more. */
const finding =
  (lists: (door: string) => readonly Indexed[], coverage = 1): Search =>
  async (door, question) => {
    const words = (question as { query: string }).query.split(' ')
    const hits = lists(door.name).filter(({ word }) => words.includes(word))
    return { hits, total: hits.length, coverage, missing: [] }
  }
const run = (search: Search, withinMs = 0) =>
  searchEverywhere({ doors, addresses: new Set(chains.keys()), chains, calls }, withinMs, search)

test('an index that has what stands, and nothing else, is in order', async () => {
  const found = await run(finding(() => whole))
  assert.deepEqual(found, { violations: [], standing: 2, gone: 3 })
})

const wrong: readonly (readonly [string, readonly Indexed[], string])[] = [
  ['lacks a context', whole.slice(1), 'a'],
  ['has one twice', [...whole, whole[0]!], 'a'],
  ['has a deleted one', [...whole, indexed('w2-1', 'b', 'b1')], 'b'],
  ['has one that was refused', [...whole, indexed('w2-2', 'b', 'b0')], 'b'],
  ['has the version before beside it', [...whole, indexed('w1-1', 'a', 'a1')], 'a'],
  ['has another version under the word', [indexed('w1-2', 'a', 'a1'), whole[1]!], 'a'],
]
for (const [what, list, address] of wrong) {
  test(`a door that ${what} is told of`, async () => {
    const { violations } = await run(finding(door => (door === 'p2' ? list : whole)))
    assert.ok(
      violations.some(each => each.address === address && each.what.startsWith('p2 ')),
      JSON.stringify(violations),
    )
  })
}

test('a door that does not answer, for all or at all, is told of', async () => {
  assert.match((await run(finding(() => whole, 0.9))).violations[0]!.what, /only 0\.9 of the fleet/)
  const failing = await run(async () => ({ failed: 'TIMED_OUT' }))
  assert.match(failing.violations[0]!.what, /fails: TIMED_OUT/)
})

test('an index that comes up to date in time is in order', async () => {
  let asked = 0
  const { violations } = await run(
    finding(() => (++asked > 10 ? whole : [])),
    60_000,
  )
  assert.deepEqual(violations, [])
})
