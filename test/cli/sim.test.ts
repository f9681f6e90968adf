// Goal: `slurp sim run` tells what a seed did, and fails when an invariant broke. Method: results made here.
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { SimulationResult } from '../../node/cli/wiring.ts'
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
  const world = ['--clients', '2', '--keys', '1', '--no-moves', '--faults', 'loss=0.5,crashes=1']
  const told = await run(...world, '--minimise', '--html', html)
  assert.match(told.out, /dropped: fault loss/)
  assert.equal(readFileSync(html, 'utf8'), '<html></html>')
  assert.deepEqual(JSON.parse((await run('--faults', 'none', '--json')).out), smaller)
  assert.deepEqual(asked, [
    [
      7,
      { clients: 2, keys: 1, moves: false, faults: { loss: 0.5, crashes: 1 }, minimises: true, draws: true },
    ],
    [7, { faults: {} }],
  ])
  for (const wrong of ['loss', 'loss=2', 'loss=0.5,', 'loss=-1', ''])
    assert.equal((await run('--faults', wrong)).code, 2, wrong)
  assert.equal((await run('--html', join(dir, 'not', 'there.html'))).code, 2)
})
