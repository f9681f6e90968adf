// Goal: no decoder of outside bytes does anything but take or refuse its input, and the fuzzer would see it if one did.
// Method: a short run over every decoder, what long runs found before, and decoders with a fault each. `npm run fuzz`
// goes on for as long as it is told.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seeded } from '../../base/random.ts'
import { allTargets } from './all-targets.ts'
import { targets as badTargets } from './bad-targets.ts'
import { found } from './found.ts'
import { inputBytesMax, nextInput, smaller } from './mutator.ts'
import { runTarget } from './run-target.ts'
import { fuzz, type Outcome, sharedHeaderBytes } from './worker.ts'

const inputsEach = 60
const targets = await allTargets()

test('every decoder takes or refuses what it is given', async t => {
  assert.equal(new Set(targets.map(({ name }) => name)).size, targets.length)
  const buffer = new ArrayBuffer(sharedHeaderBytes + inputBytesMax)
  const shared = { header: new Int32Array(buffer, 0, 2), bytes: new Uint8Array(buffer, sharedHeaderBytes) }
  for (const target of targets) {
    await t.test(target.name, async () => {
      for (const seed of target.seeds) assert.equal(typeof (await target.run(seed)), 'boolean')
      const task = { target: target.name, seed: 4, inputs: inputsEach, forMs: 60_000 }
      const { inputs, findings } = await fuzz(task, target, shared)
      const told = findings.map(
        ({ kind, what, input }) => `${kind} ${what} ${Buffer.from(input).toString('base64')}`,
      )
      assert.deepEqual([inputs, told], [inputsEach, []])
    })
  }
})

test('what was found before stays away', async () => {
  for (const { target: name, input } of found) {
    const target = targets.find(each => each.name === name)!
    await target.run(Buffer.from(input, 'base64'))
  }
})

const faults: [target: string, kinds: Outcome['findings'][number]['kind'][]][] = [
  ['none', []],
  ['throws', ['failed']],
  ['is surprised', ['failed']],
  ['has two texts', ['failed']],
  ['hangs', ['hangs']],
  ['is slow', ['slow']],
  ['takes memory', ['memory']],
  ['takes all of the heap', ['died']],
]

test('a decoder with a fault is found, whatever the fault is', async t => {
  assert.deepEqual(
    faults.map(([name]) => name),
    badTargets.map(({ name }) => name),
  )
  const module = new URL('bad-targets.ts', import.meta.url).href
  for (const [target, kinds] of faults) {
    await t.test(target, async () => {
      const task = { target, module, seed: 1, inputs: 100, forMs: 120_000 }
      const { inputs, findings } = await runTarget(task, target === 'hangs' ? 3_000 : 120_000, 128)
      assert.deepEqual(
        findings.map(({ kind }) => kind),
        kinds,
      )
      assert.ok(inputs > 0)
      for (const { kind, input } of findings) {
        assert.ok(!Buffer.from(input).includes('v'), 'the input is the one that fails')
        if (kind === 'failed') assert.equal(input.length, 0, 'and nothing is in it that could be left out')
      }
    })
  }
})

test('a seed gives the same inputs again, and smaller ones are smaller or plainer', () => {
  const seeds = [Buffer.from('a valid input'), Buffer.from('{"another":[1,2,3]}')]
  const inputs = () => {
    const random = seeded(7)
    return Array.from({ length: 200 }, () => Buffer.from(nextInput(random, seeds, ['word'])).toString('hex'))
  }
  assert.deepEqual(inputs(), inputs())
  assert.ok(new Set(inputs()).size > 150)
  for (const input of smaller(seeds[0]!)) assert.ok(input.length < seeds[0]!.length || input.includes(0x30))
})
