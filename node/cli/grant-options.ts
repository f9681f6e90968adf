import { InvalidArgumentError } from 'commander'
import type { Limits } from '../../crypto/grants/grant-shape.ts'

const days = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun']
const unitSeconds: Readonly<Record<string, number>> = { m: 60, h: 3_600, d: 86_400 }

/** `any`, or names separated by commas; given again, it adds. */
export function anyOrNames(text: string, before?: 'any' | readonly string[]): 'any' | string[] {
  if (text === 'any') return 'any'
  const named = text.split(',').filter(name => name !== '')
  return before === undefined || before === 'any' ? named : [...before, ...named]
}

/** `15m`, `12h` or `7d`, in seconds; at most 31 days. */
export function lifeSeconds(text: string): number {
  const [, digits = '', unit = ''] = /^([1-9]\d{0,5})([mhd])$/.exec(text) ?? []
  const seconds = Number(digits) * (unitSeconds[unit] ?? 0)
  if (seconds >= 1 && seconds <= 31 * 86_400) return seconds
  throw new InvalidArgumentError('It is a number and a unit, such as 15m, 12h or 7d; at most 31d.')
}

/** `any`, or a time zone and windows of its clock: `Europe/Berlin mon-fri 08:00-18:00,sat 09:00-12:00`. */
export function hoursFrom(text: string): Limits['hours'] {
  if (text === 'any') return 'any'
  const [, zone = '', rest = ''] = /^(\S+) (.+)$/.exec(text) ?? []
  const windows = rest.split(',').map(part => {
    const [, first = '', last = first, from = '', to = ''] =
      /^([a-z]{3})(?:-([a-z]{3}))? (\d\d:\d\d)-(\d\d:\d\d)$/.exec(part.trim()) ?? []
    const [begin, end] = [days.indexOf(first), days.indexOf(last)]
    if (begin < 0 || end < begin || from === to) throw wrongHours()
    return { days: Array.from({ length: end - begin + 1 }, (_, at) => begin + at + 1), from, to }
  })
  if (zone === '' || windows.length === 0) throw wrongHours()
  return { zone, windows }
}

const wrongHours = () =>
  new InvalidArgumentError('Write it as "Europe/Berlin mon-fri 08:00-18:00,sat 09:00-12:00", or any.')

/** A moment in ISO 8601, as milliseconds since 1970. */
export function momentFrom(text: string): number {
  const ms = Date.parse(text)
  if (/^\d{4}-\d\d-\d\dT/.test(text) && Number.isSafeInteger(ms) && ms >= 0) return ms
  throw new InvalidArgumentError('Write it as 2026-11-22T08:00:00Z.')
}
