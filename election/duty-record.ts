import { assert } from '../base/assert.ts'
import type { PeerId } from '../base/ids.ts'
import { isDuty } from './fence.ts'
import {
  holderLengthMax,
  isPrintable,
  isToken,
  numberAt,
  putNumber,
  readableMax,
  tokenMax,
} from './record.ts'

/**
 * How a run ended. `more`: well, and it wants to go on soon. `stopped`: as it was told to; it goes on where its state
 * says. The rest are failures: `timedOut` and `unreached` (its peer could not be asked) are the leader's verdicts.
 */
export const runOutcomes = ['done', 'more', 'stopped', 'failed', 'timedOut', 'unreached'] as const
export type RunOutcome = (typeof runOutcomes)[number]

/** What the register of a duty holds. It is never deleted: `runs` counts up, and `token` never goes back. */
export type DutyRecord = {
  readonly name: string
  /** Of the leader that wrote this: one with a lower token writes it no more. 0: nobody wrote it yet. */
  readonly token: number
  /** Set by an operator, for all leaders to come. */
  readonly paused: boolean
  /** Runs whose end is recorded. A run that its leader did not live to record is not among them. */
  readonly runs: number
  /** Wall clock of the leader at the last recorded end; 0 before the first. Of use for display and spacing only. */
  readonly lastRunMs: number
  readonly lastOutcome: RunOutcome | null
  /** In a row, up to now. */
  readonly failures: number
  /** Of a round over the peers that is under way: the last peer that had its turn, or has it still. */
  readonly cursor: PeerId | null
  /** The turn of the peer at the cursor goes on, and the state is of it. */
  readonly isMidTurn: boolean
  /** Whatever the duty wants to find again; at most `stateBytesMax`. In a round it is of one turn. */
  readonly state: Uint8Array
}

export const stateBytesMax = 4_096
export const failuresMax = 0xffff

const format = 1
const headBytes = 23

/** Of a duty whose register was never written. */
export const firstRecord = (name: string): DutyRecord => ({
  name,
  token: 0,
  paused: false,
  runs: 0,
  lastRunMs: 0,
  lastOutcome: null,
  failures: 0,
  cursor: null,
  isMidTurn: false,
  state: new Uint8Array(0),
})

/**
 * Bytes of a record: format, flags (bit 0: paused, bit 1: within a turn), outcome (0: none), then token, runs and time of 6 bytes each,
 * failures of 2; name and cursor behind a length of 1 byte each; the state is the rest.
 *
 * @throws InvariantBroken for a record that `decodeDuty` would not take.
 */
export function encodeDuty(record: DutyRecord): Uint8Array {
  const { name, token, runs, lastRunMs, lastOutcome, failures, state } = record
  const cursor = record.cursor ?? ''
  assert(isDuty(name) && isToken(token), 'a duty has a name, and whoever writes it a token')
  assert(isCount(runs) && isCount(lastRunMs) && failures <= failuresMax, 'the numbers of a duty are in range')
  assert((runs === 0) === (lastOutcome === null), 'a duty that ran has an outcome')
  assert(record.cursor !== '' && cursor.length <= holderLengthMax, 'a cursor has 1 to 128 characters')
  assert(!record.isMidTurn || cursor !== '', 'a turn is of a peer')
  assert(state.length <= stateBytesMax, 'the state of a duty is small')
  const bytes = new Uint8Array(headBytes + 2 + name.length + cursor.length + state.length)
  bytes[0] = format
  bytes[1] = (record.paused ? 1 : 0) | (record.isMidTurn ? 2 : 0)
  bytes[2] = lastOutcome === null ? 0 : runOutcomes.indexOf(lastOutcome) + 1
  putNumber(bytes, 3, token)
  putNumber(bytes, 9, runs)
  putNumber(bytes, 15, lastRunMs)
  bytes[21] = failures >> 8
  bytes[22] = failures & 255
  const at = putText(bytes, putText(bytes, headBytes, name), cursor)
  bytes.set(state, at)
  return bytes
}

/** @returns null for bytes of another format, or that no honest `encodeDuty` made. */
export function decodeDuty(bytes: Uint8Array): DutyRecord | null {
  if (bytes.length < headBytes + 2 || bytes[0] !== format || bytes[1]! > 3) return null
  const token = numberAt(bytes, 3)
  const runs = numberAt(bytes, 9)
  if (!isToken(token) || Math.max(token, runs) > readableMax) return null
  const outcome = bytes[2]!
  if (outcome > runOutcomes.length || (runs === 0) !== (outcome === 0)) return null
  const name = textAt(bytes, headBytes)
  if (name === null || !isDuty(name)) return null
  const cursor = textAt(bytes, headBytes + 1 + name.length)
  if (cursor === null || cursor.length > holderLengthMax) return null
  const isMidTurn = (bytes[1]! & 2) !== 0
  if (isMidTurn && cursor === '') return null
  const state = bytes.slice(headBytes + 2 + name.length + cursor.length)
  if (state.length > stateBytesMax) return null
  return {
    name,
    token,
    paused: (bytes[1]! & 1) !== 0,
    runs,
    lastRunMs: numberAt(bytes, 15),
    lastOutcome: outcome === 0 ? null : runOutcomes[outcome - 1]!,
    failures: bytes[21]! * 256 + bytes[22]!,
    cursor: cursor === '' ? null : (cursor as PeerId),
    isMidTurn,
    state,
  }
}

const isCount = (value: number): boolean => Number.isInteger(value) && value >= 0 && value <= tokenMax

function putText(bytes: Uint8Array, at: number, text: string): number {
  bytes[at] = text.length
  for (let i = 0; i < text.length; i++) {
    assert(isPrintable(text.charCodeAt(i)), 'names are printable ASCII')
    bytes[at + 1 + i] = text.charCodeAt(i)
  }
  return at + 1 + text.length
}

function textAt(bytes: Uint8Array, at: number): string | null {
  const length = bytes[at]
  if (length === undefined || bytes.length < at + 1 + length) return null
  let text = ''
  for (const character of bytes.subarray(at + 1, at + 1 + length)) {
    if (!isPrintable(character)) return null
    text += String.fromCharCode(character)
  }
  return text
}
