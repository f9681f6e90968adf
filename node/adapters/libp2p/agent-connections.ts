import type { Connection } from '@libp2p/interface'
import type { PeerId } from '../../../base/ids.ts'
import { addressOf } from './exchange.ts'
import type { AgentHost } from './host.ts'

export type AgentConnectionsOptions = {
  readonly host: Pick<AgentHost, 'libp2p'>
  isMember(peer: PeerId): boolean
  isAgent(peer: PeerId, address: string | null): boolean
}

/** Agents that are connected to one member, at most. */
export const agentsMax = 512
const lookMs = 500
/** Whose grant has ended stays so long: it may have to hear why. It gets nothing else meanwhile. */
const farewellMs = 2_500

/** Looks again and again whether who is no member may still be connected, as grants end and are revoked. */
export class AgentConnections {
  readonly #options: AgentConnectionsOptions
  readonly #unwantedSinceMs = new Map<Connection, number>()
  readonly #timer: NodeJS.Timeout
  #connected = 0

  constructor(options: AgentConnectionsOptions) {
    this.#options = options
    this.#timer = setInterval(() => this.#look(), lookMs)
  }

  /** Whether there is room for one more. */
  get isFull(): boolean {
    return this.#connected >= agentsMax
  }

  get count(): number {
    return this.#connected
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #look(): void {
    const { host, isMember, isAgent } = this.#options
    const nowMs = performance.now()
    const agents = new Set<PeerId>()
    const open = host.libp2p.getConnections()
    for (const connection of open) {
      const peer = connection.remotePeer.toString() as PeerId
      if (isMember(peer)) continue
      if (isAgent(peer, addressOf(connection))) {
        agents.add(peer)
        this.#unwantedSinceMs.delete(connection)
        continue
      }
      const sinceMs = this.#unwantedSinceMs.get(connection) ?? nowMs
      this.#unwantedSinceMs.set(connection, sinceMs)
      if (nowMs - sinceMs >= farewellMs) connection.abort(new Error('no grant in force'))
    }
    const still = new Set(open)
    for (const connection of this.#unwantedSinceMs.keys())
      if (!still.has(connection)) this.#unwantedSinceMs.delete(connection)
    this.#connected = agents.size
  }
}
