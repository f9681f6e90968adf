// Goal: hours mean what the clock on the wall of their zone shows, through every change of it. Method: cases by hand at
// midnight and at both changes of the year, and a comparison with a walk minute by minute.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Hours, hoursChangeAfter, hoursOpen, isZone } from '../../../crypto/grants/hours.ts'

const everyDay = [1, 2, 3, 4, 5, 6, 7]
const at = (text: string): number => Date.parse(text)
const hours = (zone: string, from: string, to: string, days = everyDay): Hours => ({
  zone,
  windows: [{ days, from, to }],
})
/** Moments at which it changes after `from`, as ISO texts. */
function changes(rule: Hours, from: string, count: number): string[] {
  const list: string[] = []
  for (let ms: number | null = at(from); list.length < count; ) {
    ms = hoursChangeAfter(rule, ms)
    if (ms === null) break
    list.push(new Date(ms).toISOString().replace('.000Z', 'Z'))
  }
  return list
}

test('a window has its first minute and not its last', () => {
  const rule = hours('UTC', '08:00', '17:30', [1, 2, 3, 4, 5])
  for (const [text, open] of [
    ['2026-07-01T07:59:59.999Z', false],
    ['2026-07-01T08:00:00.000Z', true],
    ['2026-07-01T17:29:59.999Z', true],
    ['2026-07-01T17:30:00.000Z', false],
    ['2026-07-04T12:00:00Z', false],
  ] as const) {
    assert.equal(hoursOpen(rule, at(text)), open, text)
  }
  assert.deepEqual(changes(rule, '2026-07-03T12:00:00Z', 2), ['2026-07-03T17:30:00Z', '2026-07-06T08:00:00Z'])
})

test('a window over midnight belongs to the day on which it opens', () => {
  const rule = hours('UTC', '22:00', '06:00', [7])
  assert.deepEqual(changes(rule, '2026-07-01T00:00:00Z', 3), [
    '2026-07-05T22:00:00Z',
    '2026-07-06T06:00:00Z',
    '2026-07-12T22:00:00Z',
  ])
  assert.ok(!hoursOpen(rule, at('2026-07-05T03:00:00Z')))
})

test('whole days follow one another without a gap', () => {
  const always = hours('Europe/Berlin', '00:00', '24:00')
  assert.equal(hoursChangeAfter(always, at('2026-03-28T00:00:00Z')), null)
  const weekend = hours('UTC', '00:00', '24:00', [6, 7])
  assert.deepEqual(changes(weekend, '2026-07-01T00:00:00Z', 2), [
    '2026-07-04T00:00:00Z',
    '2026-07-06T00:00:00Z',
  ])
})

test('the hour that summer time skips', () => {
  // Berlin, 2026-03-29: after 02:00 CET comes 03:00 CEST, which is 01:00 UTC.
  const night = hours('Europe/Berlin', '22:00', '06:00')
  assert.deepEqual(changes(night, '2026-03-28T20:00:00Z', 2), [
    '2026-03-28T21:00:00Z',
    '2026-03-29T04:00:00Z',
  ])
  assert.deepEqual(changes(hours('Europe/Berlin', '02:30', '03:30'), '2026-03-28T12:00:00Z', 2), [
    '2026-03-29T01:00:00Z',
    '2026-03-29T01:30:00Z',
  ])
  // Swallowed as a whole on that day: it opens a week later.
  assert.deepEqual(changes(hours('Europe/Berlin', '02:10', '02:50', [7]), '2026-03-23T00:00:00Z', 1), [
    '2026-04-05T00:10:00Z',
  ])
})

test('the hour that comes twice', () => {
  // Berlin, 2026-10-25: after 03:00 CEST comes 02:00 CET, which is 01:00 UTC.
  assert.deepEqual(changes(hours('Europe/Berlin', '02:15', '02:45', [7]), '2026-10-24T12:00:00Z', 4), [
    '2026-10-25T00:15:00Z',
    '2026-10-25T00:45:00Z',
    '2026-10-25T01:15:00Z',
    '2026-10-25T01:45:00Z',
  ])
  const night = hours('Europe/Berlin', '22:00', '06:00', [6])
  assert.deepEqual(changes(night, '2026-10-24T12:00:00Z', 2), [
    '2026-10-24T20:00:00Z',
    '2026-10-25T05:00:00Z',
  ])
})

test('half hours, a change of half an hour, and a day that never was', () => {
  assert.deepEqual(changes(hours('Asia/Kathmandu', '09:00', '10:00'), '2026-07-01T00:00:00Z', 1), [
    '2026-07-01T03:15:00Z',
  ])
  // Lord Howe, 2026-04-05: 02:00 at +11:00 becomes 01:30 at +10:30, at 15:00 UTC of the day before.
  assert.deepEqual(changes(hours('Australia/Lord_Howe', '01:45', '01:50', [7]), '2026-04-04T12:00:00Z', 4), [
    '2026-04-04T14:45:00Z',
    '2026-04-04T14:50:00Z',
    '2026-04-04T15:15:00Z',
    '2026-04-04T15:20:00Z',
  ])
  // Samoa had no 2011-12-30, a Friday.
  assert.deepEqual(changes(hours('Pacific/Apia', '08:00', '09:00', [5]), '2011-12-26T00:00:00Z', 1), [
    '2012-01-05T18:00:00Z',
  ])
})

test('zones are names', () => {
  for (const zone of ['UTC', 'Europe/Berlin', 'America/Argentina/Buenos_Aires', 'Etc/GMT+5'])
    assert.ok(isZone(zone), zone)
  for (const zone of ['', '+01:00', 'Z/../etc', 'Mars/Olympus', 'Europe/', `A${'a'.repeat(99)}`])
    assert.ok(!isZone(zone), zone)
})

test('the next change is the one that a walk minute by minute finds', () => {
  const zones = [
    'UTC',
    'Europe/Berlin',
    'America/New_York',
    'Australia/Lord_Howe',
    'Asia/Kathmandu',
    'Pacific/Apia',
  ]
  // Days around the changes of these zones, and others.
  const days = [
    '2026-03-08',
    '2026-03-29',
    '2026-04-05',
    '2026-10-04',
    '2026-10-25',
    '2026-11-01',
    '2026-07-01',
  ]
  const time = fc.nat(95).map(quarter => `${two(Math.floor(quarter / 4))}:${two((quarter % 4) * 15)}`)
  const window = fc
    .record(
      {
        days: fc.subarray(everyDay, { minLength: 1 }),
        from: time,
        to: time.map(to => (to === '00:00' ? '24:00' : to)),
      },
      { noNullPrototype: true },
    )
    .filter(({ from, to }) => from !== to)
  const rules = fc.record({
    zone: fc.constantFrom(...zones),
    windows: fc.array(window, { minLength: 1, maxLength: 3 }),
  })
  fc.assert(
    fc.property(rules, fc.constantFrom(...days), fc.nat(96 * 15 - 1), (rule, day, minute) => {
      const start = at(`${day}T00:00:00Z`) - 720 * 60_000 + minute * 60_000
      const change = hoursChangeAfter(rule, start)
      const open = hoursOpen(rule, start)
      const end = Math.min(change ?? Number.POSITIVE_INFINITY, start + 1500 * 60_000)
      for (let ms = start; ms < end; ms += 60_000) assert.equal(hoursOpen(rule, ms), open)
      if (change !== null) {
        assert.equal(hoursOpen(rule, change), !open)
        assert.equal(hoursOpen(rule, change - 1), open)
      }
    }),
    { numRuns: 60 },
  )
})

const two = (value: number): string => `${value}`.padStart(2, '0')
