import type { PrivateKey } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import type { FleetId, PeerId } from '../../../base/ids.ts'
import { AddressBook, parseBootstrap } from './address-book.ts'
import { connectionsTo } from './connections-to.ts'
import { Discovery } from './discovery.ts'
import { Libp2pExchange } from './exchange.ts'
import { RecordBook } from './fleet-record.ts'
import { startAgentHost } from './host.ts'
import { defaultLimits } from './limits.ts'
import { agentExchange } from './start.ts'
import { TickEnd } from './tick-end.ts'

export type AgentLibp2pOptions = {
  readonly privateKey: PrivateKey
  readonly fleet: FleetId
  /** `/ip4/…/tcp/…/p2p/…` of members to ask first. */
  readonly bootstrap: readonly string[]
  /** Pre-shared key of a private network; null: the network is open. */
  readonly networkKey: Uint8Array | null
  /** Epoch of a signed fleet record, or null when it is not one of this fleet's authority. Never throws. */
  verifyRecord(bytes: Uint8Array): number | null
  /** Members that are known; asked again and again. Those of the bootstrap addresses are among them. */
  members(): readonly PeerId[]
}

/** A process on the network of a fleet that is no member: it calls, and is called by nobody. */
export type AgentLibp2p = {
  readonly keys: Libp2pExchange
  readonly agents: Libp2pExchange
  readonly discovery: Discovery
  /** Members that the bootstrap addresses name. */
  readonly bootstrap: readonly PeerId[]
  /** Told of a member where to find it, by another one. */
  learn(peer: PeerId, addresses: readonly string[]): void
  /** Calls a member, unless there is a connection; asks Kademlia for its address where that does not help. */
  connect(peer: PeerId): Promise<boolean>
  stop(): Promise<void>
}

const dialMs = 3_000

/** @throws SlurpError CONFIG_INVALID for a bootstrap address that is none. */
export async function startAgentLibp2p(options: AgentLibp2pOptions): Promise<AgentLibp2p> {
  const { fleet, privateKey, members } = options
  const addresses = new AddressBook(defaultLimits.addressesMax)
  const bootstrap = options.bootstrap.map(text => {
    const { peer, address } = parseBootstrap(text)
    addresses.learn(peer, [address])
    return peer
  })
  const records = new RecordBook(fleet, options.verifyRecord)
  const network = { key: options.networkKey, refused: () => undefined }
  const host = await startAgentHost({
    privateKey,
    fleet,
    record: records.rules(),
    tickEnd: new TickEnd(),
    network,
  })
  const self = peerIdFromPrivateKey(privateKey).toString() as PeerId
  const isMember = (peer: PeerId) => members().includes(peer)
  const keys = new Libp2pExchange({ host, name: 'keys', isMember })
  const agents = new Libp2pExchange({ host, ...agentExchange, isMember })
  const discovery = new Discovery({
    host,
    self,
    members,
    isMember,
    isConnected: peer => agents.isConnected(peer),
    addresses,
    records,
    onAddresses: () => undefined,
  })
  const dial = async (peer: PeerId): Promise<boolean> => {
    const known = addresses.dialable(peer)
    if (known.length === 0) return false
    try {
      await host.libp2p.dial(known, { signal: AbortSignal.timeout(dialMs) })
      return true
    } catch {
      // Down, elsewhere by now, or not willing: all the same to who calls.
      return false
    }
  }
  const isAnybodyThere = () => host.libp2p.getConnections().length > 0
  return {
    keys,
    agents,
    discovery,
    bootstrap,
    learn: (peer, found) => void addresses.learn(peer, found),
    async connect(peer) {
      if (agents.isConnected(peer) || (await dial(peer))) return true
      if (!isAnybodyThere()) return false
      await discovery.findAddresses(peer)
      return await dial(peer)
    },
    async stop() {
      discovery.stop()
      const open = connectionsTo(host.libp2p, self)
      await Promise.allSettled(open.map(each => each.close()))
      await host.libp2p.stop()
    },
  }
}
