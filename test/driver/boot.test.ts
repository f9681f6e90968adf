// Goal: no two boots of a peer have one number, and a damaged boot record is known as damaged. Method: a disk of one
// record, its bits flipped one by one and two by two.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32 } from 'node:zlib'
import { SlurpError } from '../../base/errors.ts'
import { bootChange, nextIncarnation, readBoot } from '../../node/driver/boot.ts'
import type { Disk } from '../../node/ports/ports.ts'

const nowMs = 1_800_000_000_123

function diskWith(stored: Uint8Array | null): Disk {
  return {
    write: () => assert.fail('nothing is written'),
    read: () => stored,
    scan: () => assert.fail('nothing is scanned'),
  }
}

function recordOf(incarnation: number): Uint8Array {
  const change = bootChange({ incarnation })
  assert.ok(change.kind === 'put')
  return change.value
}

test('the first boot has number 1, the next one more', () => {
  assert.equal(nextIncarnation(diskWith(null), nowMs, false), 1)
  assert.equal(nextIncarnation(diskWith(recordOf(7)), nowMs, false), 8)
})

test('two boots that both lost records, a millisecond apart, have different numbers', () => {
  const disk = diskWith(recordOf(7))
  assert.notEqual(nextIncarnation(disk, nowMs, true), nextIncarnation(disk, nowMs + 1, true))
})

test('any one or two flipped bits are damage, not a newer format', () => {
  const whole = recordOf(0x1234_5678)
  const bits = whole.length * 8
  for (let first = 0; first < bits; first++) {
    for (let second = first; second < bits; second++) {
      const flipped = Uint8Array.from(whole)
      for (const bit of new Set([first, second])) flipped[bit >> 3]! ^= 1 << (bit & 7)
      assert.equal(readBoot(diskWith(flipped)), 'damaged', `bits ${first} and ${second}`)
    }
  }
})

test('a whole record of another format stops the start', () => {
  const newer = recordOf(7)
  newer[0] = 2
  new DataView(newer.buffer).setUint32(1, crc32(newer.subarray(5), crc32(newer.subarray(0, 1))))
  assert.throws(
    () => readBoot(diskWith(newer)),
    (failure: unknown) => failure instanceof SlurpError && failure.code === 'FORMAT_UNKNOWN',
  )
})
