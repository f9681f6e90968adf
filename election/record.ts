import { assert } from '../base/assert.ts'
import type { PeerId } from '../base/ids.ts'

/**
 * What the lease register holds (rule 11). It is never deleted: a token counts up for as long as the fleet lives.
 * Every change of the record, a renewal too, raises `sequence`, so that no two records are alike.
 */
export type LeaseRecord = {
  /** Null once a holder stepped down: nobody has to be waited for. */
  readonly holder: PeerId | null
  /** From 1; greater by one with every holder. It stays when a holder renews or steps down. */
  readonly token: number
  readonly sequence: number
}

/** Highest token and sequence: 48 bits, at one change a millisecond 8,900 years. */
export const tokenMax = 2 ** 48 - 1
/** A record above is nobody's work of years but a lie; taking it over must leave numbers for what follows. */
export const readableMax = 2 ** 47
/** Characters of a holder's peer id. */
export const holderLengthMax = 128

/** A token that a lease may have given. What comes from outside is asked this before it is used. */
export const isToken = (value: number): boolean => Number.isInteger(value) && value >= 1 && value <= tokenMax

const format = 1
const headBytes = 14

/**
 * Bytes of a record: format, token and sequence of 6 bytes each, length of the holder's id, its ASCII characters.
 *
 * @throws InvariantBroken for a record that `decodeLease` would not take.
 */
export function encodeLease(record: LeaseRecord): Uint8Array {
  const holder = record.holder ?? ''
  assert(isToken(record.token) && isToken(record.sequence), 'token and sequence of a lease are in range')
  assert(record.holder !== '' && holder.length <= holderLengthMax, 'a holder has 1 to 128 characters')
  const bytes = new Uint8Array(headBytes + holder.length)
  bytes[0] = format
  putNumber(bytes, 1, record.token)
  putNumber(bytes, 7, record.sequence)
  bytes[13] = holder.length
  for (let at = 0; at < holder.length; at++) {
    const character = holder.charCodeAt(at)
    assert(isPrintable(character), 'a peer id is printable ASCII')
    bytes[headBytes + at] = character
  }
  return bytes
}

/** @returns null for bytes of another format, or that no honest `encodeLease` made. */
export function decodeLease(bytes: Uint8Array): LeaseRecord | null {
  if (bytes.length < headBytes || bytes[0] !== format) return null
  const token = numberAt(bytes, 1)
  const sequence = numberAt(bytes, 7)
  const length = bytes[13]!
  if (!isToken(token) || !isToken(sequence) || Math.max(token, sequence) > readableMax) return null
  if (length > holderLengthMax || bytes.length !== headBytes + length) return null
  let holder = ''
  for (let at = headBytes; at < bytes.length; at++) {
    if (!isPrintable(bytes[at]!)) return null
    holder += String.fromCharCode(bytes[at]!)
  }
  return { holder: length === 0 ? null : (holder as PeerId), token, sequence }
}

/** A character of an id: no blank, no control, nothing beyond ASCII. */
export const isPrintable = (character: number): boolean => character > 0x20 && character < 0x7f

/** Writes a whole number in 6 bytes, the highest first. */
export function putNumber(bytes: Uint8Array, at: number, value: number): void {
  for (let i = 5, rest = value; i >= 0; i--, rest = Math.floor(rest / 256)) bytes[at + i] = rest % 256
}

export function numberAt(bytes: Uint8Array, at: number): number {
  let value = 0
  for (let i = 0; i < 6; i++) value = value * 256 + bytes[at + i]!
  return value
}
