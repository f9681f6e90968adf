// Goal: the faults of a run follow from its seed, and a short run meets every kind. Method: plans of many seeds.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { faultKinds } from '../../sim/chaos/faults/kinds.ts'
import { planFaults } from '../../sim/chaos/faults/schedule.ts'

const plan = (seed: number, endMs = 120_000) => planFaults(seed, faultKinds, 12_000, endMs)

test('the same seed plans the same, another one something else', () => {
  assert.deepEqual(plan(1), plan(1))
  assert.notDeepEqual(plan(1), plan(2))
})

test('one fault at a time in each lane, within the time of the load and of the kind', () => {
  for (let seed = 1; seed <= 50; seed++) {
    for (const lane of ['peers', 'network']) {
      let freeMs = 12_000
      for (const { kind, atMs, forMs } of plan(seed).filter(fault => fault.kind.lane === lane)) {
        assert.ok(atMs >= freeMs - 1, `seed ${seed}`)
        assert.ok(forMs <= kind.lastsMs[1] && atMs + forMs <= 120_001)
        freeMs = atMs + forMs
      }
    }
  }
})

test('every kind comes up in ten minutes, and nearly always in two', () => {
  const seconds = plan(1, 600_000)
  for (const kind of faultKinds) assert.ok(seconds.some(fault => fault.kind === kind))
  const missed = Array.from({ length: 50 }, (_, seed) =>
    faultKinds.filter(kind => !plan(seed).some(fault => fault.kind === kind)),
  ).flat()
  assert.ok(missed.length <= 25, `${missed.length} kinds missed in 50 plans`)
})

test('names are told apart', () => {
  assert.equal(new Set(faultKinds.map(kind => kind.name)).size, faultKinds.length)
})

test('the page tells every kind, its lane, and nothing else', () => {
  const page = readFileSync(new URL('../../docs/CHAOS.md', import.meta.url), 'utf8')
  const told = [...page.matchAll(/^\| `(\w+)` \| (\w+) \|/gm)].map(([, name, lane]) => `${name} ${lane}`)
  assert.deepEqual(told.toSorted(), faultKinds.map(({ name, lane }) => `${name} ${lane}`).toSorted())
})
