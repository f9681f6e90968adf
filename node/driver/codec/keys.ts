import { assert } from '../../../base/assert.ts'
import { type ContextKey, controlKey, type PartitionId, type Version } from '../../../base/ids.ts'
import { controlPartition } from '../../../dht/keyspace.ts'
import type { Hint } from '../../../replication/records.ts'
import { ascii } from './binary.ts'
import { DecodeError, Reader } from './reader.ts'
import { contextKey, version } from './replica-shapes.ts'
import { Writer } from './writer.ts'

/** One letter a kind of record. Byte 0 is left to the disk itself. */
const prefix = { head: 0x68, owed: 0x6f, partition: 0x70, version: 0x76, view: 0x77 } as const

/** From <= key < to. */
export type KeyRange = { readonly from: Uint8Array; readonly to: Uint8Array }

const peerText = ascii<string>(128)
const keyBytes = 32
const writer = new Writer(256)

/** `h`, 32 bytes of context key: heads in the order of the key space. */
export function headKey(key: ContextKey): Uint8Array {
  writer.u8(prefix.head)
  contextKey.write(writer, key)
  return writer.take()
}

/** `v`, 32 bytes of context key, 12 bytes of version: the versions of one key together, oldest first. */
export function versionKey(key: ContextKey, which: Version): Uint8Array {
  writer.u8(prefix.version)
  contextKey.write(writer, key)
  version.write(writer, which)
  return writer.take()
}

/** `p`, two bytes of partition number. */
export function partitionKey(partition: PartitionId): Uint8Array {
  assert(partition >= 0 && partition <= 0xffff, 'a partition number has two bytes')
  return Uint8Array.of(prefix.partition, partition >> 8, partition & 0xff)
}

/** `w`: the view in force. */
export const viewKey = Uint8Array.of(prefix.view)

/** `o` (owed), length and text of the peer id, 32 bytes of context key, 12 bytes of version. */
export function hintKey(hint: Hint): Uint8Array {
  writer.u8(prefix.owed)
  peerText.write(writer, hint.peer)
  contextKey.write(writer, hint.key)
  version.write(writer, hint.version)
  return writer.take()
}

/** @throws DecodeError when it is no key of a head. */
export function parseHeadKey(diskKey: Uint8Array): ContextKey {
  return parsed(diskKey, prefix.head, input => contextKey.read(input))
}

/** @throws DecodeError when it is no key of a version. */
export function parseVersionKey(diskKey: Uint8Array): { key: ContextKey; version: Version } {
  return parsed(diskKey, prefix.version, input => ({
    key: contextKey.read(input),
    version: version.read(input),
  }))
}

/** @throws DecodeError when it is no key of a hint. */
export function parseHintKey(diskKey: Uint8Array): Hint {
  return parsed(diskKey, prefix.owed, input => ({
    peer: peerText.read(input),
    key: contextKey.read(input),
    version: version.read(input),
  }))
}

/** Everything owed to one peer. */
export function hintRange(peer: string): KeyRange {
  writer.u8(prefix.owed)
  peerText.write(writer, peer)
  const from = writer.take()
  return { from, to: keyAfterPrefix(from) }
}

/** The context key in the key of a head or a version: what the record is about. Null for other records. */
export const contextBytesOf = (diskKey: Uint8Array): Uint8Array | null =>
  diskKey[0] === prefix.head || diskKey[0] === prefix.version ? diskKey.subarray(1, 1 + keyBytes) : null

/** All versions of one key, oldest first. */
export function versionRange(key: ContextKey): KeyRange {
  writer.u8(prefix.version)
  contextKey.write(writer, key)
  const from = writer.take()
  return { from, to: keyAfterPrefix(from) }
}

/**
 * Heads of one partition, behind `after` when it is given.
 *
 * @param partitions - number of partitions of the view: a power of two from 1 to 4096; a partition is a slice
 * of the key space by its highest bits, but for the control registers at its end, which are a partition of their own.
 */
export function headRange(partition: PartitionId, partitions: number, after: ContextKey | null): KeyRange {
  const { from, to } = sliceOf(prefix.head, partition, partitions)
  return { from: after === null ? from : laterOf(from, keyAfter(headKey(after))), to }
}

/** All versions of all keys of one partition. */
export const versionsRange = (partition: PartitionId, partitions: number): KeyRange =>
  sliceOf(prefix.version, partition, partitions)

function sliceOf(letter: number, partition: PartitionId, partitions: number): KeyRange {
  const bits = Math.log2(partitions)
  assert(Number.isInteger(bits) && bits <= 12, 'the number of partitions is a power of two up to 4096')
  const control = firstControl(letter)
  if (partition === controlPartition) return { from: control, to: Uint8Array.of(letter + 1) }
  assert(Number.isInteger(partition) && partition >= 0 && partition < partitions, 'no such partition')
  const slice = (number: number): Uint8Array => {
    if (number === partitions) return control
    const start = new Uint8Array(1 + keyBytes)
    start[0] = letter
    new DataView(start.buffer).setUint16(1, number << (16 - bits))
    return start
  }
  return { from: slice(partition), to: slice(partition + 1) }
}

function firstControl(letter: number): Uint8Array {
  writer.u8(letter)
  contextKey.write(writer, controlKey(0))
  return writer.take()
}

/** The smallest key above `key`. */
function keyAfter(key: Uint8Array): Uint8Array {
  const next = new Uint8Array(key.length + 1)
  next.set(key)
  return next
}

/** The smallest key above every key that starts with `start`. */
function keyAfterPrefix(start: Uint8Array): Uint8Array {
  let length = start.length
  while (length > 0 && start[length - 1] === 0xff) length--
  assert(length > 0, 'a prefix of bytes 255 has no end')
  const next = start.slice(0, length)
  next[length - 1]! += 1
  return next
}

const laterOf = (a: Uint8Array, b: Uint8Array): Uint8Array => (Buffer.compare(a, b) >= 0 ? a : b)

function parsed<T>(diskKey: Uint8Array, letter: number, read: (input: Reader) => T): T {
  const input = new Reader(diskKey)
  if (input.u8() !== letter) throw new DecodeError('a key of another kind')
  const result = read(input)
  input.end()
  return result
}
