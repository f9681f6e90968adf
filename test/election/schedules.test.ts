// Goal: rule 11 holds under faults. Method: random schedules of several contenders over one register, with clock rates
// within ±11 %, late and lost messages, unknown outcomes, pauses, restarts and step-downs; after every event nobody but
// one may act, tokens only grow, and once the faults stop somebody leads for good within a bound. Then a healthy leader
// is killed or stopped, and another follows within 4 s.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fence from '../../election/fence.ts'
import * as lease from '../../election/lease.ts'
import { failoverWithinMs, settledWithinMs, type Verdict } from './protocol.ts'
import { playSchedule } from './schedule.ts'

const seeds = 400
const verdicts: Verdict[] = []

test(`${seeds} schedules keep rule 11`, t => {
  for (let seed = 1; seed <= seeds; seed++) {
    const verdict = playSchedule(seed, { ...lease, ...fence })
    assert.deepEqual(verdict.violations, [], `seed ${seed}`)
    assert.equal(verdict.lateWakes, 0, `seed ${seed}`)
    verdicts.push(verdict)
  }
  const sum = (part: (verdict: Verdict) => number) => verdicts.reduce((all, each) => all + part(each), 0)
  const slowest = Math.max(...verdicts.map(verdict => verdict.settledMs))
  t.diagnostic(
    `${sum(each => each.elections)} elections, ${sum(each => each.effectsDone)} effects of duties, ` +
      `${sum(each => each.effectsRefused)} refused, settled at last after ${Math.round(slowest)} of ${settledWithinMs} ms`,
  )
  const failovers = verdicts.flatMap(({ failoverMs }) => (failoverMs === null ? [] : [failoverMs]))
  t.diagnostic(
    `${failovers.length} lost leaders, followed at last after ${Math.round(Math.max(...failovers))} of ${failoverWithinMs} ms`,
  )
  assert.ok(failovers.length > seeds / 3, 'too few leaders were lost')
  assert.ok(sum(each => each.elections) > 3 * seeds, 'schedules without elections prove nothing')
  assert.ok(sum(each => each.effectsRefused) > 0, 'no late effect ever met the fence')
})

test('the same seed plays the same schedule', () => {
  for (const seed of [1, 2, 3]) {
    assert.deepEqual(playSchedule(seed, { ...lease, ...fence }), verdicts[seed - 1])
  }
  assert.equal(new Set(verdicts.map(verdict => verdict.traceHash)).size, seeds)
})
