import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Random } from '../../base/random.ts'
import type { OpenedDisk } from '../../node/ports/opened-disk.ts'
import type { DiskChange } from '../../node/ports/ports.ts'
import { type DiskFaults, noDiskFaults, SimDisk } from '../../sim/disk.ts'
import { World } from '../../sim/world.ts'

const keyOf = (index: number): Uint8Array => Uint8Array.of(1, index >> 8, index & 0xff)
const put = (index: number, value = index): DiskChange => ({
  kind: 'put',
  key: keyOf(index),
  value: Uint8Array.of(value & 0xff, 7),
})

type Machine = { world: World; disk: SimDisk; random: Random }

function machine(seed: number, faults: Partial<DiskFaults> = {}): Machine {
  const world = new World(seed)
  const random = world.random('disk')
  const schedule = (delayMs: number, run: () => void) => void world.after(delayMs, run)
  return { world, random, disk: new SimDisk({ random, schedule, faults: { ...noDiskFaults, ...faults } }) }
}

/** Submits one batch a number. @returns what each was answered, by its number. */
function submit({ disk }: OpenedDisk, from: number, to: number): Map<number, boolean> {
  const answers = new Map<number, boolean>()
  for (let index = from; index < to; index++) {
    disk.write([put(index), { kind: 'delete', key: keyOf(index + 1000) }], failure =>
      answers.set(index, failure === null),
    )
  }
  return answers
}

const present = ({ disk }: OpenedDisk, count: number): number[] =>
  Array.from({ length: count }, (_, index) => index).filter(index => disk.read(keyOf(index)) !== null)

const firstNumbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index)

// Goal: a crash loses a suffix of what was submitted, nothing that was answered, and never half a batch.
// Method: crash at random virtual times; both outcomes of the batch in flight are met.
test('a crash loses unsynced batches, the last ones first, and nothing acknowledged', () => {
  let answeredAndMore = 0
  fc.assert(
    fc.property(fc.nat(), fc.nat(60), fc.double({ min: 0, max: 60, noNaN: true }), (seed, count, crashMs) => {
      const { world, disk } = machine(seed)
      const answers = submit(disk.restart(), 0, count)
      world.run(crashMs)
      disk.crash()
      const answered = answers.size
      const again = disk.restart()
      assert.deepEqual(again.found, { fresh: again.stats().sequence === 0, lostTail: false, gaps: false })
      const survivors = present(again, count)
      assert.deepEqual(survivors, firstNumbers(survivors.length))
      assert.ok(survivors.length === answered || survivors.length === answered + 1)
      if (survivors.length > answered) answeredAndMore++
      world.run(1000)
      assert.equal(answers.size, answered, 'the dead hear nothing')
    }),
  )
  assert.ok(answeredAndMore > 0, 'a batch that was durable before anybody knew')
})

// Goal: a run is a function of its seed. Method: the same steps twice, and on another seed.
test('one seed gives one run', () => {
  const run = (seed: number) => {
    const { world, disk, random } = machine(seed, {
      readErrorChance: 0.1,
      bitFlipChance: 0.3,
      failWriteChance: 0.02,
    })
    const told: string[] = []
    let opened = disk.restart()
    for (let round = 0; round < 20; round++) {
      for (let index = 0; index < 10; index++) {
        opened.disk.write([put(round * 10 + index)], failure =>
          told.push(`${world.nowMs} ${index} ${failure?.message}`),
        )
      }
      opened.disk.scan(keyOf(0), keyOf(999), 50, (failure, entries) =>
        told.push(`${world.nowMs} ${failure?.message} ${entries.map(({ value }) => value.join()).join(' ')}`),
      )
      world.run(world.nowMs + 10)
      if (random.chance(0.3)) {
        disk.crash()
        disk.flipBit(random)
        disk.loseTail(random.below(3))
        disk.loseMiddle(random, 2)
        opened = disk.restart()
        told.push(JSON.stringify(opened.found))
      }
    }
    return told.join('\n')
  }
  assert.equal(run(5), run(5))
  assert.notEqual(run(5), run(6))
})

test('a lost tail is reported until it is acknowledged, and its batches are gone', async () => {
  const { world, disk } = machine(1)
  submit(disk.restart(), 0, 20)
  world.run(1000)
  disk.crash()
  assert.equal(disk.loseTail(5), 5)
  for (let time = 0; time < 2; time++) {
    const opened = disk.restart()
    assert.deepEqual(opened.found, { fresh: false, lostTail: true, gaps: false })
    assert.deepEqual(present(opened, 20), firstNumbers(15))
    if (time === 1) await opened.acknowledgeDamage()
    disk.crash()
  }
  assert.equal(disk.restart().found.lostTail, false)
})

test('batches lost in the middle are gaps: what followed them stays', () => {
  const { world, disk, random } = machine(2)
  submit(disk.restart(), 0, 20)
  world.run(1000)
  disk.crash()
  const lost = disk.loseMiddle(random, 4)
  const opened = disk.restart()
  assert.deepEqual(opened.found, { fresh: false, lostTail: false, gaps: true })
  const left = present(opened, 20)
  assert.equal(left.length, 20 - lost)
  assert.ok(lost > 0 && left.includes(19))
})

test('a flipped bit stays, through reads, crashes and lost tails', () => {
  const { world, disk, random } = machine(3)
  submit(disk.restart(), 0, 10)
  world.run(1000)
  const key = disk.flipBit(random)!
  disk.crash()
  disk.loseTail(1)
  const opened = disk.restart()
  const index = key[2]!
  if (index === 9) return assert.equal(opened.disk.read(key), null)
  assert.notDeepEqual(opened.disk.read(key), Uint8Array.of(index, 7))
  assert.deepEqual(opened.disk.read(key), opened.disk.read(key))
})

test('a full disk fails its process for good, and the next process once there is room', () => {
  const { world, disk } = machine(4)
  const opened = disk.restart()
  const before = submit(opened, 0, 3)
  world.run(1000)
  disk.full(true)
  const during = submit(opened, 3, 6)
  world.run(2000)
  disk.full(false)
  const after = submit(opened, 6, 9)
  world.run(3000)
  assert.deepEqual(
    [...before.values(), ...during.values(), ...after.values()],
    [true, true, true, ...Array(6).fill(false)],
  )
  assert.match(opened.stats().failure!, /full/)
  disk.crash()
  const again = disk.restart()
  assert.deepEqual(present(again, 9), [0, 1, 2])
  const later = submit(again, 9, 10)
  world.run(4000)
  assert.deepEqual([...later.values()], [true])
})

test('a slow disk takes longer by its factor', () => {
  const lastAnswer = (factor: number) => {
    const { world, disk } = machine(5)
    disk.slow(factor)
    let atMs = 0
    disk.restart().disk.write([put(1)], () => {
      atMs = world.nowMs
    })
    world.run(100_000)
    return atMs
  }
  assert.ok(Math.abs(lastAnswer(50) / lastAnswer(1) - 50) < 1e-6)
})

test('a wiped disk is fresh, or missing where data was expected; a second process is refused', () => {
  const { world, disk } = machine(6)
  submit(disk.restart(), 0, 3)
  assert.throws(() => disk.restart(), { code: 'DIRECTORY_TAKEN' })
  world.run(1000)
  disk.crash()
  disk.wipe()
  assert.throws(() => disk.restart({ expectExisting: true }), { code: 'DATA_MISSING' })
  assert.ok(disk.restart().found.fresh)
})

test('read errors and flipped bits come as often as asked for', () => {
  const { world, disk } = machine(7, { readErrorChance: 0.2, bitFlipChance: 0.5 })
  const opened = disk.restart()
  submit(opened, 0, 200)
  world.run(10_000)
  let errors = 0
  let flipped = 0
  for (let index = 0; index < 200; index++) {
    try {
      if (Buffer.compare(opened.disk.read(keyOf(index))!, Uint8Array.of(index & 0xff, 7)) !== 0) flipped++
    } catch {
      errors++
    }
  }
  assert.ok(errors > 20 && errors < 70, `${errors} read errors`)
  assert.ok(flipped > 50 && flipped < 120, `${flipped} flipped`)
})

test('callbacks go through the process: a paused one hears nothing until it runs again', () => {
  const { world, disk } = machine(8)
  const held: (() => void)[] = []
  const opened = disk.restart({ expectExisting: false, deliver: run => held.push(run) })
  const answers = submit(opened, 0, 2)
  world.run(1000)
  assert.equal(answers.size, 0)
  for (const run of held) run()
  assert.equal(answers.size, 2)
})

// Goal: a list is in the order of its keys and has what is there, whatever was written since the last one.
// Method: random puts and deletes, a list after some of them, held against a plain set.
test('lists between writes have every key once, in order', () => {
  const step = fc.record({ index: fc.nat(40), isPut: fc.boolean(), isListed: fc.boolean() })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), steps => {
      const { world, disk } = machine(3)
      disk.fill([put(7), put(3)])
      const { disk: open } = disk.restart()
      const expected = new Set([3, 7])
      for (const { index, isPut, isListed } of steps) {
        open.write([isPut ? put(index) : { kind: 'delete', key: keyOf(index) }], () => undefined)
        if (isPut) expected.add(index)
        else expected.delete(index)
        world.run(world.nowMs + 100)
        if (!isListed) continue
        let listed: number[] | null = null
        open.scan(keyOf(0), keyOf(1_000), 1_000, (_, entries) => {
          listed = entries.map(({ key }) => key[1]! * 256 + key[2]!)
        })
        world.run(world.nowMs + 100)
        assert.deepEqual(
          listed,
          [...expected].sort((a, b) => a - b),
        )
      }
    }),
  )
})
