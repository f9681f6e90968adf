import type { Connection, Libp2p, PeerId as Libp2pPeerId } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { LRUCache } from 'lru-cache'
import type { PeerId } from '../../../base/ids.ts'

/** More than a fleet has members. */
const readMax = 4_096
const read = new LRUCache<PeerId, Libp2pPeerId>({
  max: readMax,
  memoMethod: peer => peerIdFromString(peer),
})

/** All connections to one peer. Whether there is one is asked for every context and question, so ids are read once. */
export function connectionsTo(libp2p: Pick<Libp2p, 'getConnections'>, peer: PeerId): Connection[] {
  return libp2p.getConnections(read.memo(peer))
}
