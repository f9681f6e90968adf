// Goal: no two boots of a peer have one number or make one operation id, and a damaged boot record is known as damaged.
// Method: a disk of one record, its bits flipped one by one and two by two; boots at chosen times.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32 } from 'node:zlib'
import { SlurpError } from '../../base/errors.ts'
import { hlcFrom, hlcMs, newClock, nextHlc } from '../../base/hlc.ts'
import { bootChange, nextBoot, nextIncarnation, readBoot } from '../../node/driver/boot.ts'
import { IdReserve, idsReserveMs } from '../../node/driver/id-reserve.ts'
import type { Disk } from '../../node/ports/ports.ts'

const nowMs = 1_800_000_000_123

function diskWith(stored: Uint8Array | null): Disk {
  return {
    write: () => assert.fail('nothing is written'),
    read: () => stored,
    scan: () => assert.fail('nothing is scanned'),
  }
}

function recordOf(incarnation: number, idsBelowMs = nowMs): Uint8Array {
  const change = bootChange({ incarnation, idsBelowMs })
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

const tag = '0000000a'

test('a boot starts above every id of the boots before, wherever the wall clock is', () => {
  const { idsBelowMs } = nextBoot(diskWith(recordOf(7, nowMs + 1500)), nowMs - 5000, false)
  const hlc = newClock(tag)
  new IdReserve(hlc, idsBelowMs, nowMs - 5000, 10_000)
  assert.ok(hlcMs(nextHlc(hlc, nowMs - 5000)) > nowMs + 1500)
})

test('a boot that lost the record starts above what could have been reserved', () => {
  const boot = nextBoot(diskWith(recordOf(7, 5)), nowMs, true)
  assert.equal(boot.idsBelowMs, nowMs + idsReserveMs)
})

test('a clock that was an hour ahead once does not silence the process', () => {
  const hlc = newClock(tag)
  new IdReserve(hlc, nowMs + 3_600_000, nowMs, 10_000)
  assert.ok(hlcMs(nextHlc(hlc, nowMs)) <= nowMs + 10_001)
})

test('an id is used only under a durable bound, and one that is renewed in time waits for nothing', () => {
  const saved: number[] = []
  const reserve = new IdReserve(newClock(tag), 0, nowMs, 10_000)
  const cover = (ms: number, batch: number) =>
    reserve.cover(hlcFrom(ms, 0, tag), batch, bound => saved.push(bound))
  assert.equal(cover(nowMs, 3), 3)
  assert.equal(cover(nowMs + 1, 4), 3)
  reserve.synced(3)
  assert.equal(cover(nowMs + 2, 4), 0)
  assert.equal(cover(nowMs + idsReserveMs - 10, 5), 0)
  assert.equal(cover(nowMs + idsReserveMs + 10, 6), 5)
  reserve.synced(5)
  assert.equal(cover(nowMs + idsReserveMs + 10, 6), 0)
  assert.equal(saved.length, 2)
})
