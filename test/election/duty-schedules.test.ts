// Goal: duties survive their leaders. Method: random schedules of leaders that change, stall unaware, die and come back,
// over registers that answer late, never, or in doubt, with wrong wall clocks, runs that fail or hang, and operators that
// pause and resume; every write of a record and every begin of a run is compared with what the register says. Once the
// faults stop and one leader stays, every duty that is not paused runs again and again.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as duties from '../../election/duties.ts'
import * as fence from '../../election/fence.ts'
import type { DutyVerdict } from './duty-protocol.ts'
import { playDuties } from './duty-schedule.ts'

const seeds = 300
const verdicts: DutyVerdict[] = []

test(`${seeds} schedules keep the records of duties`, t => {
  for (let seed = 1; seed <= seeds; seed++) {
    const verdict = playDuties(seed, { ...duties, ...fence })
    assert.deepEqual(verdict.violations, [], `seed ${seed}`)
    verdicts.push(verdict)
  }
  const sum = (part: (verdict: DutyVerdict) => number) => verdicts.reduce((all, each) => all + part(each), 0)
  t.diagnostic(
    `${sum(each => each.elections)} elections, ${sum(each => each.runs)} runs, ${sum(each => each.refused)} refused, ` +
      `${sum(each => each.pauses)} pauses and resumptions, ${sum(each => each.rounds)} turns in the quiet`,
  )
  assert.ok(sum(each => each.elections) > 5 * seeds, 'schedules without elections prove nothing')
  assert.ok(sum(each => each.refused) > seeds, 'hardly a former leader was ever refused')
  assert.ok(sum(each => each.pauses) > seeds, 'hardly a duty was ever paused')
})

test('the same seed plays the same schedule', () => {
  for (const seed of [1, 2, 3]) {
    assert.deepEqual(playDuties(seed, { ...duties, ...fence }), verdicts[seed - 1])
  }
  assert.equal(new Set(verdicts.map(verdict => verdict.traceHash)).size, seeds)
})
