// Goal: the duty goes on where its last run came to, ends when it is told to, and says how it went. Method: the real desk on
// a fleet of drivers; runs are ordered as the leader's desk orders them.
import { deepEqual, equal, ok } from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { RunOutcome } from '../../election/duty-record.ts'
import { systemClock } from '../../node/adapters/system-clock.ts'
import type { Clock } from '../../node/ports/ports.ts'
import { RetentionDuty } from '../../node/retention-duty.ts'
import type { RetentionDesk } from '../../node/store/retention/retention-desk.ts'
import { openRetentionBench } from '../store/retention/bench.ts'
import { keysFor } from '../store/stores.ts'

let fleet: Awaited<ReturnType<typeof openRetentionBench>>
const addressOf = (at: number) => `ucxl://any:any@duty:any/*^/${at}`
const files = 8
before(async () => {
  fleet = await openRetentionBench(3)
  for (let at = 0; at < files; at++)
    for (let version = 0; version < 3; version++)
      await fleet.storeAt(0).storeContext(addressOf(at), { title: `${version}` })
})
after(() => fleet.bench.close())

const quiet = () => undefined
const log = { debug: quiet, info: quiet, warn: quiet, error: quiet }

type Ended = { outcome: RunOutcome; state: Uint8Array | undefined }

/** One run. Its clock is `stepMs` later at every look, so that a stretch is over after some contexts. */
function run(
  desk: RetentionDesk,
  state: Uint8Array,
  stepMs = 0,
): { duty: RetentionDuty; ended: Promise<Ended>; stop: () => void } {
  let nowMs = 0
  const monotonicMs = () => {
    nowMs += stepMs
    return nowMs
  }
  const clock: Clock = { ...systemClock, monotonicMs }
  const duty = new RetentionDuty({ desk, clock, log })
  const { promise, resolve } = Promise.withResolvers<Ended>()
  const { stop } = duty.run({ token: 1, state, timeoutMs: 60_000 }, (outcome, next) =>
    resolve({ outcome, state: next }),
  )
  return { duty, ended: promise, stop }
}

const none = new Uint8Array(0)
const versionsOf = async (at: number) =>
  (await fleet.storeAt(1).contextHistory(addressOf(at))).versions.length

test('without a rule, and at a blind peer, there is nothing to do', async () => {
  deepEqual(await run(fleet.deskAt(0), none).ended, { outcome: 'done', state: undefined })
  const blind = fleet.deskAt(1, keysFor([], true))
  deepEqual(await run(blind, none).ended, { outcome: 'done', state: undefined })
})

test('a run that was stopped does nothing more; the next go on from state to state until all is done', async () => {
  await fleet.deskAt(2).set('duty', { versions: 1, ageSeconds: null })
  const stopped = run(fleet.deskAt(0), none)
  stopped.stop()
  equal((await stopped.ended).outcome, 'more')
  equal(await versionsOf(0), 3)
  let state: Uint8Array = none
  let stretches = 0
  let trimmed = 0
  for (;;) {
    const { duty, ended } = run(fleet.deskAt(0), state, 10_000)
    const { outcome, state: next } = await ended
    stretches += 1
    trimmed += duty.counters().historiesTrimmed!
    if (outcome === 'done') break
    equal(outcome, 'more')
    ok(next !== undefined && next.length <= 35)
    state = next
  }
  ok(stretches > 2, `${stretches}`)
  equal(trimmed, files)
  for (let at = 0; at < files; at++) equal(await versionsOf(at), 1)
})

test('a state of another release is begun anew, and a fleet that does not answer is a failure', async () => {
  equal((await run(fleet.deskAt(0), Uint8Array.of(9, 9, 9)).ended).outcome, 'done')
  fleet.bench.kill(1)
  fleet.bench.kill(2)
  equal((await run(fleet.deskAt(0), none).ended).outcome, 'failed')
})
