import { SlurpError } from '../../../base/errors.ts'
import { type Address, canonicalOf, parseAddress } from '../address.ts'
import { below, type Entry } from './entry.ts'

/** What is listed: everything at and below a place, for names of which `any` stands for every one. */
export type Prefix = {
  /** One text for one prefix; null for everything. */
  readonly text: string | null
  /** Project and path segments that all that is listed begins with; none where the project may be any. */
  readonly trunk: readonly string[]
  matches(entry: Entry): boolean
}

const everything: Prefix = { text: null, trunk: [], matches: () => true }

/**
 * Reads an address, or `project/path` alone.
 *
 * @throws SlurpError ADDRESS_INVALID, also for a temporal segment other than `*^` and for a path under any project.
 */
export function parsePrefix(text: string | undefined): Prefix {
  if (text === undefined || text === '') return everything
  // A folder is easily written with a slash at its end.
  const plain = text.endsWith('/') ? text.slice(0, -1) : text
  const address = parseAddress(plain.startsWith('ucxl:') ? plain : spelledOut(plain))
  if (address.temporal.kind !== 'latest')
    throw new SlurpError(
      'ADDRESS_INVALID',
      'What is listed is what stands now: the temporal segment must be *^.',
    )
  const { project, path } = address
  if (project === any && path.length > 0)
    throw new SlurpError('ADDRESS_INVALID', 'Below a path is listed under one project, not under any.')
  const trunk = project === any ? [] : [project, ...path]
  const names = (['agent', 'role', 'task'] as const).filter(name => address[name] !== any)
  return {
    text: canonicalOf(address),
    trunk,
    matches: ({ address: found }) =>
      names.every(name => found[name] === address[name]) && startsWith(found, trunk),
  }
}

const any = 'any'

/** Where the entries of a trunk begin in the order of the list, and what every one of them begins with. */
export const trunkOrder = ({ trunk }: Prefix): string => trunk.join(below)

const startsWith = ({ project, path }: Address, trunk: readonly string[]): boolean =>
  trunk.every((segment, at) => segment === (at === 0 ? project : path[at - 1]))

function spelledOut(text: string): string {
  const [project = '', ...path] = text.split('/')
  return `ucxl://any:any@${project}:any/*^/${path.join('/')}`
}
