import { type Command, InvalidArgumentError } from 'commander'
import type { Limits } from '../../crypto/grants/grant-shape.ts'
import type { LimitsOrder } from '../grants/api.ts'
import { names } from './options.ts'

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

export type LimitOptions = {
  operations?: string[]
  roles?: 'any' | string[]
  projects?: 'any' | string[]
  paths?: 'any' | string[]
  networks?: 'any' | string[]
  hours?: Limits['hours']
}
export const limitNames = ['operations', 'roles', 'projects', 'paths', 'networks', 'hours'] as const

/** What a grant allows, as options; what is not given is `any`, but for the operations. */
export const withLimits = (command: Command): Command =>
  command
    .option('--operations <list>', 'read, write, delete, search, history, admin:… or admin:*', names)
    .option('--roles <list>', 'Roles that it may act for (default: any)', anyOrNames)
    .option('--projects <list>', 'Projects, as addresses have them (default: any)', anyOrNames)
    .option('--paths <list>', 'Paths, each with all that is below it (default: any)', anyOrNames)
    .option('--networks <list>', 'Networks that it may call from, as 10.0.0.0/8 (default: any)', anyOrNames)
    .option('--hours <hours>', 'When, as "Europe/Berlin mon-fri 08:00-18:00" (default: any)', hoursFrom)

/** What was asked for by `withLimits`. */
export const limitsFrom = (options: LimitOptions): LimitsOrder => ({
  operations: (options.operations?.length
    ? options.operations
    : ['history', 'read']) as LimitsOrder['operations'],
  roles: options.roles ?? 'any',
  projects: options.projects ?? 'any',
  paths: options.paths ?? 'any',
  networks: options.networks ?? 'any',
  hours: options.hours ?? 'any',
})
