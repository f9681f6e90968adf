import { SlurpError } from '../../base/errors.ts'
import { checkText, encodePart, nameCharsMax, readPart } from './address-text.ts'
import { formatTemporal, parseTemporal, type Temporal } from './temporal.ts'

/** Longest address in characters, as written and in its canonical form. */
export const addressCharsMax = 2048
/** Deepest path in segments. */
export const pathDepthMax = 64

/**
 * `ucxl://agent:role@project:task/temporal/path`, decoded. Any of the four names may be `any`.
 * An empty `path` is the root of the project. Values come from {@link parseAddress} only.
 */
export type Address = {
  readonly agent: string
  readonly role: string
  readonly project: string
  readonly task: string
  readonly temporal: Temporal
  readonly path: readonly string[]
}

const scheme = 'ucxl://'
const nameOrder = ['agent', 'role', 'project', 'task'] as const

/**
 * Reads an address.
 *
 * Only ASCII letters, digits, `.`, `_` and `-` stand for themselves; letters beyond ASCII may be written as they
 * are or percent-encoded, every other character is percent-encoded (UTF-8). Names and segments are normalised to
 * NFC, so that one place has one canonical text. A first segment that starts with `*`, `~`, `^` or `@` is the
 * temporal segment; as a path segment can hold these only percent-encoded, a missing temporal segment is
 * unambiguous and means `*^`.
 *
 * @throws SlurpError ADDRESS_INVALID that names the part, what is wrong with it, and the character it starts at
 * (from 1). The address itself is not repeated: messages may reach a log.
 */
export function parseAddress(text: string): Address {
  if (text === last?.text) return last.address
  const address = readAddress(text)
  last = { text, address }
  return address
}

/** Whoever looks at the rights of a caller and whoever carries out what it asks for read one address after the other. */
let last: { readonly text: string; readonly address: Address } | null = null

function readAddress(text: string): Address {
  if (text.length > addressCharsMax)
    throw invalid(`The address is ${text.length} characters long; at most ${addressCharsMax} are allowed.`)
  if (!text.startsWith(scheme)) throw invalid(`An address starts with ${scheme}, in lower case.`)

  const slash = text.indexOf('/', scheme.length)
  const authorityEnd = slash < 0 ? text.length : slash
  const [agent, role, project, task] = readNames(text.slice(scheme.length, authorityEnd))
  const { temporal, path } = readPlace(slash < 0 ? '' : text.slice(slash + 1), authorityEnd + 2)
  const address: Address = { agent, role, project, task, temporal, path }
  if (formatAddress(address).length > addressCharsMax)
    throw invalid(`Percent-encoded, the address is longer than ${addressCharsMax} characters.`)
  return address
}

/** The address in full, temporal segment included; parses back to an equal address. */
export const formatAddress = (address: Address): string =>
  `${formatNames(address)}/${formatTemporal(address.temporal)}/${address.path.map(encodePart).join('/')}`

/**
 * The one text of the place that an address names, at whatever time: without the temporal segment.
 * The key of the key space is derived from it.
 */
export const canonicalOf = (address: Address): string =>
  `${formatNames(address)}/${address.path.map(encodePart).join('/')}`

const formatNames = (address: Address): string =>
  `${scheme}${encodePart(address.agent)}:${encodePart(address.role)}@${encodePart(address.project)}:${encodePart(address.task)}`

function readNames(text: string): [string, string, string, string] {
  const halves = text.split('@')
  const parts = halves.map(half => half.split(':'))
  if (parts.length !== 2 || parts.some(pair => pair.length !== 2))
    throw invalid(
      `Between ${scheme} and the first "/" stand four names as agent:role@project:task, with one "@" and two ":"; ` +
        `inside a name write "@" as %40 and ":" as %3A.`,
    )
  let at = scheme.length + 1
  const names = parts.flat().map((raw, index) => {
    const what = `The name of the ${nameOrder[index]} (character ${at})`
    at += raw.length + 1
    const name = readPart(raw, what)
    if ([...name].length > nameCharsMax) throw invalid(`${what} is longer than ${nameCharsMax} characters.`)
    checkText(name, what)
    return name
  })
  return names as [string, string, string, string]
}

/** @param start - number of the character that `text` begins at, for messages. */
function readPlace(text: string, start: number): { temporal: Temporal; path: string[] } {
  let rest = text
  let at = start
  let temporal: Temporal = { kind: 'latest' }
  if (/^[*~^@]/.test(rest)) {
    const end = rest.indexOf('/')
    const segment = end < 0 ? rest : rest.slice(0, end)
    temporal = parseTemporal(segment, at)
    rest = end < 0 ? '' : rest.slice(end + 1)
    at += segment.length + 1
  }
  if (rest === '') return { temporal, path: [] }

  const raws = rest.split('/')
  if (raws.length > pathDepthMax)
    throw invalid(`The path has ${raws.length} segments; at most ${pathDepthMax} are allowed.`)
  const path = raws.map((raw, index) => {
    const what = `Segment ${index + 1} of the path (character ${at})`
    at += raw.length + 1
    if (raw === '' && index === raws.length - 1)
      throw invalid(`${what} is empty: the path must not end with "/".`)
    const segment = readPart(raw, what)
    checkText(segment, what)
    return segment
  })
  return { temporal, path }
}

const invalid = (message: string): SlurpError => new SlurpError('ADDRESS_INVALID', message)
