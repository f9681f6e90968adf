// Goal: duties are listed, run, paused and resumed at the door of whoever leads, whichever door was named. Method: the
// command line in this process against controls in memory.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rememberFleet } from '../../node/cli/last-fleet.ts'
import { openTestDoor } from '../http/open-door.ts'
import { openBench } from './run-command.ts'

test('the duties are those of the leader, and a pause outlives the command', async t => {
  const { slurp, memory } = await openBench(t)
  assert.match(
    (await slurp(['duty', 'ls'])).out,
    /^moves +leader +250 ms +idle +3 +2026-11-21T12:00:00.000Z +done +0/m,
  )
  assert.match((await slurp(['duty', 'pause', 'moves', '--dry-run'])).out, /^would ask p1 to pause moves/)
  assert.equal(memory.control.paused, false)
  assert.match((await slurp(['duty', 'pause', 'moves'])).out, /recorded for moves, for every leader to come/)
  assert.match(
    (await slurp(['duty', 'run', 'moves'])).out,
    /paused and does not run; `slurp duty resume moves`/,
  )
  const { json } = await slurp(['duty', 'ls', '--json'])
  const listed = json as unknown as { isLeader: boolean; duties: { name: string; paused: boolean }[] }
  assert.deepEqual([listed.isLeader, listed.duties.map(duty => duty.paused)], [true, [true]])
  assert.equal((await slurp(['duty', 'resume', 'moves'])).code, 0)
  assert.match((await slurp(['duty', 'run', 'moves'])).out, /^moves runs/)
  const unknown = await slurp(['duty', 'run', 'weeding', '--json'])
  assert.deepEqual([unknown.code, unknown.json.error.code], [4, 'DUTY_UNKNOWN'])
})

test('the leader is found behind another door; without it nothing is claimed', async t => {
  const { environment, slurp } = await openBench(t)
  const [follower, leader] = [await openTestDoor(t), await openTestDoor(t)]
  follower.memory.control.leads = false
  const plain = { XDG_STATE_HOME: environment.XDG_STATE_HOME }
  const tokenFile = environment.SLURP_TOKEN_FILE ?? ''
  rememberFleet(plain, { url: follower.door.url, others: [leader.door.url], tokenFile, pid: 7 })
  assert.equal((await slurp(['duty', 'pause', 'moves'], { environment: plain })).code, 0)
  assert.equal(leader.memory.control.paused, true)
  leader.memory.control.leads = false
  const lost = await slurp(['duty', 'ls', '--json'], { environment: plain })
  assert.deepEqual([lost.code, lost.json.error.code], [7, 'UNREACHABLE'])
})
