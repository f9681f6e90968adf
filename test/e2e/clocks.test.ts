// Goal: the wall clock of one machine that is far off keeps nobody from being served, and accuses nobody (decision 068).
// Method: three real processes; the clock of one jumps while it serves, it is killed and started with the right clock
// again. Two are up at a time, so that nothing is written without the one whose clock was off.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { Agent } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { bundledMain } from '../../scripts/bundle.mjs'
import { settle } from '../../sim/chaos/after/settle.ts'
import { ChaosFleet, type Door } from '../../sim/chaos/fleet/fleet.ts'
import { ask } from '../../sim/chaos/load/ask.ts'
import { send } from '../../sim/chaos/load/requests.ts'
import { until } from './fleet.ts'

const hourMs = 3_600_000
const patienceMs = 10_000

test('a peer whose clock jumps ahead goes on serving, and nobody doubts its audit log when the clock is right again', async t => {
  const work = mkdtempSync(join(tmpdir(), 'slurp-clocks-'))
  const main = await bundledMain(fileURLToPath(new URL('../..', import.meta.url)))
  const fleet = new ChaosFleet({ main, dir: join(work, 'run'), peers: 3, replicas: 3, nowMs: () => 0 })
  const agent = new Agent({ keepAlive: true })
  t.after(() => {
    agent.destroy()
    fleet.killAll()
    rmSync(work, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 })
  })
  const door = (name: string): Door => fleet.doors.find(each => each.name === name)!
  let writes = 0
  const write = async (at: string) => {
    writes += 1
    const address = `ucxl://any:any@clocks:any/*^/file-${writes}`
    const wanted = { kind: 'put', mark: `write ${writes}`, ifVersion: 'none' } as const
    assert.equal(
      (await ask(door(at), agent, address, wanted, patienceMs)).kind,
      'written',
      `${at}: ${address}`,
    )
  }
  type Seen = { body: { reasons: string[]; counters: { auditCheckpointsHeard: number } } }
  const statusOf = async (at: string) =>
    ((await send({ door: door(at), agent, method: 'GET', path: '/v1/status', patienceMs })) as Seen).body
  const heardAt = async (at: string) => (await statusOf(at)).counters.auditCheckpointsHeard

  await fleet.start()
  assert.deepEqual(await settle(fleet, 60_000), [])
  fleet.peer('p1').setClock(hourMs)
  // Whatever is recorded now is recorded under the wrong clock, before it takes part in the writes behind it.
  const before = await heardAt('p2')
  for (let n = 0; n < 12; n++) await write('p1')
  await until('p2 has heard what p1 signed', async () => (await heardAt('p2')) > before)

  await fleet.peer('p1').kill()
  fleet.peer('p1').setClock(0)
  await fleet.revive('p1')
  assert.deepEqual(await settle(fleet, 60_000), [])
  await fleet.peer('p3').kill()
  const since = await heardAt('p2')
  for (let n = 0; n < 12; n++) await write(n % 2 === 0 ? 'p1' : 'p2')
  await until('p2 has heard what p1 signed since', async () => (await heardAt('p2')) > since)
  const doubts = (await statusOf('p2')).reasons.filter(reason => reason.includes('signed before'))
  assert.deepEqual(doubts, [])
})
