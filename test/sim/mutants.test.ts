// Goal: the checkers notice every broken rule; a checker that never failed proves nothing. Method: each mutant is an
// edit of a copy of the sources, hunted by random seeds or by an exact schedule, which says nothing about the
// sources as they are.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { faultKinds } from '../../sim/faults.ts'
import { directedSchedules } from '../../sim/mutants/directed.ts'
import { dutySchedules } from '../../sim/mutants/directed-duties.ts'
import { moveSchedules } from '../../sim/mutants/directed-moves.ts'
import { hunt } from '../../sim/mutants/hunt.ts'
import { mutants } from '../../sim/mutants/mutants.ts'

const seedsMax = 150
const rulesImplemented = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13]

test('every rule that is implemented has a mutant', () => {
  const rules = new Set(mutants.map(mutant => mutant.rule))
  assert.deepEqual(
    rulesImplemented.filter(rule => !rules.has(rule)),
    [],
  )
})

test('the page about the simulator tells every mutant, every fault, and nothing else', () => {
  const page = readFileSync(new URL('../../docs/SIMULATION.md', import.meta.url), 'utf8')
  const rows = [...page.matchAll(/^\| (\d+) \| (.+) \| (?:(seeds)|`(\w+)`) \|$/gm)]
  const told = rows.map(([, rule, name, , directed]) => `${rule} ${name} ${directed ?? 'seeds'}`)
  const planted = mutants.map(
    ({ rule, name, how }) => `${rule} ${name} ${how === 'seeds' ? how : how.directed}`,
  )
  assert.deepEqual(told.toSorted(), planted.toSorted())
  const faults = [...page.matchAll(/^\| ((?:`\w+`(?:, )?)+) \|/gm)].flatMap(([, names]) =>
    [...names!.matchAll(/\w+/g)].map(([name]) => name),
  )
  assert.deepEqual(faults.toSorted(), [...faultKinds].toSorted())
})

for (const [name, schedule] of Object.entries({ ...directedSchedules, ...moveSchedules, ...dutySchedules })) {
  test(`the schedule ${name} is content with the sources`, () => {
    assert.equal(schedule(), null)
    const used = mutants.some(({ how }) => how !== 'seeds' && how.directed === name)
    assert.ok(used, 'a mutant needs it')
  })
}

describe('the checkers notice', { concurrency: 2 }, () => {
  for (const mutant of mutants) {
    test(`${mutant.name} (rule ${mutant.rule})`, async t => {
      const { caught, seeds } = await hunt(mutant, seedsMax)
      assert.ok(caught !== null, `not noticed in ${seeds} seeds`)
      const by = mutant.how === 'seeds' ? `after ${seeds} seeds` : `by ${mutant.how.directed}`
      t.diagnostic(`${by}: ${caught}`)
    })
  }
})
