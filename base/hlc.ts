import { assert } from './assert.ts'
import type { Ballot, Hlc } from './ids.ts'

/**
 * Hybrid logical clock as a value: 48 bits of wall-clock milliseconds, 16 bits of counter and 32 bits that
 * name the process and its boot, as 24 hex digits. Comparing two as text compares them in time, and two processes
 * never make the same one, nor does one process after a restart. Source: Kulkarni et al. 2014; rule 13.
 */
export type Clock = {
  readonly tag: string
  /** Greatest value made or met so far. */
  last: Hlc
}

const msMax = 2 ** 48 - 1
const counterMax = 0xffff

/** Hex digits of a tag that name the process; the rest names the boot. */
export const peerTagDigits = 6

/**
 * The tag of one boot of a process. A wall clock may have run back while the process was down, by any amount: without
 * the boot, it could make an operation id again, and the second write would be told the fate of the first (rule 5).
 *
 * @param peerTag - 6 hex digits, unique to the process in its fleet.
 * @param incarnation - number of the boot; its last 8 bits count.
 */
export function bootTag(peerTag: string, incarnation: number): string {
  assert(peerTag.length === peerTagDigits, 'a process is named by 6 hex digits of its tag')
  return peerTag + (incarnation & 0xff).toString(16).padStart(2, '0')
}

/** The digits of a value that name the process that made it. */
export const peerTagOf = (value: Hlc): string => value.slice(16, 16 + peerTagDigits)

/** @param tag - 8 hex digits, unique to one boot of the process in its fleet. */
export function newClock(tag: string, last: Hlc = '0'.repeat(24) as Hlc): Clock {
  assert(/^[0-9a-f]{8}$/.test(tag), 'a clock tag has 8 hex digits')
  return { tag, last }
}

export function hlcFrom(ms: number, counter: number, tag: string): Hlc {
  assert(Number.isInteger(ms) && ms >= 0 && ms <= msMax, 'HLC milliseconds out of range')
  assert(Number.isInteger(counter) && counter >= 0 && counter <= counterMax, 'HLC counter out of range')
  return (ms.toString(16).padStart(12, '0') + counter.toString(16).padStart(4, '0') + tag) as Hlc
}

/** Milliseconds since the epoch that an HLC value or a ballot carries. */
export const hlcMs = (value: Hlc | Ballot): number => Number.parseInt(value.slice(0, 12), 16)

/** A value greater than every one made or met before. `wallMs` may stand still or run backwards. */
export function nextHlc(clock: Clock, wallMs: number): Hlc {
  const lastMs = hlcMs(clock.last)
  let ms = Math.max(Math.floor(wallMs), lastMs)
  let counter = ms === lastMs ? Number.parseInt(clock.last.slice(12, 16), 16) + 1 : 0
  if (counter > counterMax) {
    ms += 1
    counter = 0
  }
  clock.last = hlcFrom(ms, counter, clock.tag)
  return clock.last
}

/**
 * Takes note of a value that was met in a message.
 *
 * @returns false, and changes nothing, when it is further ahead of `wallMs` than `driftMaxMs`: one process
 * with a wrong clock must not drag the fleet along.
 */
export function mergeHlc(clock: Clock, met: Hlc, wallMs: number, driftMaxMs: number): boolean {
  if (met <= clock.last) return true
  if (hlcMs(met) > wallMs + driftMaxMs) return false
  clock.last = (met.slice(0, 16) + clock.tag) as Hlc
  return true
}

/** The ballot of an HLC value in one boot of its process: a restart never makes an old ballot again (rule 5). */
export function ballotFrom(hlc: Hlc, incarnation: number): Ballot {
  return (hlc + (incarnation >>> 0).toString(16).padStart(8, '0')) as Ballot
}

/** The highest ballot that carries `ms`: a ceiling in time (rule 3). */
export const ballotCeiling = (ms: number): Ballot =>
  (Math.min(Math.floor(ms), msMax).toString(16).padStart(12, '0') + 'f'.repeat(20)) as Ballot

/** The HLC part of a ballot. */
export const ballotHlc = (ballot: Ballot): Hlc => ballot.slice(0, 24) as Hlc
