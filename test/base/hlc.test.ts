// Goal: clock values grow whatever the wall clock does, and their text order is their order in time.
// Method: properties over random wall-clock readings, jumps and met values.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { InvariantBroken } from '../../base/assert.ts'
import {
  ballotCeiling,
  ballotFrom,
  ballotHlc,
  bootTag,
  hlcFrom,
  hlcMs,
  mergeHlc,
  newClock,
  nextHlc,
  peerTagOf,
} from '../../base/hlc.ts'
import { type Hlc, isBallot, isVersion, noBallot, noHlc } from '../../base/ids.ts'

const wallMax = 2 ** 48 - 2
const walls = fc.integer({ min: 0, max: wallMax })
const tags = fc.nat(0xffffffff).map(tag => tag.toString(16).padStart(8, '0'))
const values = fc
  .record({ ms: walls, counter: fc.nat(0xffff), tag: tags })
  .map(drawn => ({ ...drawn, hlc: hlcFrom(drawn.ms, drawn.counter, drawn.tag) }))

test('each value is greater than every earlier one, however the wall clock jumps', () => {
  fc.assert(
    fc.property(fc.array(walls, { maxLength: 50 }), tags, (readings, tag) => {
      const clock = newClock(tag)
      let last = noHlc
      for (const wallMs of readings) {
        const made = nextHlc(clock, wallMs)
        assert.ok(made > last)
        assert.ok(isVersion(made))
        assert.ok(hlcMs(made) >= wallMs)
        last = made
      }
    }),
  )
})

test('a clock that does not jump is followed to the millisecond', () => {
  const clock = newClock('00000001')
  assert.equal(hlcMs(nextHlc(clock, 1000.9)), 1000)
  assert.equal(hlcMs(nextHlc(clock, 999)), 1000)
  assert.equal(hlcMs(nextHlc(clock, 1001)), 1001)
})

test('text order is the order of milliseconds, counter and tag', () => {
  fc.assert(
    fc.property(values, values, (a, b) => {
      const difference = a.ms - b.ms || a.counter - b.counter || (a.tag < b.tag ? -1 : a.tag > b.tag ? 1 : 0)
      assert.equal(a.hlc < b.hlc, difference < 0)
      assert.equal(hlcMs(a.hlc), a.ms)
    }),
  )
})

test('a counter that overflows carries into the milliseconds', () => {
  const clock = newClock('0000000a', hlcFrom(5000, 0xffff, '0000000a'))
  const made = nextHlc(clock, 4000)
  assert.equal(made, hlcFrom(5001, 0, '0000000a'))
})

test('after meeting a value, the next one made is above it', () => {
  fc.assert(
    fc.property(values, walls, tags, (met, wallMs, tag) => {
      const clock = newClock(tag)
      const own = nextHlc(clock, wallMs)
      const taken = mergeHlc(clock, met.hlc, wallMs, 10_000)
      assert.equal(taken, met.hlc <= own || met.ms <= wallMs + 10_000)
      const next = nextHlc(clock, wallMs)
      assert.ok(next > own)
      if (taken) assert.ok(next > met.hlc)
    }),
  )
})

test('a value too far ahead is refused and leaves the clock as it was', () => {
  const clock = newClock('00000001')
  nextHlc(clock, 1000)
  const { last } = clock
  assert.equal(mergeHlc(clock, hlcFrom(11_001, 0, '00000002'), 1000, 10_000), false)
  assert.equal(clock.last, last)
  assert.equal(mergeHlc(clock, hlcFrom(11_000, 0, '00000002'), 1000, 10_000), true)
  assert.ok(hlcMs(nextHlc(clock, 1000)) === 11_000)
})

test('two processes never make the same value', () => {
  const [one, two] = [newClock('00000001'), newClock('00000002')]
  const made = [1, 1, 1, 2].flatMap(wallMs => [nextHlc(one, wallMs), nextHlc(two, wallMs)])
  assert.equal(new Set(made).size, made.length)
})

test('ballots order by clock value first, then by boot', () => {
  fc.assert(
    fc.property(values, values, fc.nat(0xffffffff), fc.nat(0xffffffff), (a, b, bootA, bootB) => {
      const [ballotA, ballotB] = [ballotFrom(a.hlc, bootA), ballotFrom(b.hlc, bootB)]
      assert.ok(isBallot(ballotA))
      assert.equal(ballotHlc(ballotA), a.hlc)
      const first = a.hlc === b.hlc ? bootA < bootB : a.hlc < b.hlc
      assert.equal(ballotA < ballotB, first)
      assert.ok(ballotA > noBallot || (a.hlc === noHlc && bootA === 0))
    }),
  )
})

test('a ceiling is at or above every ballot of its millisecond and below the next', () => {
  fc.assert(
    fc.property(values, fc.nat(0xffffffff), (value, boot) => {
      const ballot = ballotFrom(value.hlc, boot)
      assert.ok(ballot <= ballotCeiling(value.ms))
      assert.ok(ballotFrom(hlcFrom(value.ms + 1, 0, '00000000'), 0) > ballotCeiling(value.ms))
    }),
  )
})

test('a wrong tag or a number out of range is a bug and said so', () => {
  assert.throws(() => newClock('xyz'), InvariantBroken)
  assert.throws(() => hlcFrom(-1, 0, '00000000'), InvariantBroken)
  assert.throws(() => hlcFrom(2 ** 48, 0, '00000000'), InvariantBroken)
  assert.throws(() => hlcFrom(1, 0x10000, '00000000'), InvariantBroken)
  assert.equal((noHlc as Hlc).length, 24)
})

test('boots of one process that follow one another never make one value, and all of them name the process', () => {
  fc.assert(
    fc.property(fc.nat(0xffffffff), fc.integer({ min: 1, max: 255 }), walls, (boot, later, wallMs) => {
      const before = nextHlc(newClock(bootTag('0000ab', boot)), wallMs)
      const after = nextHlc(newClock(bootTag('0000ab', boot + later)), wallMs)
      assert.notEqual(before, after)
      assert.equal(peerTagOf(before), '0000ab')
      assert.equal(peerTagOf(after), '0000ab')
    }),
  )
})
