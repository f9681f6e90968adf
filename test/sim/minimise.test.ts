// Goal: a broken world becomes a smaller one that breaks the same invariant, and can be run again. Method: invented
// worlds whose smallest form is known, and a mutant of the sources.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { type FaultKind, faultKinds } from '../../sim/faults.ts'
import { minimiseApart } from '../../sim/minimise/apart.ts'
import { type Bounds, minimise, type Tools } from '../../sim/minimise/minimise.ts'
import { commandOf, minimisedWords } from '../../sim/minimise/words.ts'
import { hunt } from '../../sim/mutants/hunt.ts'
import { mutants } from '../../sim/mutants/mutants.ts'
import { plantTree } from '../../sim/mutants/tree.ts'
import { replay } from '../../sim/replay.ts'
import { runSeed, type SimOptions, type SimPlan, type SimResult } from '../../sim/scenario.ts'

test('what the seed chose, given as options, is the same world', () => {
  for (const seed of [3, 4, 9]) {
    const chosen = runSeed(seed, { operations: 30 })
    assert.deepEqual(runSeed(seed, chosen.plan), chosen)
  }
})

const enough: Bounds = { runsMax: 5_000, msMax: 1e9, otherSeedsMax: 0 }
const empty: SimResult = runSeed(1, { operations: 1, faults: {} })

/** Worlds that break when they have all of `least`; with less, some break another invariant. */
function invented(least: SimPlan, before: SimPlan): Tools & { runs: number } {
  const tools = {
    runs: 0,
    nowMs: () => 0,
    run: (seed: number, options: SimOptions): SimResult => {
      tools.runs += 1
      const { tellsStory: _, ...given } = options
      const plan: SimPlan = { ...before, ...given }
      const has = (['operations', 'keys', 'clients', 'peers'] as const).every(
        name => plan[name] >= least[name],
      )
      const isHard = (Object.entries(least.faults) as [FaultKind, number][]).every(
        ([kind, hard]) => (plan.faults[kind] ?? 0) >= hard,
      )
      const invariant = has && isHard ? 6 : tools.runs % 2 === 0 ? 14 : null
      const violations = invariant === null ? [] : [{ invariant, what: 'broken', atMs: 1 } as const]
      return { ...empty, seed, plan, operations: plan.operations, violations }
    },
  }
  return tools
}

const hardness = fc.integer({ min: 10, max: 50 }).map(hundredths => hundredths / 100)
const pairOfPlans = fc
  .record({
    faults: fc.uniqueArray(fc.tuple(fc.constantFrom(...faultKinds), hardness), {
      selector: ([kind]) => kind,
      maxLength: 10,
    }),
    needed: fc.nat(3),
    least: fc.tuple(
      fc.integer({ min: 1, max: 40 }),
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 1, max: 6 }),
    ),
    more: fc.tuple(fc.nat(100), fc.nat(4), fc.nat(5), fc.nat(4)),
  })
  .map(({ faults, needed, least: [operations, keys, clients], more }) => {
    const least: SimPlan = {
      operations,
      keys,
      clients,
      moves: false,
      upkeep: false,
      peers: 3 + (operations % 3),
      faults: Object.fromEntries(faults.slice(0, needed)),
    }
    const before: SimPlan = {
      operations: operations + more[0],
      keys: keys + more[1],
      clients: clients + more[2],
      moves: false,
      upkeep: false,
      peers: least.peers + more[3],
      faults: Object.fromEntries(faults.map(([kind, hard]) => [kind, hard * 2])),
    }
    return { least, before }
  })

test('what is needed stays, all else goes, whatever else breaks on the way', () => {
  fc.assert(
    fc.property(pairOfPlans, ({ least, before }) => {
      const found = minimise(7, before, enough, invented(least, before))
      assert.ok(found !== null)
      assert.deepEqual([found.ended, found.invariant, found.after.seed], ['smallest', 6, 7])
      const { faults, ...numbers } = found.after.plan
      const { faults: neededFaults, ...neededNumbers } = least
      assert.deepEqual(numbers, neededNumbers)
      assert.deepEqual(Object.keys(faults).sort(), Object.keys(neededFaults).sort())
      for (const [kind, hard] of Object.entries(neededFaults) as [FaultKind, number][])
        assert.ok(faults[kind]! >= hard && faults[kind]! <= hard * 2)
    }),
    { numRuns: 60 },
  )
})

const faults = Object.fromEntries(faultKinds.map(kind => [kind, 1]))
const before: SimPlan = {
  operations: 150,
  keys: 5,
  clients: 6,
  peers: 7,
  moves: false,
  upkeep: false,
  faults,
}
const least: SimPlan = {
  operations: 9,
  keys: 2,
  clients: 2,
  peers: 4,
  moves: false,
  upkeep: false,
  faults: { loss: 0.4 },
}

test('what is switched on goes where it is not needed, whatever its name', () => {
  const [isNeeded, isNot] = [least, before].map(plan => ({ ...plan, moves: true }))
  const found = minimise(7, isNot, enough, invented(least, isNot!))
  assert.deepEqual(found?.after.plan, { ...found?.after.plan, moves: false })
  assert.ok(found?.dropped.includes('moves'))
  assert.match(commandOf(7, found!.after.plan), / --no-moves --no-upkeep --faults loss=0\.\d+$/)
  assert.match(commandOf(7, isNeeded!), / --operations 9 --moves --no-upkeep --faults loss=0\.4$/)
})

test('it stops at the number of runs and at the time that it is given', () => {
  const few = invented(least, before)
  const found = minimise(7, before, { ...enough, runsMax: 9 }, few)
  assert.deepEqual([found?.ended, found?.runs, few.runs], ['runs', 9, 10])
  let nowMs = 0
  const slow = { ...invented(least, before), nowMs: () => (nowMs += 10) }
  assert.equal(minimise(7, before, { ...enough, msMax: 55 }, slow)?.ended, 'time')
})

test('a seed that holds is not minimised', () => {
  assert.equal(minimise(1, { operations: 5, faults: {} }), null)
  assert.equal(replay(1, { operations: 5, faults: {}, minimises: true, draws: true }).page, undefined)
})

test('a mutant of the sources is caught in a smaller world, by the same invariant, twice the same', async t => {
  const mutant = mutants.find(({ name }) => name === 'the lowest accepted value instead of the highest')!
  const { seeds: seed } = await hunt(mutant, 50)
  const tree = plantTree(mutant)
  t.after(() => tree.remove())
  // As many operations as the hunt had: what it caught need not show in fewer.
  const order = { seed, options: { operations: 150 }, bounds: { runsMax: 60, msMax: 1e9, otherSeedsMax: 3 } }
  const worker = join(tree.path, 'sim/minimise/worker.ts')
  const [found, again] = await Promise.all([minimiseApart(order, worker), minimiseApart(order, worker)])
  assert.ok(found !== null)
  assert.deepEqual(again, found)
  const { before: was, after: is, result, invariant } = found
  assert.deepEqual([invariant, result.violations[0]?.invariant], [2, 2])
  const sizeOf = ({ operations, keys, clients, peers, faults }: SimPlan) =>
    operations + keys + clients + peers + Object.keys(faults).length
  assert.ok(sizeOf(is.plan) < sizeOf(was.plan) / 2)
  assert.match(result.story.at(-1) ?? '', /BROKEN 2: /)
  assert.equal(result.tale?.events.at(-1)?.kind, 'broken')
  assert.match(minimisedWords(found).join('\n'), /dropped: operations \d+ -> \d+/)
})
