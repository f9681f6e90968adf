import { sameBytes } from '../../base/bytes.ts'
import type { FleetId } from '../../base/ids.ts'
import { firstLink } from '../../crypto/audit/chain.ts'
import { decodeHeader, headerBytes, readRecord, seqOfName } from '../../crypto/audit/segment.ts'
import type { AuditStorage } from './storage.ts'

/** Where a log goes on. */
export type LogEnd = {
  /** Number of its last entry; 0 for an empty log. */
  readonly seq: number
  /** Hash of that entry. */
  readonly hash: Uint8Array
  /** The segment to go on in; null: a new one. */
  readonly segment: { readonly name: string; readonly bytes: number } | null
  /** Bytes of an unfinished entry behind it, which a crash left. */
  readonly tornBytes: number
  /** Number of the first broken entry of the last segment; 0: none. That segment is left as it is, as evidence. */
  readonly brokenAt: number
}

/** Looks at the last segment: what a crash left is told apart from what was changed. Reads that one segment whole. */
export async function findEnd(storage: AuditStorage, fleet: FleetId, publicKey: Uint8Array): Promise<LogEnd> {
  const names = (await storage.list()).map(({ name }) => name)
  let tornBytes = 0
  for (;;) {
    const name = names.pop()
    if (name === undefined) {
      const hash = firstLink(fleet, publicKey)
      return { seq: 0, hash, segment: null, tornBytes, brokenAt: 0 }
    }
    const bytes = await storage.read(name)
    if (bytes.length >= headerBytes) return endOf(name, bytes, fleet, publicKey)
    // Made and not begun when the process died.
    tornBytes += bytes.length
    await storage.remove(name)
  }
}

function endOf(name: string, bytes: Buffer, fleet: FleetId, publicKey: Uint8Array): LogEnd {
  const header = decodeHeader(bytes)
  const named = seqOfName(name)!
  const isOurs = header !== null && header.fleet === fleet && sameBytes(header.publicKey, publicKey)
  if (!isOurs || header.firstSeq !== named) {
    return { seq: named, hash: firstLink(fleet, publicKey), segment: null, tornBytes: 0, brokenAt: named }
  }
  let [seq, hash, at, brokenAt] = [named - 1, header.previous, headerBytes, 0]
  for (;;) {
    const found = readRecord(bytes, at, hash)
    if (found.kind === 'end' || found.kind === 'torn') {
      const tornBytes = bytes.length - at
      const segment = brokenAt === 0 ? { name, bytes: at } : null
      return { seq, hash, segment, tornBytes: brokenAt === 0 ? tornBytes : 0, brokenAt }
    }
    if (found.kind === 'garbled') {
      return { seq, hash, segment: null, tornBytes: 0, brokenAt: brokenAt === 0 ? seq + 1 : brokenAt }
    }
    if (brokenAt === 0 && (!found.isLinked || found.entry.seq !== seq + 1)) brokenAt = seq + 1
    seq = Math.max(seq + 1, Math.min(found.entry.seq, seq + reachMax))
    hash = Uint8Array.from(found.hash)
    at = found.end
  }
}

/** A number that was changed must not carry the numbers of the log away with it. */
const reachMax = 1_000_000
