import { crc32 } from 'node:zlib'
import { unreachable } from '../../../base/assert.ts'
import { SlurpError } from '../../../base/errors.ts'
import type { View } from '../../../dht/view.ts'
import type { VersionRecord } from '../../../replication/messages.ts'
import type { Change, Head, PartitionRecord } from '../../../replication/records.ts'
import type { DiskChange } from '../../ports/ports.ts'
import { type Codec, flag, struct, varint } from './binary.ts'
import { headKey, hintKey, partitionKey, versionKey, viewKey } from './keys.ts'
import { DecodeError, Reader } from './reader.ts'
import { ballot, bareValue, bareValue1, version, versionRecord } from './replica-shapes.ts'
import { viewField } from './view.ts'
import { Writer } from './writer.ts'

const bareHead = struct({ accepted: ballot, value: bareValue })
const bareHead1 = struct({ accepted: ballot, value: bareValue1 })
const partitionRecord: Codec<PartitionRecord> = struct({
  epoch: varint,
  ceiling: ballot,
  gcFloor: ballot,
  tsFloor: version,
  damagedBelow: ballot,
  since: varint,
  copied: flag,
})
const partitionRecord1 = struct({
  epoch: varint,
  ceiling: ballot,
  gcFloor: ballot,
  tsFloor: version,
  damagedBelow: ballot,
})
const nothing: Codec<Record<string, never>> = struct({})

/**
 * How one kind of record reads every version of its format that was ever written. `decoders[0]` reads
 * version 1; each gives today's shape, by way of the later ones where that is simplest. What is written has
 * the newest version.
 */
type RecordKind<T> = {
  readonly write: (out: Writer, record: T) => void
  readonly decoders: readonly ((input: Reader) => T)[]
}

const heads: RecordKind<Head> = {
  write: (out, head) => bareHead.write(out, head),
  // Version 1 knew no trimmed histories.
  decoders: [bareHead1.read, bareHead.read],
}
const versions: RecordKind<VersionRecord> = { write: versionRecord.write, decoders: [versionRecord.read] }
const partitions: RecordKind<PartitionRecord> = {
  write: partitionRecord.write,
  // Version 1 knew no moves: whoever has a record was there from the start.
  decoders: [input => ({ ...partitionRecord1.read(input), since: 1, copied: true }), partitionRecord.read],
}
const views: RecordKind<View> = { write: viewField.write, decoders: [viewField.read] }
const hints: RecordKind<Record<string, never>> = { write: nothing.write, decoders: [nothing.read] }

/** Format version (1 byte), CRC-32 of key, format version and payload (4 bytes), payload. */
const headerBytes = 5
const headerWriter = new Writer()

/** The disk's form of one change. A head is written without its data, which is a version record of its own. */
export function encodeChange(change: Change): DiskChange {
  switch (change.kind) {
    case 'head':
      return put(heads, headKey(change.key), change.head)
    case 'version':
      return put(versions, versionKey(change.key, change.record.version), change.record)
    case 'partition':
      return put(partitions, partitionKey(change.partition), change.record)
    case 'hint':
      return put(hints, hintKey(change.hint), {})
    case 'versionDropped':
      return { kind: 'delete', key: versionKey(change.key, change.version) }
    case 'headDropped':
      return { kind: 'delete', key: headKey(change.key) }
    case 'hintDone':
      return { kind: 'delete', key: hintKey(change.hint) }
    default:
      return unreachable(change)
  }
}

/**
 * @param diskKey - the key that the value was read under: a value under another key is damage too.
 * @returns `damaged` when the bytes are not what was written.
 * @throws SlurpError FORMAT_UNKNOWN when the bytes are whole and a newer SLURP wrote them.
 */
export const decodeHead = (diskKey: Uint8Array, stored: Uint8Array): Head | 'damaged' =>
  decoded(heads, diskKey, stored)

/** As decodeHead. The record's version is the one that its key names. */
export const decodeVersion = (diskKey: Uint8Array, stored: Uint8Array): VersionRecord | 'damaged' =>
  decoded(versions, diskKey, stored)

/** As decodeHead. */
export const decodePartition = (diskKey: Uint8Array, stored: Uint8Array): PartitionRecord | 'damaged' =>
  decoded(partitions, diskKey, stored)

/** The disk's form of the view in force. */
export const viewChange = (view: View): DiskChange => put(views, viewKey, view)

/** As decodeHead. */
export const decodeStoredView = (stored: Uint8Array): View | 'damaged' => decoded(views, viewKey, stored)

/** As decodeHead; the hint itself is in the key (parseHintKey). */
export const hintIsWhole = (diskKey: Uint8Array, stored: Uint8Array): boolean =>
  decoded(hints, diskKey, stored) !== 'damaged'

function put<T>(kind: RecordKind<T>, key: Uint8Array, record: T): DiskChange {
  const formatVersion = kind.decoders.length
  headerWriter.clear()
  headerWriter.u8(formatVersion)
  headerWriter.u32(0)
  kind.write(headerWriter, record)
  const value = headerWriter.take()
  const sum = checksum(key, formatVersion, value.subarray(headerBytes))
  new DataView(value.buffer, value.byteOffset).setUint32(1, sum)
  return { kind: 'put', key, value }
}

function decoded<T>(kind: RecordKind<T>, diskKey: Uint8Array, stored: Uint8Array): T | 'damaged' {
  if (stored.length < headerBytes) return 'damaged'
  const input = new Reader(stored)
  const formatVersion = input.u8()
  const sum = input.u32()
  if (sum !== checksum(diskKey, formatVersion, stored.subarray(headerBytes))) return 'damaged'
  const decoder = kind.decoders[formatVersion - 1]
  if (decoder === undefined) {
    throw new SlurpError(
      'FORMAT_UNKNOWN',
      `A record has format version ${formatVersion}, unknown to this SLURP.`,
    )
  }
  try {
    const record = decoder(input)
    input.end()
    return record
  } catch (failure) {
    if (failure instanceof DecodeError) return 'damaged'
    throw failure
  }
}

function checksum(key: Uint8Array, formatVersion: number, payload: Uint8Array): number {
  return crc32(payload, crc32(Uint8Array.of(formatVersion), crc32(key)))
}
