import type { ContextKey, FleetId, Hlc, RoleName } from '../../../base/ids.ts'
import { firstLink } from '../../../crypto/audit/chain.ts'
import {
  checkpointBytes,
  encodeCheckpoint,
  openCheckpoint,
  signCheckpoint,
} from '../../../crypto/audit/checkpoint.ts'
import type { AuditEntry } from '../../../crypto/audit/entry.ts'
import { entryBytesMax, readEntry, writeEntry } from '../../../crypto/audit/entry-codec.ts'
import {
  decodeHeader,
  encodeHeader,
  headerBytes,
  readRecord,
  recordBytesMax,
  writeRecord,
} from '../../../crypto/audit/segment.ts'
import { authority, writer } from '../keys.ts'
import { holds, same, type Target } from '../target.ts'

const fleet = authority.fleet as FleetId
const hlc = '019774219ebc0008000000ff' as Hlc
const { publicKey } = writer
const entries: readonly AuditEntry[] = [
  {
    seq: 1,
    hlc,
    event: { kind: 'started', incarnation: 3, tornBytes: 0, brokenAt: 0 },
  },
  {
    seq: 2,
    hlc,
    event: {
      kind: 'decision',
      outcome: 'allowed',
      code: null,
      subject: `peer:${writer.peerId}`,
      source: '192.0.2.7',
      operation: 'read',
      detail: 'retrieveContext',
      key: 'ab'.repeat(32) as ContextKey,
      roles: [{ name: 'developer' as RoleName, keyVersion: 1, fingerprint: '0123456789abcdef' }],
      rule: 'role',
      count: 1,
    },
  },
  { seq: 3, hlc, event: { kind: 'checkpoint', signature: new Uint8Array(64).fill(9) } },
  { seq: 4, hlc, event: { kind: 'gap', lost: 12, policy: 'open' } },
  { seq: 5, hlc, event: { kind: 'trimmed', upTo: 2 } },
]

const encoded = (entry: AuditEntry): Buffer => {
  const target = Buffer.alloc(entryBytesMax)
  return target.subarray(0, writeEntry(target, 0, entry))
}

const header = encodeHeader({ fleet, publicKey, firstSeq: 1, previous: firstLink(fleet, publicKey) })
const segment = entries.reduce((written, entry) => {
  const target = Buffer.concat([written, Buffer.alloc(recordBytesMax)])
  return target.subarray(0, writeRecord(target, written.length, entry))
}, header)

const entry: Target = {
  name: 'audit entry',
  seeds: entries.map(encoded),
  weight: 1,
  run: input => {
    const read = readEntry(input)
    if (read === null) return false
    holds(same(encoded(read.entry), input.subarray(0, read.length)), 'an entry has one encoding')
    return true
  },
}

/** Input: a whole file. What it says is taken as far as its chain holds. */
const log: Target = {
  name: 'audit segment',
  seeds: [segment, Buffer.concat([segment, Buffer.alloc(100)])],
  weight: 0.5,
  run: input => {
    const bytes = Buffer.from(input)
    const read = decodeHeader(bytes)
    if (read === null) return false
    holds(same(encodeHeader(read), bytes.subarray(0, headerBytes)), 'a header has one encoding')
    let previous = read.previous
    let linked = 0
    for (let at = headerBytes; ; ) {
      const found = readRecord(bytes, at, previous)
      if (found.kind !== 'entry') break
      holds(found.end > at && found.end <= bytes.length, 'an entry lies in its file')
      if (!found.isLinked) break
      linked += 1
      at = found.end
      previous = found.hash
    }
    return linked > 0
  },
}

const signedFacts = { fleet, publicKey, seq: 7, hash: new Uint8Array(32).fill(5), hlc }
const checkpoint = encodeCheckpoint(
  {
    ...signedFacts,
    peer: writer.peerId,
    signature: signCheckpoint(signedFacts, bytes => writer.sign(bytes)),
  },
  publicKey,
)

const heldCheckpoint: Target = {
  name: 'audit checkpoint',
  seeds: [checkpoint],
  weight: 0.2,
  run: input => {
    holds(checkpoint.length === checkpointBytes, 'all of them are as long as this')
    const read = openCheckpoint(input)
    if (read === null) return false
    holds(same(input, checkpoint), 'only what was signed is taken')
    return true
  },
}

export const auditTargets = (): Target[] => [entry, log, heldCheckpoint]
