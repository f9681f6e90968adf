import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { hlcFrom } from '../../../base/hlc.ts'
import type { ContextKey, FleetId, RoleName } from '../../../base/ids.ts'
import { firstLink, hashBytes } from '../../../crypto/audit/chain.ts'
import { type Checkpoint, signCheckpoint } from '../../../crypto/audit/checkpoint.ts'
import type { AuditDecision, AuditEvent } from '../../../crypto/audit/entry.ts'
import { encodeHeader, recordBytesMax, segmentName, writeRecord } from '../../../crypto/audit/segment.ts'
import { type LogReport, LogVerifier, type VerifyOptions } from '../../../crypto/audit/verify-log.ts'
import { createIdentity, type Identity } from '../../../crypto/identity.ts'

export const fleet = 'ab'.repeat(32) as FleetId

export async function newIdentity(): Promise<Identity> {
  const dir = mkdtempSync(join(tmpdir(), 'slurp-audit-test-'))
  try {
    return await createIdentity(join(dir, 'identity.key'))
  } finally {
    rmSync(dir, { recursive: true })
  }
}

export const decision = (n: number, more: Partial<AuditDecision> = {}): AuditEvent => ({
  kind: 'decision',
  outcome: n % 3 === 0 ? 'denied' : 'allowed',
  code: n % 3 === 0 ? 'ROLE_DENIED' : null,
  subject: 'token:0123456789abcdef',
  source: '127.0.0.1',
  operation: 'write',
  detail: 'storeContext',
  key: n.toString(16).padStart(64, '0') as ContextKey,
  roles: [{ name: 'architect' as RoleName, keyVersion: 2, fingerprint: 'fedcba9876543210' }],
  rule: 'token',
  count: 1,
  ...more,
})

export type Segment = { name: string; bytes: Buffer }
export type Log = {
  segments: Segment[]
  /** By number: where the record lies. */
  places: { segment: number; at: number; end: number }[]
  checkpoints: Checkpoint[]
}

/**
 * A log of `count` entries in segments of `perSegment`, every fifth of them a checkpoint, as a peer with this key
 * would write it.
 */
export function newLog(identity: Identity, count: number, perSegment = 8, of = fleet): Log {
  const { publicKey, peerId } = identity
  const log: Log = { segments: [], places: [{ segment: -1, at: 0, end: 0 }], checkpoints: [] }
  let previous: Uint8Array = firstLink(of, publicKey)
  for (let seq = 1; seq <= count; seq++) {
    if ((seq - 1) % perSegment === 0) {
      const header = encodeHeader({ fleet: of, publicKey, firstSeq: seq, previous })
      log.segments.push({ name: segmentName(seq), bytes: header })
    }
    const hlc = hlcFrom(1_800_000_000_000 + seq, 0, '00000000')
    let event = decision(seq)
    if (seq % 5 === 0) {
      const signature = signCheckpoint({ fleet: of, publicKey, seq: seq - 1, hash: previous, hlc }, bytes =>
        identity.sign(bytes),
      )
      log.checkpoints.push({ fleet: of, peer: peerId, seq: seq - 1, hash: previous, hlc, signature })
      event = { kind: 'checkpoint', signature }
    }
    const scratch = Buffer.alloc(hashBytes + recordBytesMax)
    scratch.set(previous)
    const end = writeRecord(scratch, hashBytes, { seq, hlc, event })
    const segment = log.segments.at(-1)!
    const at = segment.bytes.length
    segment.bytes = Buffer.concat([segment.bytes, scratch.subarray(hashBytes, end)])
    log.places.push({ segment: log.segments.length - 1, at, end: segment.bytes.length })
    previous = Uint8Array.from(scratch.subarray(end - hashBytes, end))
  }
  return log
}

export function verify(segments: readonly Segment[], options: VerifyOptions = {}): LogReport {
  const verifier = new LogVerifier(options)
  for (const [i, { name, bytes }] of segments.entries())
    verifier.segment(name, bytes, i === segments.length - 1)
  return verifier.end()
}

/** Which entry of a segment a byte belongs to: its header to the first. */
export function entryAt(log: Log, segment: number, at: number): number {
  const seq = log.places.findIndex(place => place.segment === segment && at < place.end)
  return seq
}
