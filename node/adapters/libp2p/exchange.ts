import type { Connection, Stream } from '@libp2p/interface'
import type { PeerId } from '../../../base/ids.ts'
import type { Exchange } from '../../ports/exchange.ts'
import { ByteQueue, type Chunk } from './byte-queue.ts'
import { connectionsTo } from './connections-to.ts'
import { sendFramed } from './framed-send.ts'
import type { AgentHost } from './host.ts'
import { crash } from './pursuit.ts'

/** Bytes of one question, and of one answer, at most, where nothing else is said. */
export const exchangeBytesMax = 512 * 1024
const headerBytes = 4
/** From the opening of a stream until its question is there. */
const questionMs = 5_000
const streamsMaxDefault = 16
/** From the first byte of an answer to the last. */
const sendMs = 30_000

export type ExchangeOptions = {
  readonly host: AgentHost
  /** Last part of the protocol's name: `keys`. */
  readonly name: string
  /** Questions at once with one peer, in each direction; one more is as one without an answer. */
  readonly streamsMax?: number
  /** Bytes of one question, and of one answer, at most. */
  readonly questionBytesMax?: number
  readonly answerBytesMax?: number
  isMember(peer: PeerId): boolean
}

/** @param address - IP address that the question comes from, null where there is none. */
export type Answerer = (from: PeerId, question: Uint8Array, address: string | null) => Promise<Uint8Array>

/** One libp2p stream a question: length and bytes, answered by length and bytes. */
export class Libp2pExchange implements Exchange {
  readonly #options: ExchangeOptions
  readonly #protocol: string
  readonly #streamsMax: number
  readonly #questionBytesMax: number
  readonly #answerBytesMax: number
  readonly #answerer = Promise.withResolvers<Answerer>()

  constructor(options: ExchangeOptions) {
    this.#options = options
    this.#protocol = `${options.host.protocolPrefix}/${options.name}/1`
    this.#streamsMax = options.streamsMax ?? streamsMaxDefault
    this.#questionBytesMax = options.questionBytesMax ?? exchangeBytesMax
    this.#answerBytesMax = options.answerBytesMax ?? exchangeBytesMax
    const limits = { maxInboundStreams: this.#streamsMax, maxOutboundStreams: this.#streamsMax }
    const answer = (stream: Stream, connection: Connection) =>
      void this.#answer(stream, connection).catch(failure => stream.abort(failure as Error))
    options.host.libp2p.handle(this.#protocol, answer, limits).catch(crash)
  }

  serve(answer: Answerer): void {
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
    if (connection === undefined || question.length > this.#questionBytesMax) return null
    const signal = AbortSignal.timeout(timeoutMs)
    try {
      const stream = await connection.newStream(this.#protocol, {
        signal,
        maxOutboundStreams: this.#streamsMax,
      })
      const answer = message(stream, timeoutMs, this.#answerBytesMax)
      await sendFramed(stream, question, signal)
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
    const question = await message(stream, questionMs, this.#questionBytesMax)
    if (question === null || !this.#options.isMember(from)) return stream.abort(new Error('no question'))
    const answer = await this.#answerer.promise
    const bytes = await answer(from, question, addressOf(connection))
    if (stream.status !== 'open' || bytes.length > this.#answerBytesMax)
      return stream.abort(new Error('no answer'))
    const signal = AbortSignal.timeout(sendMs)
    await sendFramed(stream, bytes, signal)
    await stream.close({ signal })
  }

  #connectionTo(peer: PeerId): Connection | undefined {
    const open = connectionsTo(this.#options.host.libp2p, peer)
    return open.find(({ status }) => status === 'open')
  }
}

/** IP address at the other end of a connection; null when it has none. */
export const addressOf = ({ remoteAddr }: Pick<Connection, 'remoteAddr'>): string | null =>
  /^\/ip[46]\/([^/]+)/.exec(remoteAddr.toString())?.[1] ?? null

/** One whole message; null when it is too large, comes too late or never. */
function message(stream: Stream, timeoutMs: number, bytesMax: number): Promise<Uint8Array | null> {
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
      if (length > bytesMax) return done(null)
      const bytes = arrived.take(length)
      if (bytes !== null) done(bytes)
    }
    const onClose = () => done(null)
    const timer = setTimeout(() => done(null), timeoutMs)
    stream.addEventListener('close', onClose)
    stream.addEventListener('message', onMessage as (event: Event) => void)
  })
}
