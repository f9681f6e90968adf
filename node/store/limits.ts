import { SlurpError } from '../../base/errors.ts'
import { contextBytesMaxDefault } from './schema.ts'

/** Every bound of the store in one place, with its unit. */
export type StoreLimits = {
  /** Largest context, in bytes of its JSON. An envelope holds 1 MiB and a little more at most. */
  readonly contextBytesMax: number
  /** Patience of an operation that does not name its own. */
  readonly timeoutMs: number
  /** JSON of opened contexts kept in memory. */
  readonly cacheBytesMax: number
  /** Age up to which a `cached` read is answered from memory. */
  readonly cacheTtlMs: number
  /** Addresses whose current version is remembered, to write over it in one go. */
  readonly guessesMax: number
  /** Writes to one address that wait in this process behind each other. */
  readonly waitingPerKeyMax: number
  /** Times that one write is sealed anew because another version came first. */
  readonly sealsMax: number
  /** A version further ahead of this clock cannot be written over (PROTOCOL, State). */
  readonly clockDriftMaxMs: number
  /** Versions that a temporal segment may have to walk. */
  readonly versionsWalkedMax: number
}

export const defaultStoreLimits: StoreLimits = {
  contextBytesMax: contextBytesMaxDefault,
  timeoutMs: 5_000,
  cacheBytesMax: 32 * 1024 * 1024,
  cacheTtlMs: 1_000,
  guessesMax: 65_536,
  waitingPerKeyMax: 1_024,
  sealsMax: 64,
  clockDriftMaxMs: 10_000,
  versionsWalkedMax: 100_000,
}

export const timeoutMaxMs = 600_000
/** Ten years. */
export const ttlMaxSeconds = 10 * 365 * 24 * 3600
export const historyLimitDefault = 50
export const historyLimitMax = 200

/** @throws SlurpError USAGE */
export function wholeNumber(value: number, name: string, least: number, most: number): number {
  if (!Number.isInteger(value) || value < least || value > most)
    throw new SlurpError('USAGE', `${name} must be a whole number from ${least} to ${most}.`)
  return value
}
