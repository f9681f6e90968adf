import type { Connection, Libp2p, PeerId as Libp2pPeerId } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import type { PeerId } from '../../../base/ids.ts'

/** More than a fleet has members; then reading begins anew. */
const readMax = 4_096
const read = new Map<PeerId, Libp2pPeerId>()

/** All connections to one peer. Whether there is one is asked for every context and question, so ids are read once. */
export function connectionsTo(libp2p: Pick<Libp2p, 'getConnections'>, peer: PeerId): Connection[] {
  let id = read.get(peer)
  if (id === undefined) {
    if (read.size >= readMax) read.clear()
    id = peerIdFromString(peer)
    read.set(peer, id)
  }
  return libp2p.getConnections(id)
}
