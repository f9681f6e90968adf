import { assert } from '../../base/assert.ts'
import { type ContextKey, type Hlc, isRoleName } from '../../base/ids.ts'
import { ByteReader } from '../byte-reader.ts'
import {
  type AuditDecision,
  type AuditEntry,
  type AuditEvent,
  auditedRolesMax,
  isAuditText,
} from './entry.ts'

/*
 * One entry: kind (8 bits), number (64), HLC (12 bytes), then by kind
 *   1 decision:   outcome (0 denied, 1 allowed), code, subject, source, operation, detail, rule, count (32 bits),
 *                 key (a flag, 32 bytes), roles (a count; each name, key version of 32 bits, 8 bytes of fingerprint)
 *   2 checkpoint: signature (64 bytes)
 *   3 started:    incarnation, torn bytes (32 bits each), number of a broken entry (64)
 *   4 gap:        how many (64 bits), policy (0 closed, 1 open)
 *   5 trimmed:    up to which number (64 bits)
 * A text is its length in 8 bits and ASCII; length 0 stands for null. Numbers are big endian. One entry has one encoding.
 */
const kinds = { decision: 1, checkpoint: 2, started: 3, gap: 4, trimmed: 5 } as const
const signatureBytes = 64
const fingerprintBytes = 8

/** No entry is longer. */
export const entryBytesMax = 4096

/** Writes one entry into `target` from `at` on, where `entryBytesMax` are free. @returns the end. */
export function writeEntry(target: Buffer, at: number, { seq, hlc, event }: AuditEntry): number {
  let end = target.writeUInt8(kinds[event.kind], at)
  end = writeU64(target, end, seq)
  end += target.write(hlc, end, 'hex')
  switch (event.kind) {
    case 'decision':
      return writeDecision(target, end, event)
    case 'checkpoint':
      target.set(event.signature, end)
      return end + signatureBytes
    case 'started':
      end = target.writeUInt32BE(event.incarnation >>> 0, end)
      return writeU64(target, target.writeUInt32BE(event.tornBytes, end), event.brokenAt)
    case 'gap':
      return target.writeUInt8(event.policy === 'open' ? 1 : 0, writeU64(target, end, event.lost))
    case 'trimmed':
      return writeU64(target, end, event.upTo)
  }
}

function writeDecision(target: Buffer, at: number, decision: AuditDecision): number {
  const { roles, key } = decision
  assert(roles.length <= auditedRolesMax, 'an entry names at most 32 roles')
  let end = target.writeUInt8(decision.outcome === 'allowed' ? 1 : 0, at)
  end = writeText(target, end, decision.code)
  end = writeText(target, end, decision.subject)
  end = writeText(target, end, decision.source)
  end = writeText(target, end, decision.operation)
  end = writeText(target, end, decision.detail)
  end = writeText(target, end, decision.rule)
  end = target.writeUInt32BE(Math.min(decision.count, 0xffff_ffff), end)
  end = target.writeUInt8(key === null ? 0 : 1, end)
  if (key !== null) end += target.write(key, end, 'hex')
  end = target.writeUInt8(roles.length, end)
  for (const { name, keyVersion, fingerprint } of roles) {
    end = target.writeUInt32BE(keyVersion, writeText(target, end, name))
    end += target.write(fingerprint, end, 'hex')
  }
  return end
}

// Two halves: a quarter of the cost of a BigInt, on the way of every request.
function writeU64(target: Buffer, at: number, value: number): number {
  const high = Math.floor(value / 2 ** 32)
  return target.writeUInt32BE(value - high * 2 ** 32, target.writeUInt32BE(high, at))
}

function writeText(target: Buffer, at: number, text: string | null): number {
  if (text === null) return target.writeUInt8(0, at)
  const start = target.writeUInt8(text.length, at)
  return start + target.write(text, start, 'latin1')
}

/**
 * Reads one entry from the start of `bytes`, whatever comes behind it.
 *
 * @returns null for what is cut off or can be no entry; never throws. `length`: bytes that it takes.
 */
export function readEntry(bytes: Uint8Array): { entry: AuditEntry; length: number } | null {
  const reader = new ByteReader(bytes, 'An entry')
  try {
    const kind = reader.u8()
    const seq = reader.u64()
    const hlc = reader.hex(12) as Hlc
    const event = readEvent(kind, reader)
    if (event === null || !Number.isSafeInteger(seq) || seq === 0) return null
    return { entry: { seq, hlc, event }, length: reader.at }
  } catch {
    // ByteReader throws at the end of the bytes and for nothing else.
    return null
  }
}

function readEvent(kind: number, reader: ByteReader): AuditEvent | null {
  switch (kind) {
    case kinds.decision:
      return readDecision(reader)
    case kinds.checkpoint:
      return { kind: 'checkpoint', signature: Uint8Array.from(reader.take(signatureBytes)) }
    case kinds.started: {
      const [incarnation, tornBytes, brokenAt] = [reader.u32(), reader.u32(), reader.u64()]
      return Number.isSafeInteger(brokenAt) ? { kind: 'started', incarnation, tornBytes, brokenAt } : null
    }
    case kinds.gap: {
      const [lost, open] = [reader.u64(), reader.u8()]
      if (!Number.isSafeInteger(lost) || open > 1) return null
      return { kind: 'gap', lost, policy: open === 1 ? 'open' : 'closed' }
    }
    case kinds.trimmed: {
      const upTo = reader.u64()
      return Number.isSafeInteger(upTo) ? { kind: 'trimmed', upTo } : null
    }
    default:
      return null
  }
}

function readDecision(reader: ByteReader): AuditEvent | null {
  const allowed = reader.u8()
  const [code, subject, source, operation] = [
    readText(reader),
    readText(reader),
    readText(reader),
    readText(reader),
  ]
  const [detail, rule, count, hasKey] = [readText(reader), readText(reader), reader.u32(), reader.u8()]
  if (allowed > 1 || hasKey > 1) return null
  const key = hasKey === 1 ? (reader.hex(32) as ContextKey) : null
  const roleCount = reader.u8()
  if (roleCount > auditedRolesMax) return null
  const roles = Array.from({ length: roleCount }, () => ({
    name: readText(reader) ?? '',
    keyVersion: reader.u32(),
    fingerprint: reader.hex(fingerprintBytes),
  }))
  if (!areRoles(roles) || subject === null || operation === null || rule === null) return null
  if (![code, subject, source, operation, detail, rule].every(text => text === null || isAuditText(text)))
    return null
  const outcome = allowed === 1 ? 'allowed' : 'denied'
  return { kind: 'decision', outcome, code, subject, source, operation, detail, key, roles, rule, count }
}

const areRoles = (roles: readonly { name: string }[]): roles is AuditDecision['roles'] =>
  roles.every(({ name }) => isRoleName(name))

function readText(reader: ByteReader): string | null {
  const length = reader.u8()
  return length === 0 ? null : reader.ascii(length)
}
