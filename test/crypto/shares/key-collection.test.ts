// Goal: a process asks no more holders than it needs, goes on to others when some are silent, refuse or cheat, never
// gives up while k can still answer, and tells who is missing. Method: the machine by hand, and worlds of random answers.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { FleetId, PeerId, RoleName } from '../../../base/ids.ts'
import { seeded } from '../../../base/random.ts'
import {
  askAgainMs,
  type CollectionEffect,
  type CollectionInput,
  collectionDueMs,
  type KeyCollection,
  keyStatusOf,
  newKeyCollection,
  patienceMs,
  stepCollection,
} from '../../../crypto/shares/key-collection.ts'
import { type ShareSet, thresholdFor } from '../../../crypto/shares/share-set.ts'

const setOf = (names: string, setVersion = 1): ShareSet => ({
  fleet: 'f1'.repeat(32) as FleetId,
  secret: 'tester' as RoleName,
  keyVersion: 2,
  setVersion,
  setId: 'ab'.repeat(16),
  threshold: thresholdFor(names.length),
  dealer: 'z' as PeerId,
  holders: [...names].map((peer, place) => ({
    peer: peer as PeerId,
    index: place + 1,
    commitment: new Uint8Array(32),
  })),
})

/** One collection under way, and what it wanted since it was looked at last. */
class Run {
  collection: KeyCollection
  #effects: CollectionEffect[] = []

  constructor(set: ShareSet, order = '') {
    this.collection = newKeyCollection(set, [...order] as PeerId[])
  }

  step(input: CollectionInput): this {
    const { collection, effects } = stepCollection(this.collection, input)
    this.collection = collection
    this.#effects.push(...effects)
    return this
  }

  released(names: string, nowMs = 0): this {
    for (const from of names) this.step({ kind: 'shareReleased', from: from as PeerId, nowMs })
    return this
  }

  /** Holders asked, and `!` for an order to combine. */
  wanted(): string {
    const text = this.#effects.map(effect => (effect.kind === 'ask' ? effect.holder : '!')).join('')
    this.#effects = []
    return text
  }

  status(up = 'abcdefgh') {
    return keyStatusOf(
      this.collection,
      peer => up.includes(peer),
      peer => `peer-${peer}`,
    )
  }
}

const wanted = { kind: 'keyWanted', nowMs: 0 } as const

test('as many holders as needed are asked, near ones first, and combined once all have released', () => {
  const run = new Run(setOf('abcde'), 'dxb')
  assert.equal(run.status().state, 'sealed')
  assert.equal(collectionDueMs(run.collection), null)
  assert.equal(run.step(wanted).wanted(), 'dba')
  assert.equal(collectionDueMs(run.collection), patienceMs)
  assert.equal(run.step(wanted).wanted(), '')
  assert.equal(run.released('db').wanted(), '')
  assert.equal(run.released('dce').wanted(), '', 'twice, and who was not asked')
  assert.equal(run.released('a').wanted(), '!')
  assert.equal(run.step({ kind: 'keyOpened' }).status().state, 'open')
  assert.equal(collectionDueMs(run.collection), null)
  assert.equal(run.step({ kind: 'timePassed', nowMs: 99_999 }).wanted(), '')
  assert.equal(run.step({ kind: 'keyDropped' }).status().state, 'sealed')
  assert.equal(run.step(wanted).wanted(), 'dba')
})

test('for one that is silent another one is asked, and a late answer still counts', () => {
  const run = new Run(setOf('abcde')).step(wanted).released('a')
  assert.equal(run.wanted(), 'abc')
  assert.equal(run.step({ kind: 'timePassed', nowMs: patienceMs - 1 }).wanted(), '')
  assert.equal(run.step({ kind: 'timePassed', nowMs: patienceMs }).wanted(), 'de')
  assert.equal(run.released('bd', patienceMs + 1).wanted(), '!')
})

test('what a silent holder was asked before counts although it was heard of again in the meantime', () => {
  const run = new Run(setOf('abcde')).step(wanted).step({ kind: 'timePassed', nowMs: patienceMs })
  assert.equal(run.wanted(), 'abcde')
  run.step({ kind: 'holderReachable', holder: 'a' as PeerId, nowMs: patienceMs + 1 })
  assert.equal(run.wanted(), 'a', 'two of three that are needed are asked')
  run.step({ kind: 'holderReachable', holder: 'b' as PeerId, nowMs: patienceMs + 1 })
  assert.equal(run.wanted(), '', 'three are')
  assert.equal(run.released('bde', patienceMs + 2).wanted(), '!')
  const alone = new Run(setOf('abc')).step(wanted).step({ kind: 'timePassed', nowMs: patienceMs })
  assert.equal(alone.step({ kind: 'timePassed', nowMs: patienceMs * 2 }).wanted(), 'abc')
  alone.step({ kind: 'holderReachable', holder: 'b' as PeerId, nowMs: patienceMs * 2 + 1 })
  assert.equal(alone.wanted(), 'b', 'without a pause')
})

test('when all are silent they are asked again after the pause', () => {
  const run = new Run(setOf('abc')).step(wanted)
  assert.equal(run.wanted(), 'ab')
  assert.equal(run.step({ kind: 'timePassed', nowMs: patienceMs }).wanted(), 'c')
  run.step({ kind: 'timePassed', nowMs: patienceMs * 2 })
  assert.equal(run.wanted(), '')
  const dueMs = collectionDueMs(run.collection)!
  assert.equal(dueMs, patienceMs + askAgainMs)
  assert.equal(run.step({ kind: 'timePassed', nowMs: dueMs }).wanted(), 'ab')
})

test('who refuses is asked again later, who cheats never, and status names both', () => {
  const run = new Run(setOf('abcde')).step(wanted)
  assert.equal(run.wanted(), 'abc')
  run.step({ kind: 'shareRefused', from: 'a' as PeerId, why: 'No grant.', nowMs: 1 })
  assert.equal(run.wanted(), 'd')
  assert.equal(run.released('bcd', 2).wanted(), '!')
  run.step({ kind: 'foundBad', bad: [{ peer: 'b' as PeerId, why: 'It lies.' }], nowMs: 3 })
  assert.equal(run.wanted(), 'e')
  assert.deepEqual(run.status('abde'), {
    secret: 'tester',
    keyVersion: 2,
    setVersion: 1,
    state: 'collecting',
    needed: 3,
    holders: 5,
    reachable: 3,
    released: 2,
    missing: ['peer-c'],
    refused: [{ name: 'peer-a', why: 'No grant.' }],
    bad: [{ name: 'peer-b', why: 'It lies.' }],
  })
  run.step({ kind: 'timePassed', nowMs: 3 + patienceMs })
  assert.equal(run.wanted(), '')
  assert.equal(run.step({ kind: 'timePassed', nowMs: 1 + askAgainMs }).wanted(), 'a')
  assert.equal(run.released('a', 1 + askAgainMs).wanted(), '!')
})

test('a newer set begins anew; an older one and the same one change nothing', () => {
  const run = new Run(setOf('abc', 2)).step(wanted).released('a')
  run.wanted()
  for (const setVersion of [1, 2])
    assert.equal(run.step({ kind: 'setReplaced', set: setOf('def', setVersion), nowMs: 1 }).wanted(), '')
  assert.equal(run.step({ kind: 'setReplaced', set: setOf('bcd', 3), nowMs: 1 }).wanted(), 'bc')
  assert.equal(run.released('ab', 1).status().released, 1)
  assert.equal(run.released('c', 1).wanted(), '!')
  run.step({ kind: 'keyOpened' }).step({ kind: 'setReplaced', set: setOf('efg', 4), nowMs: 2 })
  assert.deepEqual([run.wanted(), run.status().state, run.status().setVersion], ['', 'open', 4])
})

test('one order to combine is out at a time, and cheats that many late answers outnumber cost no further asking', () => {
  const run = new Run(setOf('abcde')).step(wanted).step({ kind: 'timePassed', nowMs: patienceMs })
  assert.equal(run.wanted(), 'abcde')
  assert.equal(run.released('abcd', patienceMs).wanted(), '!')
  assert.equal(collectionDueMs(run.collection), null)
  run.step({ kind: 'foundBad', bad: [{ peer: 'a' as PeerId, why: 'It lies.' }], nowMs: patienceMs })
  assert.equal(run.wanted(), '!')
})

test('strangers are heard of in no way', () => {
  const run = new Run(setOf('abc')).step(wanted)
  run.wanted()
  const before = run.collection
  run.released('x')
  run.step({ kind: 'shareRefused', from: 'x' as PeerId, why: 'Me.', nowMs: 0 })
  run.step({ kind: 'foundBad', bad: [{ peer: 'x' as PeerId, why: 'Me.' }], nowMs: 0 })
  assert.deepEqual(run.collection, before)
  assert.equal(run.wanted(), '')
})

// Goal: with k honest holders the key opens whatever the others do. Method: each holder is honest, dead, refusing or
// cheating by chance, the honest ones are deaf at first; time goes from one due moment to the next.
test('it opens when k holders are good, and only then', () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 20 }), fc.integer(), (count, seed) => {
      const random = seeded(seed)
      const names = 'abcdefghijklmnopqrst'.slice(0, count)
      const ways = new Map(
        [...names].map(name => [name, random.pick(['good', 'good', 'good', 'dead', 'no', 'bad'])]),
      )
      const good = [...ways.values()].filter(way => way === 'good').length
      const run = new Run(setOf(names)).step(wanted)
      const cheated = new Set<string>()
      let nowMs = 0
      for (let round = 0; round < 60 && run.status().state !== 'open'; round++) {
        for (const name of run.wanted()) {
          const from = name as PeerId
          const way = ways.get(name)
          if (name === '!') {
            const bad = [...run.collection.holders].flatMap(([peer, { kind }]) =>
              kind === 'released' && ways.get(peer) === 'bad' ? [{ peer, why: 'It lies.' }] : [],
            )
            for (const { peer } of bad) cheated.add(peer)
            assert.ok(run.status().released >= run.status().needed)
            run.step(bad.length === 0 ? { kind: 'keyOpened' } : { kind: 'foundBad', bad, nowMs })
          } else if (way === 'no') run.step({ kind: 'shareRefused', from, why: 'No.', nowMs })
          else if (way !== 'dead' && (round > 3 || random.chance(0.5))) {
            assert.ok(!cheated.has(name), 'a cheat is asked once')
            run.released(name, nowMs)
          }
        }
        const asked = [...run.collection.holders.values()].filter(({ kind }) => kind === 'asked').length
        assert.ok(asked <= run.collection.set.threshold)
        const dueMs = collectionDueMs(run.collection)
        if (dueMs === null) continue
        assert.ok(dueMs > nowMs, 'a driver that waits until then does not spin')
        nowMs = dueMs
        run.step({ kind: 'timePassed', nowMs })
      }
      assert.equal(run.status().state === 'open', good >= thresholdFor(count))
    }),
    { numRuns: 200 },
  )
})
