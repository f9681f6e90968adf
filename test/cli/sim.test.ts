// Goal: `slurp sim run` tells what a seed did, and fails when an invariant broke. Method: results made here.
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { ScaleFigures, SimulationResult } from '../../node/cli/wiring.ts'
import { commandOf } from '../../sim/minimise/words.ts'
import { runHere } from './run-command.ts'

const held: SimulationResult = {
  seed: 7,
  traceHash: 'abc',
  peers: 5,
  operations: 10,
  unknown: 1,
  faults: { crash: 2 },
  steps: 99,
  violations: [],
  story: [],
}

test('a seed that held is exit 0, one that broke is exit 1 with its story', async () => {
  const asked: unknown[] = []
  const run = (result: SimulationResult, ...args: string[]) =>
    runHere(['sim', 'run', '--seed', '7', ...args], {
      wiring: {
        simulate: async (seed, options) => {
          asked.push([seed, options])
          return result
        },
      },
    })
  const fine = await run(held, '--peers', '5')
  assert.equal(fine.code, 0)
  assert.match(fine.out, /seed 7: every invariant held/)
  const broken = {
    ...held,
    violations: [{ invariant: 3, what: 'two values', atMs: 1500 }],
    story: ['0.1 p1 asks'],
  }
  const told = await run(broken)
  assert.equal(told.code, 1)
  assert.match(told.out, /invariant 3 at 1.5000 s: two values/)
  assert.match(told.out, /p1 asks/)
  const machine = await run(broken, '--json')
  assert.deepEqual([machine.code, JSON.parse(machine.out)], [1, broken])
  assert.deepEqual(asked, [
    [7, { peers: 5 }],
    [7, {}],
    [7, {}],
  ])
  assert.equal((await runHere(['sim', 'run'])).code, 2)
})

test('a world is given in full, and a broken one is made smaller and drawn', async t => {
  const dir = mkdtempSync(join(tmpdir(), 'slurp-sim-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  const asked: unknown[] = []
  const violations = [{ invariant: 3, what: 'two values', atMs: 1500 }]
  const smaller = { ...held, violations, story: ['0.1 p1 asks'], minimised: ['dropped: fault loss'] }
  const run = (...args: string[]) =>
    runHere(['sim', 'run', '--seed', '7', ...args], {
      wiring: {
        simulate: async (seed, options) => {
          asked.push([seed, options])
          return { ...smaller, page: '<html></html>' }
        },
      },
    })
  const html = join(dir, 'story.html')
  // As a minimised seed is told: what it says can be typed.
  const plan = { clients: 2, keys: 1, moves: false, upkeep: true, faults: { loss: 0.5, crashes: 1 } }
  const world = commandOf(7, plan).split(' ').slice(9)
  const told = await run(...world, '--minimise', '--html', html)
  assert.match(told.out, /dropped: fault loss/)
  assert.equal(readFileSync(html, 'utf8'), '<html></html>')
  assert.deepEqual(JSON.parse((await run('--faults', 'none', '--json')).out), smaller)
  assert.deepEqual(asked, [
    [7, { ...plan, minimises: true, draws: true }],
    [7, { faults: {} }],
  ])
  for (const wrong of ['loss', 'loss=2', 'loss=0.5,', 'loss=-1', ''])
    assert.equal((await run('--faults', wrong)).code, 2, wrong)
  assert.equal((await run('--html', join(dir, 'not', 'there.html'))).code, 2)
})

test('sim scale hands on its sizes, and prints a table or JSON', async () => {
  const moves = { moved: 4, least: 4 }
  const figures: ScaleFigures = {
    clientsPerPeer: 2,
    writeShare: 0.5,
    fleets: [
      {
        peers: 3,
        perSecond: 1500,
        perSecondAndPeer: 500,
        efficiency: null,
        messagesPerOperation: 5.7,
        p50Ms: 10,
        p99Ms: 20,
        viewBytes: 2030,
        join: {
          added: 1,
          tookMs: 2_900,
          spreadMs: 15,
          spreadMostMs: 67,
          copiedBytes: 8.6e6,
          leastBytes: 8.5e6,
          p99Ratio: 1.5,
        },
      },
    ],
    placements: [
      { peers: 10, loadMean: 1.2, loadMost: 2, loadLeast: 1, tookMs: 100, join: moves, leave: moves },
    ],
  }
  const asked: unknown[] = []
  const run = (...args: string[]) =>
    runHere(['sim', 'scale', ...args], {
      wiring: {
        simulateScale: async ({ told: _, ...wish }) => {
          asked.push(wish)
          return figures
        },
      },
    })
  const shown = await run('--peers', '6,3,3', '--placement', '10', '--clients', '2', '--seed', '5')
  assert.equal(shown.code, 0)
  assert.match(shown.out, /^3 +1500 +500 +- +5\.7 /m)
  assert.match(shown.out, /^3 +1 +2\.9 s +15, 67 ms +8\.6 of 8\.5 MB +1\.50$/m)
  assert.deepEqual(asked, [{ seed: 5, peers: [3, 6], placements: [10], clientsPerPeer: 2 }])
  assert.deepEqual(JSON.parse((await run('--json')).out), figures)
  await run('--peers', '3', '--placement', '10', '--clients', '2', '--join-clients', '1')
  const fewer = { seed: 1, peers: [3], placements: [10], clientsPerPeer: 2, joinClientsPerPeer: 1 }
  assert.deepEqual(asked.at(-1), fewer)
  assert.equal((await run('--peers', '2')).code, 2)
})
