import { LRUCache } from 'lru-cache'

/** One window of a week by the clock on the wall of a time zone. */
export type HourWindow = {
  /** Days on which it opens: 1 is Monday, 7 is Sunday; ascending. */
  readonly days: readonly number[]
  /** `HH:MM`, 00:00 to 23:59. */
  readonly from: string
  /** `HH:MM`, 00:01 to 24:00; at or before `from` it is on the next day. Never equal to `from`. */
  readonly to: string
}

export type Hours = {
  /** IANA name, as `Europe/Berlin`. */
  readonly zone: string
  readonly windows: readonly HourWindow[]
}

const minuteMs = 60_000
const dayMs = 24 * 60 * minuteMs
const weekMs = 7 * dayMs
/** Shorter than any two changes of a zone's offset are apart. */
const strideMs = dayMs / 2
/** A change to summer time can swallow the only window of a week; it cannot do so twice. */
const searchedMs = 2 * weekMs + dayMs
/** 1970-01-05 was a Monday. */
const firstMondayMs = 4 * dayMs
const zoneShape = /^[A-Za-z][A-Za-z0-9_+-]*(\/[A-Za-z0-9_+-]+){0,2}$/
const zoneLengthMax = 64
const zonesCachedMax = 64
const clocks = new LRUCache<string, Intl.DateTimeFormat>({ max: zonesCachedMax })

/** Whether the runtime knows the zone by name. Offsets as `+01:00` are no zones. */
export function isZone(text: string): boolean {
  if (text.length > zoneLengthMax || !zoneShape.test(text)) return false
  try {
    return clockOf(text) !== null
  } catch (failure) {
    if (failure instanceof RangeError) return false
    throw failure
  }
}

/** Whether the wall clock of the zone stands in one of the windows at `atMs`. */
export const hoursOpen = (hours: Hours, atMs: number): boolean =>
  isOpenOnWall(hours, wallMs(hours.zone, atMs))

/**
 * The next moment after `atMs` at which the hours open, when they are closed, or close, when they are open. An hour
 * that summer time skips opens when the skip ends; one that comes twice opens twice.
 *
 * @returns milliseconds since 1970; null when nothing changes.
 */
export function hoursChangeAfter(hours: Hours, atMs: number): number | null {
  const open = hoursOpen(hours, atMs)
  const end = atMs + searchedMs
  for (let at = atMs; at < end; ) {
    const next = nextCandidate(hours, at)
    if (hoursOpen(hours, next) !== open) return next
    at = next
  }
  return null
}

/** The next edge of a window, change of the zone's offset or end of a stride, whichever is first. */
function nextCandidate({ zone, windows }: Hours, atMs: number): number {
  const wall = wallMs(zone, atMs)
  const offset = wall - atMs
  const edges = windows.flatMap(window =>
    window.days.flatMap(day => {
      const start = weekPlaceOf(day, window.from)
      return [start, start + lengthMs(window)]
    }),
  )
  const place = placeInWeek(wall)
  const waits = edges.map(edge => modulo(edge - place - 1, weekMs) + 1)
  const next = atMs + Math.min(strideMs, ...waits)
  return wallMs(zone, next) - next === offset ? next : offsetChange(zone, atMs, next)
}

/** The first millisecond after `fromMs`, at most `toMs`, at which the offset is another one. */
function offsetChange(zone: string, fromMs: number, toMs: number): number {
  const offset = wallMs(zone, fromMs) - fromMs
  let [same, other] = [fromMs, toMs]
  while (other - same > 1) {
    const middle = Math.floor((same + other) / 2)
    if (wallMs(zone, middle) - middle === offset) same = middle
    else other = middle
  }
  return other
}

const isOpenOnWall = ({ windows }: Hours, wall: number): boolean => {
  const place = placeInWeek(wall)
  // The week is a circle: what opens on Sunday night closes on Monday.
  return windows.some(window =>
    window.days.some(day => modulo(place - weekPlaceOf(day, window.from), weekMs) < lengthMs(window)),
  )
}

/** By the clock on the wall; 00:00 to 24:00 is a day. */
const lengthMs = ({ from, to }: HourWindow): number => modulo(timeOf(to) - timeOf(from), dayMs) || dayMs

const placeInWeek = (wall: number): number => modulo(wall - firstMondayMs, weekMs)
const weekPlaceOf = (day: number, time: string): number => (day - 1) * dayMs + timeOf(time)
const timeOf = (time: string): number => (Number(time.slice(0, 2)) * 60 + Number(time.slice(3))) * minuteMs
const modulo = (value: number, by: number): number => ((value % by) + by) % by

/** What the clock on the wall shows, as if it were UTC. */
function wallMs(zone: string, atMs: number): number {
  const parts = new Map(
    clockOf(zone)
      .formatToParts(atMs)
      .map(({ type, value }) => [type, Number(value)]),
  )
  const part = (name: Intl.DateTimeFormatPartTypes): number => parts.get(name) ?? Number.NaN
  const seconds = Date.UTC(
    part('year'),
    part('month') - 1,
    part('day'),
    part('hour'),
    part('minute'),
    part('second'),
  )
  return seconds + modulo(atMs, 1000)
}

function clockOf(zone: string): Intl.DateTimeFormat {
  const known = clocks.get(zone)
  if (known !== undefined) return known
  const clock = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    calendar: 'gregory',
    numberingSystem: 'latn',
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  })
  clocks.set(zone, clock)
  return clock
}
