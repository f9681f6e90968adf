import { SlurpError } from '../../base/errors.ts'

/**
 * Which version of a place is meant. Hops count versions that can be read: deleted and expired ones are passed
 * over. `back` starts at what stands now, so that after a deletion one hop back is the last version before it;
 * `forward` starts at the first version.
 */
export type Temporal =
  | { readonly kind: 'latest' }
  | { readonly kind: 'first' }
  | { readonly kind: 'back'; readonly hops: number }
  | { readonly kind: 'forward'; readonly hops: number }
  /** As of this moment, inclusive, in milliseconds since 1970. */
  | { readonly kind: 'at'; readonly ms: number }

/** Most hops that an address can name. */
export const hopsMax = 999_999

const forms = '*^ (latest), *~ (first), ~~N, ^^N, or @ with an ISO time such as @2026-03-01T12:00:00Z'
const isoTime =
  /^(\d{4})-(\d\d)-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,3}))?)?(?:Z|([+-])(\d\d):(\d\d)))?$/

/**
 * Reads a temporal segment as it is written; percent-encoding is no part of it.
 *
 * @param at - number of its first character in the address, for the message.
 * @throws SlurpError ADDRESS_INVALID
 */
export function parseTemporal(segment: string, at: number): Temporal {
  if (segment === '*^') return { kind: 'latest' }
  if (segment === '*~') return { kind: 'first' }
  if (segment.startsWith('~~')) return { kind: 'back', hops: readHops(segment, at) }
  if (segment.startsWith('^^')) return { kind: 'forward', hops: readHops(segment, at) }
  if (segment.startsWith('@')) return { kind: 'at', ms: readTime(segment.slice(1), at + 1) }
  throw invalid(at, `is none of ${forms}; a path that starts with this character has it percent-encoded`)
}

/** The one text of a temporal segment. */
export function formatTemporal(temporal: Temporal): string {
  switch (temporal.kind) {
    case 'latest':
      return '*^'
    case 'first':
      return '*~'
    case 'back':
      return `~~${temporal.hops}`
    case 'forward':
      return `^^${temporal.hops}`
    case 'at':
      return `@${new Date(temporal.ms).toISOString()}`
  }
}

function readHops(segment: string, at: number): number {
  const digits = segment.slice(2)
  if (!/^(?:0|[1-9]\d{0,5})$/.test(digits))
    throw invalid(at, `needs a number from 0 to ${hopsMax} after its first two characters`)
  return Number(digits)
}

/** A date alone is its first moment in UTC; with a time, the zone is required: a bare local time names no moment. */
function readTime(text: string, at: number): number {
  const match = isoTime.exec(text)
  if (match === null)
    throw invalid(
      at,
      'is no ISO time; write @2026-03-01, @2026-03-01T12:00:00Z or @2026-03-01T13:00:00+01:00',
    )
  const field = (index: number): number => Number(match[index] ?? 0)
  const [year, month, day, hour, minute, second] = [1, 2, 3, 4, 5, 6].map(field) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  const ms = Number((match[7] ?? '').padEnd(3, '0'))
  const zoneMinutes = (field(9) * 60 + field(10)) * (match[8] === '-' ? -1 : 1)
  const local = new Date(Date.UTC(year, month - 1, day, hour, minute, second, ms))
  const real =
    year >= 1970 &&
    local.getUTCMonth() === month - 1 &&
    local.getUTCDate() === day &&
    hour <= 23 &&
    minute <= 59 &&
    second <= 59 &&
    field(9) <= 23 &&
    field(10) <= 59
  const moment = local.getTime() - zoneMinutes * 60_000
  if (!real || moment < 0 || moment > latestMs)
    throw invalid(at, 'names a moment that is not on the calendar from 1970 to 9999')
  return moment
}

const latestMs = Date.UTC(9999, 11, 31, 23, 59, 59, 999)

const invalid = (at: number, why: string): SlurpError =>
  new SlurpError('ADDRESS_INVALID', `The temporal segment (character ${at}) ${why}.`)
