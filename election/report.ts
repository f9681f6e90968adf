import { assert } from '../base/assert.ts'
import type { PeerId } from '../base/ids.ts'
import { holderLengthMax, isPrintable, numberAt, putNumber, tokenMax } from './record.ts'

/** Whom a process suspects, by what it hears itself: what others say is not passed on, or rumours would feed themselves. */
export type Report = {
  /** Grows with each report of a process, over its boots too. */
  readonly sequence: number
  readonly suspected: readonly Suspicion[]
}

export type Suspicion = {
  readonly peer: PeerId
  /** For how long without a break, when the report was made. */
  readonly forMs: number
}

/** Suspicions in one report, and the longest that is told. */
export const suspectedMax = 1_024
export const forMaxMs = 30 * 24 * 3_600_000

const format = 1
const headBytes = 9

/** Bytes of a report: format, sequence of 6 bytes, count of 2; each suspicion is 6 bytes of time, a length, an id. */
export function encodeReport({ sequence, suspected }: Report): Uint8Array {
  assert(isSequence(sequence) && suspected.length <= suspectedMax, 'a report is in range')
  const length = suspected.reduce((sum, { peer }) => sum + 7 + peer.length, headBytes)
  const bytes = new Uint8Array(length)
  bytes[0] = format
  putNumber(bytes, 1, sequence)
  bytes[7] = suspected.length >> 8
  bytes[8] = suspected.length & 255
  let at = headBytes
  for (const { peer, forMs } of suspected) {
    assert(peer.length > 0 && peer.length <= holderLengthMax, 'a peer id has 1 to 128 characters')
    assert(forMs >= 0 && forMs <= forMaxMs, 'a suspicion began in the past')
    putNumber(bytes, at, Math.floor(forMs))
    bytes[at + 6] = peer.length
    for (let i = 0; i < peer.length; i++) bytes[at + 7 + i] = peer.charCodeAt(i)
    at += 7 + peer.length
  }
  return bytes
}

/** @returns null for bytes of another format, or that no honest `encodeReport` made. */
export function decodeReport(bytes: Uint8Array): Report | null {
  if (bytes.length < headBytes || bytes[0] !== format) return null
  const count = bytes[7]! * 256 + bytes[8]!
  if (count > suspectedMax) return null
  const suspected: Suspicion[] = []
  let at = headBytes
  for (let number = 0; number < count; number++) {
    const length = bytes[at + 6]
    if (length === undefined || length < 1 || length > holderLengthMax) return null
    const id = bytes.subarray(at + 7, at + 7 + length)
    if (id.length !== length || !id.every(isPrintable)) return null
    suspected.push({ peer: String.fromCharCode(...id) as PeerId, forMs: numberAt(bytes, at) })
    at += 7 + length
  }
  const report = { sequence: numberAt(bytes, 1), suspected }
  return at === bytes.length && isSoundReport(report) ? report : null
}

/** Whether a report, from wherever it came, is one that a process may have made. */
export const isSoundReport = ({ sequence, suspected }: Report): boolean =>
  isSequence(sequence) &&
  suspected.length <= suspectedMax &&
  suspected.every(({ forMs }) => forMs >= 0 && forMs <= forMaxMs) &&
  new Set(suspected.map(({ peer }) => peer)).size === suspected.length

const isSequence = (value: number): boolean => Number.isInteger(value) && value >= 0 && value <= tokenMax
