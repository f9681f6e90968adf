import type { FleetId } from '../../base/ids.ts'
import { ByteReader } from '../byte-reader.ts'
import { hashBytes, linkHash } from './chain.ts'
import type { AuditEntry } from './entry.ts'
import { entryBytesMax, readEntry, writeEntry } from './entry-codec.ts'

/*
 * A segment is a file of consecutive entries: a header, then for each entry its length (32 bits), its bytes, its hash.
 * The hash is over the hash of the entry before, the length and the bytes: what lies in the file one behind the other.
 */
const magic = 'SLRA'
const format = 1
const lengthBytes = 4
export const headerBytes = 4 + 1 + 32 + 32 + 8 + hashBytes
/** What an entry takes in a segment, at most. */
export const recordBytesMax = lengthBytes + entryBytesMax + hashBytes

export type SegmentHeader = {
  readonly fleet: FleetId
  /** 32 bytes: of the peer whose log it is. */
  readonly publicKey: Uint8Array
  /** Number of its first entry. */
  readonly firstSeq: number
  /** Hash of the entry before that one; of the very first see {@link firstLink}. */
  readonly previous: Uint8Array
}

const nameShape = /^([0-9]{16})\.audit$/

/** Segments sort by name. */
export const segmentName = (firstSeq: number): string => `${String(firstSeq).padStart(16, '0')}.audit`

/** Number of the first entry that a file name promises; null for a file that is no segment. */
export function seqOfName(name: string): number | null {
  const found = nameShape.exec(name)
  return found === null ? null : Number(found[1])
}

export function encodeHeader({ fleet, publicKey, firstSeq, previous }: SegmentHeader): Buffer {
  const number = Buffer.alloc(8)
  number.writeBigUInt64BE(BigInt(firstSeq))
  return Buffer.concat([
    Buffer.from(magic, 'latin1'),
    Buffer.of(format),
    Buffer.from(fleet, 'hex'),
    publicKey,
    number,
    previous,
  ])
}

/** @returns null for what is no header of this format; never throws. */
export function decodeHeader(bytes: Uint8Array): SegmentHeader | null {
  if (bytes.length < headerBytes) return null
  const reader = new ByteReader(bytes, 'A segment')
  if (reader.ascii(4) !== magic || reader.u8() !== format) return null
  const fleet = reader.hex(32) as FleetId
  const publicKey = Uint8Array.from(reader.take(32))
  const firstSeq = reader.u64()
  if (!Number.isSafeInteger(firstSeq) || firstSeq === 0) return null
  return { fleet, publicKey, firstSeq, previous: Uint8Array.from(reader.take(hashBytes)) }
}

/**
 * Writes the record of an entry behind the hash of the one before it.
 *
 * @param at - end of that hash in `target`; `recordBytesMax` are free behind it.
 * @returns the end of the record, which is the end of its hash.
 */
export function writeRecord(target: Buffer, at: number, entry: AuditEntry): number {
  const end = writeEntry(target, at + lengthBytes, entry)
  target.writeUInt32BE(end - at - lengthBytes, at)
  target.set(linkHash(target.subarray(at - hashBytes, end)), end)
  return end + hashBytes
}

export type Found =
  | {
      readonly kind: 'entry'
      readonly entry: AuditEntry
      readonly hash: Uint8Array
      /** Whether it is chained to `previous`. */
      readonly isLinked: boolean
      readonly end: number
    }
  | { readonly kind: 'end' }
  /** A record that ends before it is whole: what a crash leaves behind. */
  | { readonly kind: 'torn' }
  | { readonly kind: 'garbled' }

/** The record at `at` of a segment. Never throws. @param previous - hash of the entry before. */
export function readRecord(segment: Buffer, at: number, previous: Uint8Array): Found {
  const left = segment.length - at
  if (left === 0) return { kind: 'end' }
  if (isZero(segment.subarray(at)) || left < lengthBytes) return { kind: 'torn' }
  const length = segment.readUInt32BE(at)
  const start = at + lengthBytes
  if (length > entryBytesMax) return { kind: 'garbled' }
  const read = readEntry(segment.subarray(start))
  if (start + length + hashBytes > segment.length) {
    // An entry says itself where it ends: one that is whole has a length that was changed, and hides what follows.
    const isWhole = read !== null && start + read.length + hashBytes <= segment.length
    return isWhole || (read !== null && read.length > length) ? { kind: 'garbled' } : { kind: 'torn' }
  }
  if (read === null || read.length !== length) return { kind: 'garbled' }
  const end = start + length + hashBytes
  const hash = segment.subarray(end - hashBytes, end)
  const chained = Buffer.concat([previous, segment.subarray(at, end - hashBytes)])
  return { kind: 'entry', entry: read.entry, hash, isLinked: linkHash(chained).equals(hash), end }
}

/** Whether a record would be chained if its entry had this number: then only its number was changed. */
export function isLinkedAs(
  seq: number,
  segment: Buffer,
  at: number,
  end: number,
  previous: Uint8Array,
): boolean {
  const record = Buffer.from(segment.subarray(at, end - hashBytes))
  record.writeBigUInt64BE(BigInt(seq), lengthBytes + 1)
  return linkHash(Buffer.concat([previous, record])).equals(segment.subarray(end - hashBytes, end))
}

const zeroRunMax = 65_536
// A power cut can leave a file longer than what was written into it.
const isZero = (bytes: Buffer): boolean => bytes.length <= zeroRunMax && bytes.every(byte => byte === 0)
