// Goal: what a duty orders is carried out under no lower token than one that was let through before, over restarts and
// lost records (rule 11). Method: the guard on the simulator's disk, which forgets what was not synced.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seeded } from '../../base/random.ts'
import { Guard, type ReadToken } from '../../node/control/guard.ts'
import { noDiskFaults, SimDisk } from '../../sim/disk.ts'

type Timer = { atMs: number; run: () => void }

/** A disk whose time goes by only when somebody waits for it. */
function newMachine() {
  let nowMs = 0
  const timers: Timer[] = []
  const disk = new SimDisk({
    random: seeded(7),
    schedule: (delayMs, run) => void timers.push({ atMs: nowMs + delayMs, run }),
    faults: { ...noDiskFaults, durableAtCrashChance: 0 },
  })
  const pass = () => {
    while (timers.length > 0) {
      timers.sort((a, b) => a.atMs - b.atMs)
      const next = timers.shift()!
      nowMs = Math.max(nowMs, next.atMs)
      next.run()
    }
  }
  return { disk, pass, forget: () => timers.splice(0) }
}

const never: ReadToken = () => assert.fail('nothing was lost, so nothing is read')

function askedOf(guard: Guard, pass: () => void, duty: string, token: number): boolean | null {
  let answer: boolean | null = null
  guard.admit(duty, token, admitted => {
    answer = admitted
  })
  pass()
  return answer
}

test('a lower token is refused for ever, and each duty has a fence of its own', () => {
  const { disk, pass } = newMachine()
  const first = new Guard(disk.restart().disk, false, never)
  assert.equal(askedOf(first, pass, 'compact', 5), true)
  assert.equal(askedOf(first, pass, 'compact', 4), false)
  assert.equal(askedOf(first, pass, 'repair', 4), true)
  disk.crash()
  const second = new Guard(disk.restart().disk, false, never)
  assert.equal(askedOf(second, pass, 'compact', 4), false)
  assert.equal(askedOf(second, pass, 'compact', 5), true)
  assert.equal(askedOf(second, pass, 'Compact!', 9), false)
  assert.equal(askedOf(second, pass, 'compact', 0), false)
})

test('nothing is let through before the fence is durable', () => {
  const { disk, pass, forget } = newMachine()
  const guard = new Guard(disk.restart().disk, false, never)
  pass()
  let answer: boolean | null = null
  guard.admit('compact', 5, admitted => {
    answer = admitted
  })
  assert.equal(answer, null, 'not yet')
  disk.crash()
  forget()
  const next = new Guard(disk.restart().disk, false, never)
  assert.equal(askedOf(next, pass, 'compact', 4), true, 'what was never let through binds nobody')
})

test('after lost records the present token of the lease is the floor of all duties', () => {
  const { disk, pass } = newMachine()
  let token: number | null = null
  const guard = new Guard(disk.restart().disk, true, done => done(token))
  assert.equal(askedOf(guard, pass, 'compact', 8), false, 'the register cannot be read')
  token = 7
  assert.equal(askedOf(guard, pass, 'compact', 6), false)
  assert.equal(askedOf(guard, pass, 'compact', 7), true)
  assert.equal(askedOf(guard, pass, 'repair', 6), false)
  disk.crash()
  const next = new Guard(disk.restart().disk, false, never)
  assert.equal(askedOf(next, pass, 'repair', 6), false, 'the floor is durable')
})
