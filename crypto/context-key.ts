import { createHmac, randomBytes } from 'node:crypto'
import type { ContextKey } from '../base/ids.ts'

/** Bytes of the secret that agents and role-holding peers of a fleet share. */
export const fleetSecretBytes = 32

export const newFleetSecret = (): Uint8Array => randomBytes(fleetSecretBytes)

/**
 * Where a context lies in the key space. Without the fleet secret nobody can tell which address a key belongs to,
 * nor test a guess.
 *
 * @param canonicalAddress - address without its temporal segment: all versions of a context share one key.
 * About 5 µs.
 */
export const contextKeyOf = (fleetSecret: Uint8Array, canonicalAddress: string): ContextKey =>
  createHmac('sha256', fleetSecret).update(canonicalAddress, 'utf8').digest('hex') as ContextKey
