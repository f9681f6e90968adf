import { SlurpError } from '../../base/errors.ts'
import type { ContextKey } from '../../base/ids.ts'
import { contextKeyOf } from '../../crypto/context-key.ts'
import { canonicalOf, parseAddress } from './address.ts'

/** Where an address lies; null for a text that is none, and on a blind peer. */
export function keyOfText(fleetSecret: Uint8Array | null, text: string): ContextKey | null {
  if (fleetSecret === null) return null
  try {
    return contextKeyOf(fleetSecret, canonicalOf(parseAddress(text)))
  } catch (failure) {
    if (failure instanceof SlurpError) return null
    throw failure
  }
}
