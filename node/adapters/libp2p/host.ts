import { createServer, isIP } from 'node:net'
import { type GossipSub, gossipsub, StrictSign } from '@libp2p/gossipsub'
import { type Identify, identify } from '@libp2p/identify'
import type {
  ConnectionGater,
  ConnectionProtector,
  Libp2p,
  PeerId as Libp2pPeerId,
  PrivateKey,
} from '@libp2p/interface'
import { type KadDHT, kadDHT, passthroughMapper } from '@libp2p/kad-dht'
import { noise } from '@libp2p/noise'
import { type Ping, ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { createLibp2p } from 'libp2p'
import { SlurpError } from '../../../base/errors.ts'
import type { FleetId, PeerId } from '../../../base/ids.ts'
import { Callers } from './callers.ts'
import { coalescing } from './coalescing.ts'
import { addressOf } from './exchange.ts'
import { newsTopic } from './gossip.ts'
import { cachedKeyCrypto } from './noise-crypto.ts'
import { type PrivateNetworkOptions, privateNetwork } from './private-network.ts'
import type { TickEnd } from './tick-end.ts'

const portsTried = 50
const streamsMax = 256
/** Of what gossip says at once, and of what waits to be said. */
const gossipBytesMax = 2 ** 20
const connectionsMax = 1_000

/** What members and agents have alike; only members take part in gossip. */
export type BaseServices = { identify: Identify; ping: Ping; dht: KadDHT }
export type Services = BaseServices & { pubsub: GossipSub }
export type Host = {
  readonly libp2p: Libp2p<Services>
  /** In front of every protocol of this fleet: two fleets on one machine share no protocol at all. */
  readonly protocolPrefix: string
  /** Connections refused because the other end is no member. */
  denied(): number
}

/** Decides over records that others put into the Kademlia table (discovery.ts). */
export type RecordRules = {
  readonly name: string
  /** @throws when the record is not to be kept. */
  validate(key: Uint8Array, value: Uint8Array): void
  /** @returns the index of the best. */
  select(key: Uint8Array, values: Uint8Array[]): number
}

export type HostOptions = {
  readonly privateKey: PrivateKey
  readonly fleet: FleetId
  /** An IP address, and the port wanted; the next free one is taken when it is not free. 0: any. */
  readonly listen: { readonly host: string; readonly port: number }
  isMember(peer: PeerId): boolean
  /** Whether who is no member may call all the same. @param address - IP address that it calls from. */
  isAgent(peer: PeerId, address: string | null): boolean
  /** Somebody who is neither was cut off. @param address - multiaddress that it came from. */
  onStranger?(peer: string, address: string | null): void
  /** An address has too many connections; one more was closed. */
  onCrowd?(address: string): void
  readonly record: RecordRules
  readonly tickEnd: TickEnd
  readonly network: PrivateNetworkOptions
}

/**
 * A libp2p peer of one fleet, listening. Who is no member is cut off as soon as its key is known, which is
 * after the Noise handshake and before any protocol.
 *
 * @throws SlurpError CONFIG_INVALID when the address cannot be listened on at all.
 */
export async function startHost(options: HostOptions): Promise<Host> {
  const prefix = prefixOf(options.fleet)
  const { gater, denied } = membersOnly(options)
  const protector = await privateNetwork(options.network)
  for (const port of await portsToTry(options.listen)) {
    const libp2p = await newLibp2p(options, prefix, gater, protector, port)
    try {
      await libp2p.start()
    } catch (cause) {
      await libp2p.stop()
      // Somebody took the port after the look at it, be it for a moment: the next one.
      if (port !== 0) continue
      throw new SlurpError('CONFIG_INVALID', `No port of ${options.listen.host} can be listened on.`, {
        hint: '`slurp up --host` takes an address of this machine.',
        cause,
      })
    }
    return { libp2p, protocolPrefix: `/${prefix}`, denied }
  }
  throw new SlurpError('CONFIG_INVALID', `No free port on ${options.listen.host}.`)
}

function newLibp2p(
  options: HostOptions,
  prefix: string,
  connectionGater: ConnectionGater,
  connectionProtector: () => ConnectionProtector,
  port: number,
) {
  const { host } = options.listen
  return createLibp2p<Services>({
    ...connecting(options, prefix, connectionGater, connectionProtector),
    addresses: { listen: [`/ip${isIP(host)}/${host}/tcp/${port}`] },
    services: {
      ...baseServices(prefix, options.record, false),
      pubsub: gossipsub({
        D: 2,
        Dlo: 1,
        Dhi: 4,
        Dout: 0,
        heartbeatInterval: 300,
        globalSignaturePolicy: StrictSign,
        allowedTopics: [newsTopic(options.fleet)],
        // Of one frame, which holds many news and many names of news. One that is longer ends the stream for good.
        maxInboundDataLength: gossipBytesMax,
        maxInboundStreams: 8,
        maxOutboundStreams: 8,
        maxOutboundBufferSize: gossipBytesMax,
        allowPublishToZeroTopicPeers: true,
        floodPublish: true,
        // Peers of one fleet may share one address, and one that was killed owes what it announced; that is no attack. Who
        // is punished is in nobody's mesh for a minute. Floods of a member are cut short where news is heard.
        scoreParams: { IPColocationFactorWeight: 0, behaviourPenaltyWeight: 0 },
      }),
    },
  })
}

/** How a process of a fleet connects: members and agents alike. */
function connecting(
  { privateKey, tickEnd }: Pick<HostOptions, 'privateKey' | 'tickEnd'>,
  prefix: string,
  connectionGater: ConnectionGater,
  connectionProtector: () => ConnectionProtector,
) {
  return {
    start: false,
    privateKey,
    transports: [tcp()],
    connectionProtector,
    connectionEncrypters: [coalescing(noise({ crypto: cachedKeyCrypto }), tickEnd)],
    streamMuxers: [
      yamux({
        maxInboundStreams: streamsMax,
        maxOutboundStreams: streamsMax,
        // A link keeps its own queue; what a stream buffers beyond its window stays small.
        streamOptions: { maxStreamWindowSize: 2 * 2 ** 20, maxWriteBufferLength: 4 * 2 ** 20 },
      }),
    ],
    connectionGater,
    connectionManager: {
      maxConnections: connectionsMax,
      // All peers of a fleet may share one host, and all reconnect at once after a restart.
      inboundConnectionThreshold: connectionsMax,
      maxIncomingPendingConnections: connectionsMax,
      dialTimeout: 8_000,
      addressDialTimeout: 2_000,
      // The network redials its members by itself.
      reconnectRetries: 0,
    },
    // Links have a pulse of their own; this one finds dead connections without a link.
    connectionMonitor: { protocolPrefix: prefix, pingInterval: 15_000 },
  }
}

function baseServices(prefix: string, record: RecordRules, clientMode: boolean) {
  return {
    identify: identify({ protocolPrefix: prefix, maxInboundStreams: 4, maxOutboundStreams: 4 }),
    ping: ping({ protocolPrefix: prefix, maxInboundStreams: 8, maxOutboundStreams: 8 }),
    dht: kadDHT({
      protocol: `/${prefix}/kad/1.0.0`,
      clientMode,
      peerInfoMapper: passthroughMapper,
      maxInboundStreams: streamsMax,
      maxOutboundStreams: streamsMax,
      initialQuerySelfInterval: 200,
      validators: { [record.name]: record.validate },
      selectors: { [record.name]: record.select },
    }),
  }
}

export type AgentHost = Pick<Host, 'protocolPrefix'> & { readonly libp2p: Libp2p<BaseServices> }

/**
 * An agent of a fleet: it listens nowhere, asks Kademlia and answers nothing, and takes no part in gossip. Whom it calls has
 * to prove that it is a member before it is told anything.
 */
export async function startAgentHost(
  options: Pick<HostOptions, 'privateKey' | 'fleet' | 'record' | 'tickEnd' | 'network'>,
): Promise<AgentHost> {
  const prefix = prefixOf(options.fleet)
  const protector = await privateNetwork(options.network)
  const libp2p = await createLibp2p<BaseServices>({
    ...connecting(options, prefix, { denyInboundConnection: () => true }, protector),
    addresses: { listen: [] },
    services: baseServices(prefix, options.record, true),
  })
  await libp2p.start()
  return { libp2p, protocolPrefix: `/${prefix}` }
}

const prefixOf = (fleet: FleetId): string => `slurp/${fleet.slice(0, 16)}`

function membersOnly({
  isMember,
  isAgent,
  onStranger,
  onCrowd,
}: Pick<HostOptions, 'isMember' | 'isAgent' | 'onStranger' | 'onCrowd'>): {
  gater: ConnectionGater
  denied: () => number
} {
  let denials = 0
  const callers = new Callers(address => onCrowd?.(address))
  const isStranger = (id: Libp2pPeerId) => {
    const stranger = !isMember(id.toString() as PeerId)
    if (stranger) denials += 1
    return stranger
  }
  const gater: ConnectionGater = {
    denyDialPeer: isStranger,
    denyInboundConnection: connection => callers.isTooMany(connection),
    denyInboundEncryptedConnection: (id, connection) => {
      const peer = id.toString() as PeerId
      if (!isMember(peer) && isAgent(peer, addressOf(connection))) return false
      const isDenied = isStranger(id)
      if (isDenied) onStranger?.(peer, connection.remoteAddr.toString())
      return isDenied
    },
    denyOutboundEncryptedConnection: isStranger,
    filterMultiaddrForPeer: id => isMember(id.toString() as PeerId),
  }
  return { gater, denied: () => denials }
}

/** The wanted port if it is free, else the next free ones above it, at last any. */
async function portsToTry(listen: HostOptions['listen']): Promise<number[]> {
  if (isIP(listen.host) === 0) {
    throw new SlurpError('CONFIG_INVALID', `Not an IP address to listen on: ${listen.host.slice(0, 64)}`)
  }
  const free: number[] = []
  for (let port = listen.port; port !== 0 && port <= Math.min(listen.port + portsTried, 65_535); port++) {
    if (await isFree(listen.host, port)) free.push(port)
    if (free.length === 3) break
  }
  return [...free, 0]
}

function isFree(host: string, port: number): Promise<boolean> {
  return new Promise(resolve => {
    const probe = createServer()
    probe.once('error', () => resolve(false))
    probe.listen({ host, port, exclusive: true }, () => probe.close(() => resolve(true)))
  })
}
