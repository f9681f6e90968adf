// Goal: a collection that ends in the middle leaves nothing from which a deleted context could come back, and the next one
// finishes it. Method: one small schedule, again and again: each of its three replicas dies after its first effect, after its
// second, and so on through all of them; ten times with other delays.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crashDuringCollection } from '../../sim/collection-crash.ts'

for (const [victim, role] of ['collects', 'is asked', 'is asked as well'].entries()) {
  test(`whoever ${role} may die after any of its effects`, t => {
    const counts: number[] = []
    for (let seed = 1; seed <= 10; seed++) {
      let effects = 0
      for (;;) {
        const { died, wrong } = crashDuringCollection(victim, effects + 1, seed)
        assert.deepEqual(wrong, [], `after ${effects + 1} effects, seed ${seed}`)
        if (!died) break
        effects += 1
        assert.ok(effects < 200, 'it ends')
      }
      counts.push(effects)
    }
    // An answer, what is saved, and another answer at least.
    assert.ok(Math.min(...counts) >= 3, counts.join(' '))
    t.diagnostic(`${counts.join(' ')} effects`)
  })
}
