// Goal: whatever a store may do wrong is found in the recorded history, and nothing else is. Method: random calls on
// an honest register in memory, some of unknown outcome; then registers that break one promise each.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Random, seeded } from '../../base/random.ts'
import { ChaosFailure } from '../../sim/chaos/failure.ts'
import type { Ask, Call } from '../../sim/chaos/history/call.ts'
import { checkRun } from '../../sim/chaos/history/check.ts'
import { historyFormat, readHistory } from '../../sim/chaos/history/file.ts'
import { Recorder } from '../../sim/chaos/history/recorder.ts'
import { callOf, type Plant, Register } from './register.ts'

const address = 'ucxl://any:any@chaos:any/*^/x'

function askFrom(random: Random, number: number, register: Register): Ask {
  const head = register.versions.at(-1)
  const known = random.pick([null, 'none', head?.version ?? 'none', register.versions[0]?.version ?? 'none'])
  switch (random.below(5)) {
    case 0:
      return { kind: 'get' }
    case 1:
      return { kind: 'history', limit: 1 + random.below(6) }
    case 2:
      return { kind: 'delete', ifVersion: known === 'none' ? null : known }
    default:
      return { kind: 'put', mark: `w1-${number}`, ifVersion: known }
  }
}

function play(seed: number, plant: Plant, calls = 60): { calls: Call[]; register: Register } {
  const random = seeded(seed)
  const register = new Register(plant)
  const made = Array.from({ length: calls }, (_, number) => {
    const ask = askFrom(random, number, register)
    const isLost = random.chance(0.2)
    const outcome = isLost ? register.answerUnknown(ask, random.chance(0.5)) : register.answer(ask)
    return callOf(number, address, ask, outcome)
  })
  return { calls: made, register }
}

const violationsOf = ({ calls, register }: ReturnType<typeof play>) =>
  checkRun(calls, new Map([[address, register.chain]])).violations.map(({ what }) => what)

test('an honest store is believed, lost answers and all', () => {
  for (let seed = 1; seed <= 200; seed++) assert.deepEqual(violationsOf(play(seed, null)), [], `seed ${seed}`)
})

const plants = {
  staleRead: /no order/,
  lostWrite: /is lost|told to follow/,
  doubled: /carried out twice|tombstones? /,
  deniedTookEffect: /told as failed|tombstones? /,
  resurrected: /no order/,
  wrongContent: /was "else"/,
  gapInHistory: /a history showed/,
} satisfies Partial<Record<NonNullable<Plant>, RegExp>>

for (const [plant, words] of Object.entries(plants)) {
  test(`a store with the fault ${plant} is found out`, () => {
    let found = 0
    for (let seed = 1; seed <= 20; seed++) {
      const wrong = violationsOf(play(seed, plant as Plant))
      if (wrong.length === 0) continue
      found += 1
      assert.match(wrong.join('\n'), words)
    }
    assert.ok(found >= 15, `only ${found} of 20 seeds noticed`)
  })
}

const put = (number: number, ifVersion: string | null): Ask => ({
  kind: 'put',
  mark: `w1-${number}`,
  ifVersion,
})

test('a tombstone that nobody asked for is found', () => {
  const register = new Register(null)
  const calls = [callOf(1, address, put(1, null), register.answer(put(1, null)))]
  register.answer({ kind: 'delete', ifVersion: null })
  assert.match(violationsOf({ calls, register }).join(), /1 tombstones for 0 deletions/)
  const other: Ask = { kind: 'delete', ifVersion: 'f'.repeat(24) }
  const late = [...calls, callOf(2, address, other, { kind: 'unknown', code: 'TIMED_OUT' })]
  assert.match(violationsOf({ calls: late, register }).join(), /no deletion without an answer can have made/)
})

test('a write that surfaces before it was asked for is found', () => {
  const register = new Register(null)
  const outcome = register.answer(put(2, null))
  const seen = register.answer({ kind: 'get' })
  const calls = [callOf(1, address, { kind: 'get' }, seen), callOf(2, address, put(2, null), outcome)]
  assert.match(violationsOf({ calls, register }).join(), /no order/)
})

test('an address whose history could not be read is a violation', () => {
  const { calls } = play(1, null)
  assert.match(checkRun(calls, new Map()).violations[0]!.what, /could not be read/)
})

test('a recorded run can be checked again from its file, and a cut file is refused', async t => {
  const dir = mkdtempSync(join(tmpdir(), 'slurp-chaos-test-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  const path = join(dir, 'history.ndjson')
  let nowMs = 0
  const recorder = new Recorder(path, () => nowMs++)
  recorder.write({ type: 'run', format: historyFormat, seed: 7, peers: 5 })
  const register = new Register('staleRead')
  const random = seeded(1)
  for (let number = 0; number < 40; number++) {
    const ask = askFrom(random, number, register)
    await recorder.record({ worker: 'w1', door: 'p1', address, ask }, async () => register.answer(ask))
  }
  recorder.write({ type: 'fault', atMs: 3, what: 'kill -9 p1' })
  recorder.write({ type: 'chain', address, entries: register.chain })
  await recorder.close()
  const again = await readHistory(path)
  assert.equal(again.seed, 7)
  assert.deepEqual(again.calls, recorder.calls)
  assert.deepEqual(again.faults, [{ atMs: 3, what: 'kill -9 p1' }])
  assert.match(checkRun(again.calls, again.chains).violations[0]!.what, /no order/)
  writeFileSync(path, '{"type":"run","format":1,"seed":7,"peers":5}\n{"type":"call","wor')
  await assert.rejects(readHistory(path), ChaosFailure)
  writeFileSync(path, '{"type":"run","format":99,"seed":7,"peers":5}\n')
  await assert.rejects(readHistory(path), /format 99/)
})
