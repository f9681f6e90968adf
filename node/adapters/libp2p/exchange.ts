import type { Connection, Stream } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import type { PeerId } from '../../../base/ids.ts'
import type { Exchange } from '../../ports/exchange.ts'
import { ByteQueue, type Chunk } from './byte-queue.ts'
import type { Host } from './host.ts'
import { crash } from './pursuit.ts'

/** Bytes of one question, and of one answer, at most. */
export const exchangeBytesMax = 512 * 1024
const headerBytes = 4
/** From the opening of a stream until its question is there. */
const questionMs = 5_000
const streamsMaxDefault = 16

export type ExchangeOptions = {
  readonly host: Host
  /** Last part of the protocol's name: `keys`. */
  readonly name: string
  /** Questions at once with one peer, in each direction; one more is as one without an answer. */
  readonly streamsMax?: number
  isMember(peer: PeerId): boolean
}

/** One libp2p stream a question: length and bytes, answered by length and bytes. */
export class Libp2pExchange implements Exchange {
  readonly #options: ExchangeOptions
  readonly #protocol: string
  readonly #streamsMax: number
  readonly #answerer = Promise.withResolvers<Parameters<Exchange['serve']>[0]>()

  constructor(options: ExchangeOptions) {
    this.#options = options
    this.#protocol = `${options.host.protocolPrefix}/${options.name}/1`
    this.#streamsMax = options.streamsMax ?? streamsMaxDefault
    const limits = { maxInboundStreams: this.#streamsMax, maxOutboundStreams: this.#streamsMax }
    const answer = (stream: Stream, connection: Connection) =>
      void this.#answer(stream, connection).catch(failure => stream.abort(failure as Error))
    options.host.libp2p.handle(this.#protocol, answer, limits).catch(crash)
  }

  serve(answer: Parameters<Exchange['serve']>[0]): void {
    this.#answerer.resolve(answer)
  }

  isConnected(peer: PeerId): boolean {
    return this.#connectionTo(peer) !== undefined
  }

  listen(connected: (peer: PeerId) => void): void {
    this.#options.host.libp2p.addEventListener('connection:open', event => {
      const peer = (event as CustomEvent<Connection>).detail.remotePeer.toString() as PeerId
      if (this.#options.isMember(peer)) connected(peer)
    })
  }

  async ask(to: PeerId, question: Uint8Array, timeoutMs: number): Promise<Uint8Array | null> {
    const connection = this.#connectionTo(to)
    if (connection === undefined || question.length > exchangeBytesMax) return null
    const signal = AbortSignal.timeout(timeoutMs)
    try {
      const stream = await connection.newStream(this.#protocol, {
        signal,
        maxOutboundStreams: this.#streamsMax,
      })
      const answer = message(stream, timeoutMs)
      stream.send(framed(question))
      const bytes = await answer
      if (bytes === null) stream.abort(new Error('no answer'))
      else await stream.close({ signal })
      return bytes
    } catch {
      // Gone, late or not spoken there: all the same to who asks, who asks somebody else.
      return null
    }
  }

  async #answer(stream: Stream, connection: Connection): Promise<void> {
    const from = connection.remotePeer.toString() as PeerId
    const question = await message(stream, questionMs)
    if (question === null || !this.#options.isMember(from)) return stream.abort(new Error('no question'))
    const answer = await this.#answerer.promise
    const bytes = await answer(from, question)
    if (stream.status !== 'open' || bytes.length > exchangeBytesMax)
      return stream.abort(new Error('no answer'))
    stream.send(framed(bytes))
    await stream.close()
  }

  #connectionTo(peer: PeerId): Connection | undefined {
    const open = this.#options.host.libp2p.getConnections(peerIdFromString(peer))
    return open.find(({ status }) => status === 'open')
  }
}

function framed(bytes: Uint8Array): Uint8Array {
  const header = Buffer.alloc(headerBytes)
  header.writeUInt32BE(bytes.length)
  return Buffer.concat([header, bytes])
}

/** One whole message; null when it is too large, comes too late or never. */
function message(stream: Stream, timeoutMs: number): Promise<Uint8Array | null> {
  return new Promise(resolve => {
    const arrived = new ByteQueue()
    let length: number | null = null
    const done = (bytes: Uint8Array | null) => {
      clearTimeout(timer)
      stream.removeEventListener('message', onMessage)
      stream.removeEventListener('close', onClose)
      resolve(bytes)
    }
    const onMessage = (event: Event & { data: Chunk }) => {
      arrived.push(event.data)
      length ??= arrived.length < headerBytes ? null : Buffer.from(arrived.take(headerBytes)!).readUInt32BE()
      if (length === null) return
      if (length > exchangeBytesMax) return done(null)
      const bytes = arrived.take(length)
      if (bytes !== null) done(bytes)
    }
    const onClose = () => done(null)
    const timer = setTimeout(() => done(null), timeoutMs)
    stream.addEventListener('close', onClose)
    stream.addEventListener('message', onMessage as (event: Event) => void)
  })
}
