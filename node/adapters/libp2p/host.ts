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
import { type MeshGossip, newsBytesMax, newsTopic } from './gossip.ts'
import { cachedKeyCrypto } from './noise-crypto.ts'
import { type PrivateNetworkOptions, privateNetwork } from './private-network.ts'
import type { TickEnd } from './tick-end.ts'

const portsTried = 50
const streamsMax = 256
const connectionsMax = 1_000

export type Services = { identify: Identify; ping: Ping; dht: KadDHT; pubsub: GossipSub }
export type Host = {
  readonly libp2p: Libp2p<Services>
  readonly mesh: MeshGossip
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
  /** Somebody who is no member was cut off. @param address - multiaddress that it came from. */
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
  const prefix = `slurp/${options.fleet.slice(0, 16)}`
  const { gater, denied } = membersOnly(options)
  const protector = await privateNetwork(options.network)
  for (const port of await portsToTry(options.listen)) {
    const libp2p = await newLibp2p(options, prefix, gater, protector, port)
    try {
      await libp2p.start()
    } catch (cause) {
      // Somebody took the port between the look at it and now: the next one.
      if (port !== 0 && !(await isFree(options.listen.host, port))) continue
      throw new SlurpError('CONFIG_INVALID', `Cannot listen on ${options.listen.host}.`, { cause })
    }
    return { libp2p, mesh: meshOf(libp2p.services.pubsub), protocolPrefix: `/${prefix}`, denied }
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
    start: false,
    privateKey: options.privateKey,
    addresses: { listen: [`/ip${isIP(host)}/${host}/tcp/${port}`] },
    transports: [tcp()],
    connectionProtector,
    connectionEncrypters: [coalescing(noise({ crypto: cachedKeyCrypto }), options.tickEnd)],
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
    services: {
      identify: identify({ protocolPrefix: prefix, maxInboundStreams: 4, maxOutboundStreams: 4 }),
      ping: ping({ protocolPrefix: prefix, maxInboundStreams: 8, maxOutboundStreams: 8 }),
      dht: kadDHT({
        protocol: `/${prefix}/kad/1.0.0`,
        clientMode: false,
        peerInfoMapper: passthroughMapper,
        maxInboundStreams: streamsMax,
        maxOutboundStreams: streamsMax,
        initialQuerySelfInterval: 200,
        validators: { [options.record.name]: options.record.validate },
        selectors: { [options.record.name]: options.record.select },
      }),
      pubsub: gossipsub({
        D: 2,
        Dlo: 1,
        Dhi: 4,
        Dout: 0,
        heartbeatInterval: 300,
        globalSignaturePolicy: StrictSign,
        allowedTopics: [newsTopic(options.fleet)],
        maxInboundDataLength: newsBytesMax,
        maxInboundStreams: 8,
        maxOutboundStreams: 8,
        maxOutboundBufferSize: 2 ** 20,
        allowPublishToZeroTopicPeers: true,
        // Peers of one fleet may share one address; that is no attack.
        scoreParams: { IPColocationFactorWeight: 0 },
      }),
    },
  })
}

function membersOnly({
  isMember,
  onStranger,
  onCrowd,
}: Pick<HostOptions, 'isMember' | 'onStranger' | 'onCrowd'>): {
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
      const isDenied = isStranger(id)
      if (isDenied) onStranger?.(id.toString(), connection.remoteAddr.toString())
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

/** Gossipsub shows its mesh only on the class, not in the type that it exports. */
function meshOf(pubsub: GossipSub): MeshGossip {
  if (!('getMeshPeers' in pubsub)) throw new SlurpError('INTERNAL', 'This gossipsub does not show its mesh.')
  return pubsub as MeshGossip
}
