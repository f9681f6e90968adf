// Goal: a rule that is set at one door is applied by the duty, and every peer shows the same shorter history. Method: three
// real processes, the command line, and what lies on each of their doors.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { Fleet, until } from './fleet.ts'

const work = mkdtempSync(join(tmpdir(), 'slurp-retention-'))
const peers = ['p1', 'p2', 'p3']
const ruled = 'ucxl://any:any@shop:any/*^/src/pay.ts'
const free = 'ucxl://any:any@notes:any/*^/src/pay.ts'
let fleet: Fleet

before(async () => {
  fleet = await Fleet.start(join(work, 'fleet'), work, ['--empty', '--peers', '3'])
})
after(async () => {
  await fleet.stop()
  rmSync(work, { recursive: true, force: true })
})

async function slurp(args: readonly string[]): Promise<Record<string, unknown>> {
  const { code, out, err } = await fleet.slurp('p1', [...args, '--json'])
  assert.equal(code, 0, `${args.join(' ')}: ${out}${err}`)
  return JSON.parse(out) as Record<string, unknown>
}

async function historyAt(name: string, address: string) {
  const { body } = await fleet.call(name, 'GET', fleet.context(address, '/history'))
  const { versions, keptFrom } = body as { versions: { version: string }[]; keptFrom: string | null }
  return { versions: versions.map(({ version }) => version), keptFrom }
}

/** The duty runs at whoever leads: its door is asked, whichever it is. */
async function runDuty(): Promise<void> {
  for (const name of peers) {
    const { status } = await fleet.call(name, 'POST', '/v1/duties/history-retention', { wish: 'run' })
    if (status === 200) return
  }
}

test('ten versions, a rule of three, one run of the duty: three versions everywhere', async () => {
  const written: string[] = []
  for (let at = 0; at < 10; at++) {
    const { body } = await fleet.call(peers[at % 3]!, 'PUT', fleet.context(ruled), { summary: `${at}` })
    written.unshift(String(body.version))
    await fleet.call('p2', 'PUT', fleet.context(free), { summary: `${at}` })
  }
  const plan = await slurp(['retention', 'set', 'shop', '--versions', '3', '--dry-run'])
  assert.deepEqual([plan.contexts, plan.versions], [1, 7])
  await slurp(['retention', 'set', 'shop', '--versions', '3'])
  for (const name of peers) {
    const { body } = await fleet.call(name, 'GET', '/v1/retention')
    assert.deepEqual(body.projects, [{ project: 'shop', versions: 3, ageSeconds: null }])
  }
  const kept = { versions: written.slice(0, 3), keptFrom: written[2] }
  await until('the history is trimmed', async () => {
    await runDuty()
    return (await historyAt('p1', ruled)).versions.length === 3
  })
  for (const name of peers) {
    assert.deepEqual(await historyAt(name, ruled), kept)
    assert.equal((await historyAt(name, free)).versions.length, 10)
  }
  const { out } = await fleet.slurp('p3', ['history', ruled])
  assert.match(out, /older versions are not kept/)
  const counters = await Promise.all(
    peers.map(
      async name => (await fleet.call(name, 'GET', '/v1/status')).body.counters as Record<string, number>,
    ),
  )
  assert.equal(
    counters.reduce((sum, each) => sum + each.historiesTrimmed!, 0),
    1,
  )
  assert.equal(
    counters.reduce((sum, each) => sum + each.historyVersionsTrimmed!, 0),
    7,
  )
})
