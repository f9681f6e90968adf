import type { Libp2p, ServiceMap, Stream } from '@libp2p/interface'
import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p, type ServiceFactoryMap } from 'libp2p'
import { ByteQueue } from '../../../node/adapters/libp2p/byte-queue.ts'
import { decodeHelloMessage, type HelloMessage } from '../../../node/adapters/libp2p/hello.ts'
import type { Libp2pPeer } from '../../../node/adapters/libp2p/start.ts'
import { type Identity, testFleet } from './fleet.ts'

/** In front of every protocol of the fleet. */
export const protocolPrefix = `slurp/${testFleet.slice(0, 16)}`
export const peerProtocol = `/${protocolPrefix}/peer/1.0.0`

/** A libp2p host that is not ours: it has a key, and says to the peer protocol whatever a test wants. */
export function startRawPeer<T extends ServiceMap>(
  self: Identity,
  services: ServiceFactoryMap<T> = {} as ServiceFactoryMap<T>,
): Promise<Libp2p<T>> {
  return createLibp2p<T>({
    privateKey: self.key,
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionMonitor: { enabled: false },
    services,
  })
}

export const dialRaw = (raw: Libp2p, target: Libp2pPeer): Promise<Stream> =>
  raw.dialProtocol(multiaddr(target.addresses()[0]!), peerProtocol)

/** What the other side says in its hello, or null when it closes without a word. */
export function hearHello(stream: Stream): Promise<HelloMessage | null> {
  return new Promise(resolve => {
    const arrived = new ByteQueue()
    stream.addEventListener('message', event => {
      arrived.push(event.data)
      if (arrived.length < 2) return
      const length = arrived.peekUint32()
      if (length === null || arrived.length < 2 + (length >>> 16)) return
      arrived.take(2)
      resolve(decodeHelloMessage(arrived.take(length >>> 16)!))
    })
    stream.addEventListener('close', () => resolve(null))
    if (stream.status !== 'open' && stream.readBufferLength === 0) resolve(null)
  })
}

export const closed = (stream: Stream): Promise<void> =>
  new Promise(resolve => {
    if (stream.status !== 'open') resolve()
    else stream.addEventListener('close', () => resolve())
  })
