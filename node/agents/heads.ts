import { SlurpError } from '../../base/errors.ts'
import { sha256Hex } from '../../crypto/digest.ts'
import type { EnvelopeHeader } from '../../crypto/envelope-codec.ts'
import { verifiedHeader } from '../../crypto/verified-envelopes.ts'
import type { ScanEntry } from '../../replication/messages.ts'
import type { LocalContexts } from '../fleet-search/ports.ts'
import { type AgentQuestion, type HeadEntry, type Heads, headsMax } from './wire.ts'

/** Bytes of envelopes in one page, about. */
const pageBytes = 4 * 2 ** 20
/** Neighbouring partitions that are looked through for one page, at most. */
const runMax = 32

/**
 * One page of what stands on the disk of this member, of what may be seen.
 *
 * @throws DiskFailure; SlurpError USAGE for a run that cannot be.
 */
export async function standingHeads(
  local: LocalContexts,
  { from, through, after }: Extract<AgentQuestion, { kind: 'heads' }>,
  wallMs: number,
  sees: (header: EnvelopeHeader) => boolean,
): Promise<Heads> {
  const partitionsTotal = local.partitionsTotal()
  const here = new Set(local.partitions())
  const isRun = from <= through && through < partitionsTotal && through - from < runMax
  if (!isRun) throw new SlurpError('USAGE', 'There is no such run of partitions.')
  for (let at = from; at <= through; at++)
    if (!here.has(at)) throw new SlurpError('USAGE', 'This member has no copy of all these partitions.')
  const { entries: found, isLast } = await local.heads(from, after, headsMax, through)
  const entries: HeadEntry[] = []
  let bytes = 0
  let last = after
  for (const [place, head] of found.entries()) {
    const entry = entryFrom(local, head, wallMs, sees)
    last = head.key
    if (entry === null) continue
    entries.push(entry)
    bytes += entry.data.length
    if (bytes >= pageBytes)
      return { entries, last, isLast: isLast && place === found.length - 1, partitionsTotal }
  }
  return { entries, last, isLast, partitionsTotal }
}

function entryFrom(
  local: LocalContexts,
  { key, value }: ScanEntry,
  wallMs: number,
  sees: (header: EnvelopeHeader) => boolean,
): HeadEntry | null {
  if (value === null || value.kind === 'tombstone') return null
  if (value.expiresAtMs !== 0 && value.expiresAtMs <= wallMs) return null
  const data = local.version(key, value.version)?.data ?? null
  if (data === null || !isSeen(data, sees)) return null
  const { version, parent, expiresAtMs, hash } = value
  return { key, version, parent, expiresAtMs, hash, data }
}

function isSeen(data: Uint8Array, sees: (header: EnvelopeHeader) => boolean): boolean {
  try {
    return sees(verifiedHeader(data, sha256Hex(data)))
  } catch (failure) {
    // A damaged copy is no context.
    if (failure instanceof SlurpError) return false
    throw failure
  }
}
