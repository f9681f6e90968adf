import type { FleetId, PeerId } from '../../base/ids.ts'
import type { Identity } from '../identity.ts'
import { peerKeyOf, verifyBy } from '../peer-keys.ts'

const purpose = 'slurp/v1/heir\0'
const signatureShape = /^[0-9a-f]{128}$/

/** What a peer that lost its disk says under its old key: who it comes back as. One line of hex. */
export const signHeir = (old: Identity, fleet: FleetId, heir: PeerId): string =>
  Buffer.from(old.sign(statement(fleet, old.peerId, heir))).toString('hex')

/** Whether `old` said that it comes back as `heir`. */
export const isHeir = (fleet: FleetId, old: PeerId, heir: PeerId, signed: string): boolean =>
  signatureShape.test(signed) &&
  peerKeyOf(old) !== null &&
  verifyBy(old, statement(fleet, old, heir), Buffer.from(signed, 'hex'))

const statement = (fleet: FleetId, old: PeerId, heir: PeerId): Uint8Array =>
  Buffer.from(`${purpose}${fleet}\0${old}\0${heir}`, 'latin1')
