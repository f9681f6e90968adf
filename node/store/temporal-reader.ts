import { SlurpError } from '../../base/errors.ts'
import { hlcMs } from '../../base/hlc.ts'
import type { ContextKey, Version } from '../../base/ids.ts'
import type { VersionRecord } from '../../replication/messages.ts'
import type { Deadline } from './deadline.ts'
import { nothingThere, readUnreached } from './failures.ts'
import type { FoldedRecord, Shown } from './folding.ts'
import type { ReplicaReader } from './replica-reader.ts'
import type { Temporal } from './temporal.ts'
import { isGone } from './version-opener.ts'

type Ask = {
  readonly reader: ReplicaReader
  readonly key: ContextKey
  readonly deadline: Deadline
  readonly wallMs: number
  readonly versionsWalkedMax: number
}

/**
 * Finds the version that a temporal segment means along the parents of what stands now. Deleted and expired
 * versions are passed over and count as no hop: there is nothing to read at them.
 *
 * @returns a version that can be read.
 * @throws SlurpError NOT_FOUND when nothing stood there, VERSION_UNKNOWN past the end of the chain,
 * QUORUM_UNREACHED, TOO_MANY, SHUTTING_DOWN. Cost: every version walked is fetched.
 */
export function findVersion(ask: Ask, temporal: Temporal): Promise<VersionRecord> {
  switch (temporal.kind) {
    case 'latest':
      return standing(ask)
    case 'back':
      return temporal.hops === 0 ? standing(ask) : hopsBack(ask, temporal.hops)
    case 'first':
      return hopsForward(ask, 0)
    case 'forward':
      return hopsForward(ask, temporal.hops)
    case 'at':
      return asOf(ask, temporal.ms)
  }
}

/**
 * Finds one version by its number, along the parents of what stands now.
 *
 * @throws SlurpError VERSION_UNKNOWN where it never stood, is not kept, or there is nothing to read at it; and as
 * {@link findVersion}.
 */
export async function findNamed(ask: Ask, version: Version): Promise<VersionRecord> {
  for await (const { record, shown } of walk(ask)) {
    const isMeant = record.version === version || shown.version === version
    if (!isMeant && shown.version > version) continue
    if (!isMeant) break
    if (isGone(record, ask.wallMs))
      throw new SlurpError('VERSION_UNKNOWN', `The version ${version} is a deletion or has expired.`)
    return record
  }
  throw new SlurpError('VERSION_UNKNOWN', `There is no version ${version} at this address, or not any more.`)
}

async function standing({ reader, key, deadline, wallMs }: Ask): Promise<VersionRecord> {
  const head = await reader.head(key, deadline)
  if (head === null || isGone(head, wallMs)) throw nothingThere()
  return head
}

/** Starts at what stands now, a deletion too: one hop back from a deletion is what was deleted. */
async function hopsBack(ask: Ask, hops: number): Promise<VersionRecord> {
  let met = 0
  let hop = 0
  for await (const { record } of walk(ask)) {
    met += 1
    if (met === 1 || isGone(record, ask.wallMs)) continue
    hop += 1
    if (hop === hops) return record
  }
  if (met === 0) throw nothingThere()
  throw new SlurpError('VERSION_UNKNOWN', `There are only ${hop} hops back from what stands now.`)
}

async function hopsForward(ask: Ask, hops: number): Promise<VersionRecord> {
  const readable: Version[] = []
  for await (const { record } of walk(ask)) if (!isGone(record, ask.wallMs)) readable.push(record.version)
  if (readable.length === 0) throw nothingThere()
  const wanted = readable.at(-1 - hops)
  if (wanted === undefined)
    throw new SlurpError(
      'VERSION_UNKNOWN',
      `There are only ${readable.length - 1} hops forward from the first version.`,
    )
  // Fetched again: keeping the bytes of a long walk would need memory without a bound.
  const { records } = await ask.reader.page(ask.key, wanted, 1, ask.deadline)
  const record = records[0]
  if (record === undefined) throw readUnreached(ask.deadline.timeoutMs)
  return record
}

async function asOf(ask: Ask, ms: number): Promise<VersionRecord> {
  const moment = new Date(ms).toISOString()
  let oldest: Shown | undefined
  for await (const { record, shown } of walk(ask)) {
    oldest = shown
    if (hlcMs(shown.version) > ms) continue
    if (isGone(record, ask.wallMs)) break
    return record
  }
  // A version that replaced another one, and nothing is behind it any more: what stood then was trimmed.
  if (oldest !== undefined && oldest.parent !== null && hlcMs(oldest.version) > ms)
    throw new SlurpError(
      'VERSION_UNKNOWN',
      `What stood at this address as of ${moment} is not kept any more.`,
    )
  throw new SlurpError('NOT_FOUND', `Nothing can be read at this address as of ${moment}.`)
}

async function* walk({ reader, key, deadline, versionsWalkedMax }: Ask): AsyncGenerator<FoldedRecord> {
  let left = versionsWalkedMax
  for await (const entry of reader.entries(key, deadline)) {
    if (left === 0)
      throw new SlurpError('VERSION_UNKNOWN', `The history is longer than ${versionsWalkedMax} versions.`)
    left -= 1
    yield entry
  }
}
