import { SlurpError } from '../../../base/errors.ts'
import { type Address, canonicalOf, formatAddress, parseAddress } from '../address.ts'
import { encodePart } from '../address-text.ts'
import type { Decision, RetrievedContext } from '../api.ts'
import type { Relation } from './api.ts'

/** What a decision names, as a canonical address. */
export type Link = { readonly relation: Relation; readonly place: string }

/** What the catalogue keeps of a context that stands: enough to list it and to follow its decision, and no more. */
export type Entry = {
  readonly place: string
  readonly address: Address
  /** Entries are listed in its order. */
  readonly order: string
  readonly version: string
  readonly writtenAt: string
  readonly author: string
  /** 0 for never. */
  readonly expiresAtMs: number
  readonly roles: readonly string[]
  readonly title: string | null
  readonly reason: string | null
  readonly status: string | null
  readonly confidence: number | null
  readonly links: readonly Link[]
  /** What its decision names and can be no address. */
  readonly unclear: readonly string[]
}

/** Characters that are kept of a title or a reason. */
const shownCharsMax = 240

/** @param found - as a read of what stands answers. */
export function entryOf(found: RetrievedContext, expiresAtMs: number): Entry {
  const address = parseAddress(found.address)
  const { title, decision } = found.context
  return {
    place: canonicalOf(address),
    address,
    order: orderOf(address),
    version: found.version,
    writtenAt: found.writtenAt,
    author: found.author,
    expiresAtMs,
    roles: found.roles.map(({ name }) => name),
    title: shown(title),
    reason: shown(decision?.reason),
    status: shown(decision?.status),
    confidence: decision?.confidence ?? null,
    ...linksOf(address, decision),
  }
}

/** The address at which an entry is read. */
export const addressOf = ({ address }: Pick<Entry, 'address'>): string => formatAddress(address)

/** What stands between path segments is above what ends a path, and both are below every character of a name. */
export const below = '\u0001'
const end = '\u0000'

/** By project, path, task, agent and role; a path stands before those below it. */
const orderOf = ({ project, path, task, agent, role }: Address): string =>
  [[project, ...path].join(below), task, agent, role].join(end)

/**
 * A path means the context at that path under the same four names. What a context says of itself, as of the version
 * before, is no link.
 */
function linksOf(address: Address, decision: Decision | undefined): Pick<Entry, 'links' | 'unclear'> {
  const links = new Map<string, Link>()
  const unclear: string[] = []
  const self = canonicalOf(address)
  const add = (relation: Relation, reference: string) => {
    const place = placeNamed(address, reference)
    if (place === null) unclear.push(reference.slice(0, shownCharsMax))
    else if (place !== self) links.set(`${relation} ${place}`, { relation, place })
  }
  if (decision?.supersedes) add('supersedes', decision.supersedes)
  for (const reference of decision?.follows ?? []) if (reference !== '') add('follows', reference)
  return { links: [...links.values()], unclear }
}

function placeNamed(from: Address, reference: string): string | null {
  try {
    if (reference.startsWith('ucxl:')) return canonicalOf(parseAddress(reference))
    const names = formatAddress({ ...from, path: [] })
    const path = reference.replace(/^\/+|\/+$/g, '').split('/')
    return canonicalOf(parseAddress(names + path.map(encodePart).join('/')))
  } catch (thrown) {
    // Half a surrogate pair is no text that can be encoded either.
    if (thrown instanceof SlurpError || thrown instanceof URIError) return null
    throw thrown
  }
}

function shown(text: string | null | undefined): string | null {
  if (text === undefined || text === null || text === '') return null
  return text.length <= shownCharsMax ? text : `${text.slice(0, shownCharsMax - 1)}…`
}

/** Bytes that an entry takes in memory, roughly. */
export function bytesOf(entry: Entry): number {
  const texts = [entry.place, entry.order, entry.title ?? '', entry.reason ?? '', ...entry.unclear]
  const chars = texts.reduce((sum, text) => sum + text.length, 0)
  return 600 + 2 * chars + entry.links.reduce((sum, { place }) => sum + 80 + 2 * place.length, 0)
}
