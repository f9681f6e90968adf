import { hash } from 'node:crypto'
import type { FleetId } from '../../base/ids.ts'

export const hashBytes = 32
const label = Buffer.from('slurp/v1/audit log\n')

/** What the first entry of a peer's log is chained to: so two peers' logs have no entry in common. */
export const firstLink = (fleet: FleetId, publicKey: Uint8Array): Uint8Array =>
  hash('sha256', Buffer.concat([label, Buffer.from(fleet, 'hex'), publicKey]), 'buffer')

/**
 * Hash of one entry.
 *
 * @param chained - hash of the entry before, length of this one, its bytes: as they lie in a segment, one behind the other.
 */
export const linkHash = (chained: Uint8Array): Buffer => hash('sha256', chained, 'buffer')
