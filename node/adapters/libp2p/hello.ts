import { assert } from '../../../base/assert.ts'
import { fromHex, toHex } from '../../../base/bytes.ts'
import type { FleetId } from '../../../base/ids.ts'

/*
 * The first bytes on a link, both ways: a 16-bit length, then magic `SLRP`, a kind, and
 *   1 hello:   version from, version to (16 bits each), fleet id (32 bytes), boot incarnation (32 bits),
 *              view epoch (64 bits), length of what follows (16 bits), the grant of the sender as text
 *   2 refusal: one byte of reason
 * Bytes after these fields belong to newer versions and are ignored. All numbers are big endian.
 */

export const helloHeaderBytes = 2
const magic = 0x534c_5250
const kinds = { hello: 1, refusal: 2 } as const
const helloBytes = 4 + 1 + 2 + 2 + 32 + 4 + 8 + 2
const grantAt = helloBytes
const refusalBytes = 4 + 1 + 1

/** Versions of the wire protocol that a process speaks, both ends included. */
export type VersionRange = { readonly from: number; readonly to: number }

export type Hello = {
  readonly versions: VersionRange
  readonly fleet: FleetId
  readonly incarnation: number
  readonly epoch: number
  /** Chain of certificate and grant, as one text; empty for none. What it is worth is not judged here. */
  readonly grant: string
}

const reasonCodes = {
  malformed: 1,
  notMember: 2,
  fleetDiffers: 3,
  versionUnsupported: 4,
  /** The side with the smaller peer id opens the stream; this one came from the other side. */
  wrongSide: 5,
  stopping: 6,
  /** Its grant is missing, of somebody else, not in force, or not for where it calls from. */
  grantRefused: 7,
} as const
export type RefusalReason = keyof typeof reasonCodes
const reasonNames = new Map(Object.entries(reasonCodes).map(([name, code]) => [code, name as RefusalReason]))
export const refusalReasons = Object.keys(reasonCodes) as RefusalReason[]

export type HelloMessage =
  | { readonly kind: 'hello'; readonly hello: Hello }
  | { readonly kind: 'refusal'; readonly reason: RefusalReason }

/** @returns the bytes of a hello with their length in front. */
export function encodeHello(hello: Hello): Uint8Array {
  const fleet = fromHex(hello.fleet)
  assert(fleet !== null && fleet.length === 32, 'a fleet id has 64 hex digits')
  const grant = Buffer.from(hello.grant, 'utf8')
  const bytes = Buffer.alloc(helloHeaderBytes + helloBytes + grant.length)
  let at = bytes.writeUInt16BE(helloBytes + grant.length, 0)
  at = bytes.writeUInt32BE(magic, at)
  at = bytes.writeUInt8(kinds.hello, at)
  at = bytes.writeUInt16BE(hello.versions.from, at)
  at = bytes.writeUInt16BE(hello.versions.to, at)
  bytes.set(fleet, at)
  at = bytes.writeUInt32BE(hello.incarnation >>> 0, at + 32)
  at = bytes.writeBigUInt64BE(BigInt(hello.epoch), at)
  at = bytes.writeUInt16BE(grant.length, at)
  bytes.set(grant, at)
  return bytes
}

/** @returns the bytes of a refusal with their length in front: all that a stranger ever gets. */
export function encodeRefusal(reason: RefusalReason): Uint8Array {
  const bytes = Buffer.alloc(helloHeaderBytes + refusalBytes)
  let at = bytes.writeUInt16BE(refusalBytes, 0)
  at = bytes.writeUInt32BE(magic, at)
  at = bytes.writeUInt8(kinds.refusal, at)
  bytes.writeUInt8(reasonCodes[reason], at)
  return bytes
}

/** @param body - the bytes after the length. @returns null for anything malformed; never throws. */
export function decodeHelloMessage(body: Uint8Array): HelloMessage | null {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength)
  if (body.length < refusalBytes || view.getUint32(0) !== magic) return null
  const kind = view.getUint8(4)
  if (kind === kinds.refusal) {
    const reason = reasonNames.get(view.getUint8(5) as (typeof reasonCodes)[RefusalReason])
    return reason === undefined ? null : { kind: 'refusal', reason }
  }
  if (kind !== kinds.hello || body.length < helloBytes) return null
  const versions = { from: view.getUint16(5), to: view.getUint16(7) }
  const epoch = view.getBigUint64(45)
  const grantBytes = view.getUint16(53)
  if (body.length < grantAt + grantBytes) return null
  if (versions.from > versions.to || epoch > BigInt(Number.MAX_SAFE_INTEGER)) return null
  return {
    kind: 'hello',
    hello: {
      versions,
      fleet: toHex(body.subarray(9, 41)) as FleetId,
      incarnation: view.getUint32(41),
      epoch: Number(epoch),
      grant: Buffer.from(body.subarray(grantAt, grantAt + grantBytes)).toString('latin1'),
    },
  }
}

/** The highest version that both speak, or null. */
export function commonVersion(a: VersionRange, b: VersionRange): number | null {
  const version = Math.min(a.to, b.to)
  return version >= Math.max(a.from, b.from) ? version : null
}

/** Why `theirs` cannot be let in by a process that says `ours`; null when it can. Membership is checked apart. */
export function objection(ours: Hello, theirs: Hello): RefusalReason | null {
  if (theirs.fleet !== ours.fleet) return 'fleetDiffers'
  return commonVersion(ours.versions, theirs.versions) === null ? 'versionUnsupported' : null
}
