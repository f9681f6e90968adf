import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { SlurpError } from '../base/errors.ts'
import type { FleetId, PeerId } from '../base/ids.ts'
import { decodeFleetRecord, verifyFleetRecord } from '../crypto/fleet-record.ts'
import { decodeGrantFile } from '../crypto/grants/chain-text.ts'
import { openGrantChain } from '../crypto/grants/grant-chain.ts'
import { createIdentity, loadIdentity } from '../crypto/identity.ts'
import { openNetworkKey, readNetworkKey, writeNetworkKey } from '../crypto/network-key.ts'
import { registryFile } from '../crypto/registry/genesis.ts'
import { entitledTo, isRole } from '../crypto/registry/registry.ts'
import { decodeRegistry } from '../crypto/registry/registry-codec.ts'
import { wireVersions } from './adapters/libp2p/start.ts'
import { DecodeError } from './driver/codec/reader.ts'
import { decodeView } from './driver/codec/view.ts'
import type { JoinRequest, JoinTicket } from './fleet-control.ts'
import type { ProcessPassphrase } from './passphrase.ts'
import { writePrivately } from './peer-settings.ts'

/**
 * The peer whose identity is in `draft`; it is made where there is none, so that asking again asks as the same peer.
 *
 * @param sealed - a new identity is sealed by a passphrase.
 */
export async function newPeerIn(
  draft: string,
  passphrase?: ProcessPassphrase,
  sealed = false,
): Promise<Pick<JoinRequest, 'id' | 'recipient' | 'versions'>> {
  const path = join(draft, 'identity.key')
  const identity = existsSync(path)
    ? await loadIdentity(path, passphrase?.of)
    : await createIdentity(path, sealed ? await passphrase?.choose() : undefined)
  return { id: identity.peerId, recipient: identity.ageRecipient.text, versions: wireVersions }
}

/**
 * Writes what the fleet gave to the peer in `draft`: `fleet.json`, `keys.registry`, `joined.view` and, in a private
 * network, `network.key`.
 *
 * @returns the roles that it is entitled to.
 * @throws SlurpError INTEGRITY_FAILED when the ticket is not whole, not of `fleet`, or not for this peer.
 */
export async function writeTicket(
  draft: string,
  fleet: FleetId,
  ticket: JoinTicket,
  passphrase?: ProcessPassphrase,
): Promise<readonly string[]> {
  const identity = await loadIdentity(join(draft, 'identity.key'), passphrase?.of)
  verifyFleetRecord(Buffer.from(ticket.record), fleet)
  const view = Buffer.from(ticket.view, 'base64')
  if (!namesPeer(view, fleet, identity.peerId)) {
    throw new SlurpError('INTEGRITY_FAILED', 'The view that the fleet gave does not name this peer.')
  }
  writePrivately(join(draft, 'fleet.json'), ticket.record)
  writePrivately(join(draft, 'joined.view'), view)
  const bytes = Buffer.from(ticket.keys, 'base64')
  const registry = decodeRegistry(bytes, fleet)
  writePrivately(join(draft, registryFile), bytes)
  await writeGrant(draft, ticket, identity.peerId)
  if (ticket.networkKey !== undefined && (await readNetworkKey(draft)) === null) {
    const key = await openNetworkKey(Buffer.from(ticket.networkKey, 'base64'), identity)
    await writeNetworkKey(draft, key)
  }
  return entitledTo(registry, identity.peerId).filter(isRole)
}

async function writeGrant(draft: string, ticket: JoinTicket, self: PeerId): Promise<void> {
  const { authorityPublicKey } = verifyFleetRecord(Buffer.from(ticket.record))
  const bytes = Buffer.from(ticket.grant, 'base64')
  const { grant } = await openGrantChain(decodeGrantFile(bytes), authorityPublicKey)
  if (grant.subject !== self) {
    throw new SlurpError('INTEGRITY_FAILED', 'The grant that the fleet gave is for another peer.')
  }
  writePrivately(join(draft, 'grant.json'), bytes)
}

/** The fleet of the peer whose directory is `dir`. @throws SlurpError DATA_MISSING, INTEGRITY_FAILED, FORMAT_UNKNOWN. */
export function fleetIn(dir: string): FleetId {
  const path = join(dir, 'fleet.json')
  if (existsSync(path)) return decodeFleetRecord(readFileSync(path)).view.fleet
  throw new SlurpError('DATA_MISSING', `There is no fleet record at ${path}.`)
}

function namesPeer(bytes: Uint8Array, fleet: FleetId, peer: JoinRequest['id']): boolean {
  try {
    const view = decodeView(bytes)
    return view.fleet === fleet && view.members.some(member => member.id === peer)
  } catch (failure) {
    if (failure instanceof DecodeError) return false
    throw failure
  }
}
