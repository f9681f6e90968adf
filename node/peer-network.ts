import type { FleetId, PeerId } from '../base/ids.ts'
import type { Identity } from '../crypto/identity.ts'
import type { View } from '../dht/view.ts'
import { type Libp2pPeer, startLibp2p } from './adapters/libp2p/start.ts'
import { hostIn, type PeerAudit } from './audit/peer-audit.ts'
import { noteKeyTrouble } from './event-log.ts'
import { epochOf } from './fleet-files.ts'
import type { GrantKeeper } from './grants/grant-keeper.ts'
import { linkGuard } from './grants/links.ts'
import type { AddressFile } from './known-addresses.ts'
import type { PeerHealth } from './peer-health.ts'
import type { PeerOptions } from './running-peer.ts'

export type PeerNetworkParts = {
  readonly identity: Identity
  readonly fleet: FleetId
  readonly networkKey: Uint8Array | null
  readonly options: Pick<PeerOptions, 'host' | 'preferredPort' | 'bootstrap' | 'log'>
  readonly addressFile: AddressFile
  readonly view: () => View
  readonly incarnation: number
  readonly grants: GrantKeeper
  readonly audit: PeerAudit
  readonly health: PeerHealth
}

/** One peer on the network of its fleet; what it hears of others goes to those who keep it. */
export function startPeerNetwork(parts: PeerNetworkParts): Promise<Libp2pPeer> {
  const { identity, fleet, networkKey, options, addressFile, view, incarnation, grants, audit, health } =
    parts
  return startLibp2p({
    privateKey: identity.privateKey,
    networkKey,
    onKeyTrouble: (trouble, from) => noteKeyTrouble(options.log, audit, trouble, from),
    fleet,
    listen: { host: options.host ?? '127.0.0.1', port: options.preferredPort ?? 0 },
    bootstrap: options.bootstrap ?? [],
    known: addressFile.known(),
    members: () => view().members,
    epoch: () => view().epoch,
    guard: linkGuard(grants),
    incarnation,
    verifyRecord: bytes => epochOf(bytes, fleet),
    onAddresses: (peer, multiaddrs) => addressFile.learn(peer, multiaddrs),
    onNews: (from: PeerId, news) => {
      if (news.kind === 'checkpoint') return audit.heard(from, news.checkpoint)
      health.heard(from, news)
      if (news.kind === 'grants' && news.digest !== grants.digest()) void grants.sync.compareWith(from)
    },
    onHello: peer => void grants.sync.compareWith(peer),
    onTurnedAway: (peer, address, reason, shownRule) => {
      // Who gets no further than to prove its id may be one whose grant was revoked, or has ended.
      const known = () => grants.strangerRule(peer as PeerId, hostIn(address))
      audit.turnedAway(peer, address, reason, shownRule ?? (reason === 'notMember' ? known() : null))
    },
  })
}
