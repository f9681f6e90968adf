import type { PrivateKey } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import type { FleetId, PeerId } from '../../../base/ids.ts'
import { AddressBook, parseBootstrap } from './address-book.ts'
import { AgentConnections } from './agent-connections.ts'
import { Discovery } from './discovery.ts'
import { Libp2pExchange } from './exchange.ts'
import { RecordBook } from './fleet-record.ts'
import { Gossip, newsTopic } from './gossip.ts'
import { GossipStreams } from './gossip-streams.ts'
import type { Hello, VersionRange } from './hello.ts'
import { startHost } from './host.ts'
import { defaultLimits, type NetworkLimits } from './limits.ts'
import { Libp2pNetwork, type LinkGuard } from './network.ts'
import type { News } from './news.ts'
import { type KeyTrouble, KeyTroubles } from './private-network.ts'
import { Questions } from './questions.ts'
import { TickEnd } from './tick-end.ts'

/** What this release speaks (hello.ts). */
export const wireVersions: VersionRange = { from: 3, to: 3 }

export type Libp2pOptions = {
  readonly privateKey: PrivateKey
  readonly fleet: FleetId
  readonly listen: { readonly host: string; readonly port: number }
  /** `/ip4/…/tcp/…/p2p/…` of peers to ask first. */
  readonly bootstrap: readonly string[]
  /** Where members were last known to listen (`onAddresses` of an earlier run). */
  readonly known: Readonly<Record<PeerId, readonly string[]>>
  /** Members of the view in force, this peer among them; asked again and again. */
  members(): readonly { readonly id: PeerId }[]
  /** Epoch of the view in force. */
  epoch(): number
  /** Decides which members may be linked. */
  readonly guard: LinkGuard
  /** Number of this boot of the process. */
  readonly incarnation: number
  /** Epoch of a signed fleet record, or null when it is not one of this fleet's authority. Never throws. */
  verifyRecord(bytes: Uint8Array): number | null
  onAddresses(peer: PeerId, multiaddrs: readonly string[]): void
  /**
   * Somebody was turned away: no member, or refused in the handshake.
   *
   * @param address - multiaddress, where it is known.
   * @param rule - by which a grant that was shown was refused; null where it was something else.
   */
  onTurnedAway?(peer: string, address: string | null, reason: string, rule: string | null): void
  onNews?(from: PeerId, news: News): void
  /** What a peer said of itself when it was let in, its view epoch among it. */
  onHello?(peer: PeerId, hello: Hello): void
  /** Pre-shared key of a private network, in libp2p's form; who has it not gets no word. None: the network is open. */
  readonly networkKey?: Uint8Array | null
  /** A caller has another network key, or only one of both sides has any. At most once a minute for each trouble. */
  onKeyTrouble?(trouble: KeyTrouble, from: string): void
  readonly versions?: VersionRange
  readonly limits?: Partial<NetworkLimits>
}

export type Libp2pPeer = {
  readonly id: PeerId
  /** Idle until `listen` is called on it. */
  readonly network: Libp2pNetwork
  /** Questions about keys. */
  readonly keys: Libp2pExchange
  /** Questions about what is in the search index of another peer. */
  readonly search: Libp2pExchange
  /** Questions of agents. */
  readonly agents: Libp2pExchange
  /** Orders of the leader about sealing anew. */
  readonly reseal: Libp2pExchange
  readonly discovery: Discovery
  readonly gossip: Gossip
  readonly questions: Questions
  /** Multiaddresses, peer id included, on which this peer listens. */
  addresses(): string[]
  counters(): Record<string, number>
  /** Queued frames leave if they can; everything is closed within two seconds. Safe to call twice. */
  stop(): Promise<void>
}

/** How questions of agents are carried: operations and their outcomes, with all that they hold. */
export const agentExchange = {
  name: 'agents',
  streamsMax: 256,
  questionBytesMax: 2 * 2 ** 20,
  answerBytesMax: 16 * 2 ** 20 + 1024,
} as const

const drainMs = 800
const hangUpMs = 400

/**
 * This process as a libp2p peer of its fleet: listens, finds the others, keeps one link to each.
 *
 * @throws SlurpError CONFIG_INVALID for an address that is none.
 * Cost: about a tenth of a second; finding the others goes on in the background.
 */
export async function startLibp2p(options: Libp2pOptions): Promise<Libp2pPeer> {
  const limits = { ...defaultLimits, ...options.limits }
  const self = peerIdFromPrivateKey(options.privateKey).toString() as PeerId
  const { fleet } = options
  const members = () => options.members().map(member => member.id)
  const isMember = (peer: PeerId) =>
    options.members().some(member => member.id === peer) && !options.guard.isBarred(peer)
  const addresses = new AddressBook(limits.addressesMax)
  for (const text of options.bootstrap) {
    const { peer, address } = parseBootstrap(text)
    addresses.learn(peer, [address])
  }
  for (const [peer, known] of Object.entries(options.known)) addresses.learn(peer as PeerId, known)

  const records = new RecordBook(fleet, options.verifyRecord)
  const tickEnd = new TickEnd()
  const onStranger = (peer: string, address: string | null) =>
    options.onTurnedAway?.(peer, address, 'notMember', null)
  const onCrowd = (address: string) => options.onTurnedAway?.('unknown', address, 'tooMany', null)
  const troubles = new KeyTroubles((trouble, from) => options.onKeyTrouble?.(trouble, from))
  let agentConnections: AgentConnections | null = null
  const isAgent = (peer: PeerId, address: string | null) => options.guard.isAgent(peer, address)
  const host = await startHost({
    ...options,
    isMember,
    isAgent: (peer, address) => agentConnections?.isFull !== true && isAgent(peer, address),
    record: records.rules(),
    tickEnd,
    onStranger,
    onCrowd,
    network: { key: options.networkKey ?? null, refused: (trouble, from) => troubles.note(trouble, from) },
  })
  agentConnections = new AgentConnections({ host, isMember, isAgent })
  const isKnown = (peer: PeerId) => isMember(peer) || isAgent(peer, 'notAsked')
  const keys = new Libp2pExchange({ host, name: 'keys', isMember: isKnown })
  const search = new Libp2pExchange({ host, name: 'search', isMember, streamsMax: 128 })
  // Whose grant has just ended still has its connection for a moment, and hears why: the desk judges each question.
  const agents = new Libp2pExchange({ host, ...agentExchange, isMember: peer => !isMember(peer) })
  const reseal = new Libp2pExchange({ host, name: 'reseal', isMember })
  const network = new Libp2pNetwork({
    host,
    self,
    fleet,
    versions: options.versions ?? wireVersions,
    incarnation: options.incarnation,
    epoch: () => options.epoch(),
    isMember,
    members,
    guard: options.guard,
    addresses,
    onHello: (peer, hello) => options.onHello?.(peer, hello),
    onRefusal: (peer, reason, address, rule) => options.onTurnedAway?.(peer, address, reason, rule),
    limits,
    tickEnd,
  })
  const questions = new Questions({ host, isMember, answer: options.guard.answer })
  const discovery = new Discovery({
    host,
    self,
    members,
    isMember,
    isConnected: peer => network.isConnected(peer),
    addresses,
    records,
    onAddresses: (peer, multiaddrs) => {
      network.addressLearnt(peer)
      options.onAddresses(peer, multiaddrs)
    },
  })
  const gossip = new Gossip({
    pubsub: host.libp2p.services.pubsub,
    fleet,
    isMember,
    onNews: (from, news) => options.onNews?.(from, news),
  })
  const gossipStreams = new GossipStreams({ host, topic: newsTopic(fleet), isMember })

  let stopping: Promise<void> | null = null
  const stop = async () => {
    agentConnections.stop()
    discovery.stop()
    gossip.stop()
    gossipStreams.stop()
    await network.stop(drainMs)
    // libp2p destroys what came in through its listener, unsent bytes and all, before it closes connections.
    const late = AbortSignal.timeout(hangUpMs)
    await Promise.allSettled(host.libp2p.getConnections().map(open => open.close({ signal: late })))
    await host.libp2p.stop()
  }
  return {
    id: self,
    network,
    keys,
    search,
    agents,
    reseal,
    discovery,
    gossip,
    questions,
    addresses: () => host.libp2p.getMultiaddrs().map(address => address.toString()),
    counters: () => ({
      ...network.counters(),
      networkKeysRefused: troubles.count,
      agentsConnected: agentConnections.count,
      ...discovery.counters(),
      ...gossip.counters(),
      ...gossipStreams.counters(),
    }),
    stop: () => (stopping ??= stop()),
  }
}
