import type { Connection, Stream } from '@libp2p/interface'
import { SlurpError } from '../../../base/errors.ts'
import type { PeerId } from '../../../base/ids.ts'
import { ByteQueue } from './byte-queue.ts'
import { connectionsTo } from './connections-to.ts'
import { sendFramed } from './framed-send.ts'
import type { Host } from './host.ts'
import { crash } from './pursuit.ts'

export type QuestionOptions = {
  readonly host: Host
  isMember(peer: PeerId): boolean
  /** @returns null when it was no question; then there is no answer. */
  answer(from: PeerId, question: Uint8Array): Promise<Uint8Array | null>
}

const headerBytes = 4
const messageBytesMax = 8 * 2 ** 20
const answerMs = 10_000
/** Questions of one peer that are answered at a time. */
const streamsMax = 4

/**
 * Questions of members about grants, apart from the links: a member without a grant in force is linked by nobody, and
 * has to be able to ask for one. One question and one answer on a stream, each with its length in front (32 bits).
 */
export class Questions {
  readonly #options: QuestionOptions
  readonly #protocol: string

  constructor(options: QuestionOptions) {
    this.#options = options
    this.#protocol = `${options.host.protocolPrefix}/grants/1`
    const handler = (stream: Stream, connection: Connection) =>
      void this.#hear(stream, connection).catch(crash)
    const streams = { maxInboundStreams: streamsMax, maxOutboundStreams: streamsMax }
    options.host.libp2p.handle(this.#protocol, handler, streams).catch(crash)
  }

  /** Members to whom there is a connection. */
  peers(): PeerId[] {
    const connected = this.#options.host.libp2p
      .getConnections()
      .map(open => open.remotePeer.toString() as PeerId)
    return [...new Set(connected)].filter(peer => this.#options.isMember(peer))
  }

  /** @throws SlurpError QUORUM_UNREACHED when there is no connection, or no answer in time. */
  async ask(peer: PeerId, question: Uint8Array): Promise<Uint8Array> {
    const signal = AbortSignal.timeout(answerMs)
    try {
      const [connection] = connectionsTo(this.#options.host.libp2p, peer)
      const stream = await connection?.newStream(this.#protocol, { signal, maxOutboundStreams: streamsMax })
      if (stream === undefined) throw new Error('no connection')
      const answer = await conversation(stream, signal, async hear => {
        await sendFramed(stream, question, signal)
        return await hear()
      })
      if (answer !== null) return answer
    } catch (cause) {
      throw new SlurpError('QUORUM_UNREACHED', 'A peer did not answer a question about grants.', { cause })
    }
    throw new SlurpError('QUORUM_UNREACHED', 'A peer gave no answer to a question about grants.')
  }

  async #hear(stream: Stream, connection: Connection): Promise<void> {
    const from = connection.remotePeer.toString() as PeerId
    const signal = AbortSignal.timeout(answerMs)
    if (!this.#options.isMember(from)) return void stream.abort(new Error('no member'))
    try {
      await conversation(stream, signal, async hear => {
        const question = await hear()
        const answer = question === null ? null : await this.#options.answer(from, question)
        if (answer === null) throw new Error('no question')
        await sendFramed(stream, answer, signal)
        return answer
      })
    } catch (failure) {
      // Whatever went wrong, who asked hears nothing more than that.
      stream.abort(failure instanceof Error ? failure : new Error('no answer'))
    }
  }
}

/** Listens from the start, so that nothing that arrives early is lost. */
async function conversation(
  stream: Stream,
  signal: AbortSignal,
  talk: (hear: () => Promise<Uint8Array | null>) => Promise<Uint8Array | null>,
): Promise<Uint8Array | null> {
  const arrived = new ByteQueue()
  const heard = Promise.withResolvers<Uint8Array | null>()
  const onMessage = (event: Event & { data: Parameters<ByteQueue['push']>[0] }) => {
    arrived.push(event.data)
    const length = arrived.peekUint32()
    if (length === null) return
    if (length > messageBytesMax) return heard.resolve(null)
    if (arrived.length < headerBytes + length) return
    arrived.take(headerBytes)
    heard.resolve(arrived.take(length))
  }
  const end = () => heard.resolve(null)
  stream.addEventListener('message', onMessage)
  stream.addEventListener('close', end)
  stream.addEventListener('remoteCloseWrite', end)
  signal.addEventListener('abort', end)
  try {
    const said = await talk(() => heard.promise)
    await stream.close({ signal })
    return said
  } finally {
    stream.removeEventListener('message', onMessage)
    stream.removeEventListener('close', end)
    stream.removeEventListener('remoteCloseWrite', end)
    signal.removeEventListener('abort', end)
    if (stream.status === 'open') stream.abort(new Error('the conversation is over'))
  }
}
