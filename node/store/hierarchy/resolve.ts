import { SlurpError } from '../../../base/errors.ts'
import { type Address, formatAddress, parseAddress } from '../address.ts'
import type { RetrievedContext } from '../api.ts'
import { nothingThere } from '../failures.ts'
import type { Temporal } from '../temporal.ts'
import type { ResolvedContext } from './api.ts'
import { mergeContexts, partsOf } from './merge.ts'

/** Deepest path that is resolved, in segments: each is a read of its own. */
export const resolveDepthMax = 32

/** Reads the context at an address as `retrieveContext` does, within what is left of the time for all of it. */
export type ReadAddress = (address: string) => Promise<RetrievedContext>

/** What a read came to; null where nothing is, or nothing that may be opened. */
type Met = { readonly address: string; readonly found: RetrievedContext | null; readonly denied: boolean }

/**
 * Merges the contexts from the root of the project down to an address: `ucxl://…/src/a.ts` is resolved from the root, `src`
 * and `src/a.ts` under the same four names. All are read at once. At a past time each is read as of that time; at a hop, as
 * of the moment that the version there was written.
 *
 * A context that the reader cannot open takes no part. What cannot be read for another reason fails the whole: an answer is
 * never merged from a part of what holds.
 *
 * @throws SlurpError ADDRESS_INVALID, TOO_DEEP, NOT_FOUND where nothing on the way can be read, ROLE_DENIED where only the
 * context at the address is there and cannot be opened, and what a read throws.
 * Cost: a read for each segment, in one round trip; two at a hop.
 */
export async function resolveAddress(
  read: ReadAddress,
  text: string,
  explain: boolean,
): Promise<ResolvedContext> {
  const address = parseAddress(text)
  if (address.path.length > resolveDepthMax)
    throw new SlurpError(
      'TOO_DEEP',
      `The path has ${address.path.length} segments; at most ${resolveDepthMax} are resolved.`,
    )
  const met = await readLevels(read, address)
  const leaf = met.at(-1)!
  const levels = met.flatMap(({ address, found }, at) =>
    found === null ? [] : [{ address, found, context: found.context, distance: met.length - 1 - at }],
  )
  if (levels.length === 0) {
    if (leaf.denied)
      throw new SlurpError('ROLE_DENIED', 'Nothing on the way to this address may be read with these roles.')
    throw nothingThere()
  }
  const parts = partsOf(levels)
  const merged = levels.filter((_, at) => parts[at] === 'merged')
  // Something is on the way, and nothing of it is for this address.
  if (merged.length === 0) throw nothingThere()
  const { context, sources } = mergeContexts(merged, leaf.found?.context ?? null)
  const answer = { address: formatAddress(address), context }
  if (!explain) return answer
  return {
    ...answer,
    sources,
    levels: levels.map(({ address, found: { version, writtenAt, author } }, at) => ({
      address,
      version,
      writtenAt,
      author,
      part: parts[at]!,
    })),
  }
}

/** From the root down to the address itself. */
async function readLevels(read: ReadAddress, address: Address): Promise<Met[]> {
  const { temporal, path } = address
  const above = (at: Temporal) =>
    path.map((_, depth) => formatAddress({ ...address, temporal: at, path: path.slice(0, depth) }))
  const isHop = temporal.kind === 'first' || temporal.kind === 'forward' || temporal.kind === 'back'
  if (!isHop || (temporal.kind === 'back' && temporal.hops === 0))
    return await Promise.all([...above(temporal), formatAddress(address)].map(each => meet(read, each)))
  const leaf = formatAddress(address)
  const found = await read(leaf)
  const then: Temporal = { kind: 'at', ms: Date.parse(found.writtenAt) }
  const met = await Promise.all(above(then).map(each => meet(read, each)))
  return [...met, { address: leaf, found, denied: false }]
}

async function meet(read: ReadAddress, address: string): Promise<Met> {
  try {
    return { address, found: await read(address), denied: false }
  } catch (thrown) {
    const code = thrown instanceof SlurpError ? thrown.code : null
    if (code !== 'NOT_FOUND' && code !== 'ROLE_DENIED') throw thrown
    return { address, found: null, denied: code === 'ROLE_DENIED' }
  }
}
