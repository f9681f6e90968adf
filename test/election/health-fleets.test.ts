// Goal: a fleet's opinion of its members is quick, and does not churn. Method: fleets of 3 to 7 simulated processes with
// heartbeats, gossip and clocks of their own, through deaths, one-way cuts, pauses, flapping links, liars and storms of
// all of that; each story says what everybody has to think in the end, or may never think.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as health from '../../election/health.ts'
import { HealthFleet } from './health-fleet.ts'
import { scenarios } from './health-scenarios.ts'

const seeds = 8

for (const [name, scenario] of Object.entries(scenarios)) {
  test(`${name}, ${seeds} times`, () => {
    for (let seed = 1; seed <= seeds; seed++) assert.deepEqual(scenario(health, seed), [], `seed ${seed}`)
  })
}

test('the same seed tells the same story', () => {
  const digest = (seed: number) => {
    const fleet = new HealthFleet(health, seed, 5)
    fleet.run(10_000)
    return fleet.digest
  }
  assert.equal(digest(1), digest(1))
  assert.notEqual(digest(1), digest(2))
})
