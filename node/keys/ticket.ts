import { SlurpError } from '../../base/errors.ts'
import type { FleetId, PeerId } from '../../base/ids.ts'
import type { Identity } from '../../crypto/identity.ts'
import { withEntitlement } from '../../crypto/registry/registry.ts'
import { encodeRegistry } from '../../crypto/registry/registry-codec.ts'
import { entitle } from '../../crypto/registry/statements.ts'
import type { Log } from '../running-peer.ts'
import type { HeldKeys } from './held-keys.ts'
import type { RegistryBook } from './registry-book.ts'

export type TicketParts = {
  readonly self: Identity
  readonly fleet: FleetId
  readonly book: RegistryBook
  readonly held: Pick<HeldKeys, 'entitled' | 'isBlind'>
  readonly log: Log
  /** The registry changed: the others are told. */
  readonly tell: () => void
}

/**
 * What a new peer needs to collect keys: the registry, in which it is entitled to what this peer is. It is put into the
 * register too, by this peer now or by the new one at its start.
 *
 * @param isBlind - it is entitled to no role, and may hold shares all the same. What a blind peer has itself, it passes on.
 */
export function ticketFor(parts: TicketParts, peer: PeerId, isBlind: boolean): Uint8Array {
  const { self, fleet, book, held, log, tell } = parts
  const names = isBlind && !held.isBlind ? [] : held.entitled
  if (names.length === 0) return book.bytes
  const entitlement = entitle(fleet, peer, names, self)
  book
    .change(registry => withEntitlement(registry, entitlement))
    .then(tell, (failure: unknown) => {
      if (!(failure instanceof SlurpError)) throw failure
      log.warn({ peer, failure: failure.message }, 'an entitlement is left to the new peer to register')
    })
  return encodeRegistry(withEntitlement(book.registry, entitlement))
}
