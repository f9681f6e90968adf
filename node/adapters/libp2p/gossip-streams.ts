import type { Connection } from '@libp2p/interface'
import type { PeerId } from '../../../base/ids.ts'
import type { Host } from './host.ts'

export type GossipStreamsOptions = {
  readonly host: Pick<Host, 'libp2p'>
  isMember(peer: PeerId): boolean
}

const lookMs = 1_000
/** A new connection is given so many looks to get its stream by itself. */
const patienceLooks = 3
const patienceLooksMax = 60
const identifyMs = 5_000

/** How often a peer was looked at since it had a stream, or was helped; and at how many looks it is helped. */
type Waiting = { looks: number; helpAt: number }

/**
 * Sees to it that gossip has a stream to every member that is connected. Gossipsub opens one when a connection has told which
 * protocols are spoken, and never again: when that fails, or the one of two connections that it chose goes away, it has no
 * stream to that peer for as long as the other connection lasts, and all news stays here. Asking the peer once more which
 * protocols it speaks makes gossipsub try again.
 */
export class GossipStreams {
  readonly #options: GossipStreamsOptions
  readonly #waiting = new Map<PeerId, Waiting>()
  readonly #timer: NodeJS.Timeout
  #asked = 0

  constructor(options: GossipStreamsOptions) {
    this.#options = options
    this.#timer = setInterval(() => this.#look(), lookMs)
    this.#timer.unref()
  }

  counters(): Record<string, number> {
    return { gossipStreamsMissed: this.#asked }
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #look(): void {
    const { host, isMember } = this.#options
    const connections = new Map<PeerId, Connection>()
    const served = new Set<PeerId>()
    for (const connection of host.libp2p.getConnections()) {
      const peer = connection.remotePeer.toString() as PeerId
      if (connection.status !== 'open' || !isMember(peer)) continue
      connections.set(peer, connection)
      if (this.#carriesGossip(connection)) served.add(peer)
    }
    for (const peer of this.#waiting.keys())
      if (served.has(peer) || !connections.has(peer)) this.#waiting.delete(peer)
    for (const [peer, connection] of connections) if (!served.has(peer)) this.#wait(peer, connection)
  }

  #carriesGossip({ streams }: Connection): boolean {
    const { protocols } = this.#options.host.libp2p.services.pubsub
    return streams.some(
      ({ direction, status, protocol }) =>
        direction === 'outbound' && status === 'open' && protocols.includes(protocol),
    )
  }

  #wait(peer: PeerId, connection: Connection): void {
    const waiting = this.#waiting.get(peer) ?? { looks: 0, helpAt: patienceLooks }
    this.#waiting.set(peer, waiting)
    waiting.looks += 1
    if (waiting.looks < waiting.helpAt) return
    waiting.looks = 0
    // It may speak no gossip at all, or not yet.
    waiting.helpAt = Math.min(2 * waiting.helpAt, patienceLooksMax)
    this.#asked += 1
    const { identify } = this.#options.host.libp2p.services
    identify.identify(connection, { signal: AbortSignal.timeout(identifyMs) }).catch(() => {
      // It went away, or is too busy to answer: it is looked at again.
    })
  }
}
