import type { Connection } from '@libp2p/interface'
import type { PeerId } from '../../../base/ids.ts'
import type { Host } from './host.ts'

export type GossipStreamsOptions = {
  readonly host: Pick<Host, 'libp2p'>
  /** What every member subscribes to. */
  readonly topic: string
  isMember(peer: PeerId): boolean
}

const lookMs = 1_000
/** A new connection is given so many looks to get its stream by itself. */
const patienceLooks = 3
const patienceLooksMax = 60
const identifyMs = 5_000

/** Of a member without gossip: how often it was looked at since it was helped, and at how many looks it is. */
type Waiting = { looks: number; helpAt: number }

/**
 * Sees to it that gossip has a stream to every member that is connected, and has heard from it. Gossipsub opens one when a
 * connection has told which protocols are spoken, and never again: when that fails, or the one of two connections that it
 * chose goes away, it has no stream to that peer for as long as the other connection lasts, and all news stays here. Asking
 * the peer once more which protocols it speaks makes gossipsub try again. A stream that dies while it is being opened, or
 * whose other end reads no more, is taken for a good one: that only a new connection mends.
 */
export class GossipStreams {
  readonly #options: GossipStreamsOptions
  readonly #waiting = new Map<PeerId, Waiting>()
  readonly #timer: NodeJS.Timeout
  #asked = 0
  #hungUp = 0

  constructor(options: GossipStreamsOptions) {
    this.#options = options
    this.#timer = setInterval(() => this.#look(), lookMs)
    this.#timer.unref()
  }

  counters(): Record<string, number> {
    return { gossipStreamsMissed: this.#asked, gossipHungUp: this.#hungUp }
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #look(): void {
    const { host, topic, isMember } = this.#options
    const connections = new Map<PeerId, Connection>()
    const served = new Set<PeerId>()
    const subscribers = new Set(host.libp2p.services.pubsub.getSubscribers(topic).map(String))
    for (const connection of host.libp2p.getConnections()) {
      const peer = connection.remotePeer.toString() as PeerId
      if (connection.status !== 'open' || !isMember(peer)) continue
      connections.set(peer, connection)
      if (subscribers.has(peer) && this.#carriesGossip(connection)) served.add(peer)
    }
    // Who is not connected keeps its place: who was hung up on is not hung up on again as soon as it is back.
    for (const peer of this.#waiting.keys())
      if (served.has(peer) || !isMember(peer)) this.#waiting.delete(peer)
    for (const [peer, connection] of connections) if (!served.has(peer)) this.#wait(peer, connection)
  }

  #carriesGossip({ streams }: Connection): boolean {
    return streams.some(
      ({ direction, status, protocol }) =>
        direction === 'outbound' && status === 'open' && this.#isGossip(protocol),
    )
  }

  #isGossip(protocol: string): boolean {
    return this.#options.host.libp2p.services.pubsub.protocols.includes(protocol)
  }

  #wait(peer: PeerId, connection: Connection): void {
    const waiting = this.#waiting.get(peer) ?? { looks: 0, helpAt: patienceLooks }
    this.#waiting.set(peer, waiting)
    waiting.looks += 1
    if (waiting.looks < waiting.helpAt) return
    waiting.looks = 0
    const isFirst = waiting.helpAt === patienceLooks
    // It may speak no gossip at all, or not yet.
    waiting.helpAt = Math.min(2 * waiting.helpAt, patienceLooksMax)
    this.#help(connection, isFirst).catch(() => {
      // It went away, or is too busy to answer: it is looked at again.
    })
  }

  async #help(connection: Connection, isFirst: boolean): Promise<void> {
    const { libp2p } = this.#options.host
    this.#asked += 1
    const { protocols } = await libp2p.services.identify.identify(connection, {
      signal: AbortSignal.timeout(identifyMs),
    })
    if (isFirst || !protocols.some(each => this.#isGossip(each))) return
    this.#hungUp += 1
    for (const each of libp2p.getConnections(connection.remotePeer))
      each.abort(new Error('gossip has no stream on it'))
  }
}
