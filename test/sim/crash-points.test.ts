// Goal: a process may die at any step of a move, and nothing is lost and the move ends (rule 10). Method: the simulator
// carries one move out undisturbed, counts what each process sends and writes until it is over, then runs the same world
// again and again with one process killed right before one of these effects. Every sixteenth point is tried here;
// SLURP_SIM_CRASHES=1 tries all of them, 3 every third.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { countEffects, crashAt, crashPoints } from '../../sim/crash-points/enumerate.ts'
import { moveKinds } from '../../sim/crash-points/scripted-operator.ts'

const step = Number(process.env.SLURP_SIM_CRASHES ?? 16)

describe('a process dies at a step of a move', () => {
  for (const kind of moveKinds) {
    test(`${kind}: every invariant holds and the move ends`, t => {
      const effects = countEffects(kind)
      const points = crashPoints(effects, step)
      for (const point of points) {
        const { isHit, result } = crashAt(kind, point)
        const where = `killed before effect ${point.effect} of machine ${point.member}`
        assert.deepEqual(result.violations, [], where)
        assert.ok(isHit, where)
      }
      const all = effects.reduce((sum, count) => sum + count, 0)
      assert.ok(points.length >= Math.floor(all / step), 'the points are spread over all')
      t.diagnostic(`${points.length} of ${all} points`)
    })
  }
})
