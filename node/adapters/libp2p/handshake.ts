import type { Stream } from '@libp2p/interface'
import { ByteQueue } from './byte-queue.ts'
import {
  commonVersion,
  decodeHelloMessage,
  encodeHello,
  encodeRefusal,
  type Hello,
  type HelloMessage,
  helloHeaderBytes,
  objection,
  type RefusalReason,
} from './hello.ts'
import type { NetworkLimits } from './limits.ts'

export type Handshake =
  | { readonly kind: 'admitted'; readonly theirs: Hello; readonly version: number; readonly rest: ByteQueue }
  /** `by`: who said no. `rule`: for this side alone, by which rule a grant was refused. The stream is aborted. */
  | {
      readonly kind: 'refused'
      readonly reason: RefusalReason
      readonly by: 'us' | 'them'
      readonly rule: string | null
    }
  /** Closed, or silent past `helloMs`. The stream is aborted. */
  | { readonly kind: 'failed'; readonly cause: 'closed' | 'late' }

type Heard =
  | { readonly kind: 'message'; readonly message: HelloMessage; readonly rest: ByteQueue }
  | { readonly kind: 'malformed' }
  | { readonly kind: 'closed' }
  | { readonly kind: 'late' }

/** Whether the other side's hello, which fits ours so far, is from who may be linked: null, or the rule that refuses it. */
export type Admits = (theirs: Hello) => Promise<string | null>

/** The side that opened the stream speaks first. Never rejects. */
export async function openHandshake(
  stream: Stream,
  ours: Hello,
  limits: NetworkLimits,
  admits: Admits,
): Promise<Handshake> {
  if (!sendBytes(stream, encodeHello(ours))) return { kind: 'failed', cause: 'closed' }
  return await conclude(stream, await hear(stream, limits), ours, admits)
}

/**
 * The side that was called hears first, and answers a stranger with nothing but a refusal. Never rejects.
 *
 * @param veto - why the caller is refused whatever its hello says; null to judge by the hello. Asked after the
 * hello was heard: a refusal before that would reset the stream under the caller's own negotiation.
 */
export async function answerHandshake(
  stream: Stream,
  ours: () => Hello,
  limits: NetworkLimits,
  veto: () => RefusalReason | null,
  admits: Admits,
): Promise<Handshake> {
  const heard = await hear(stream, limits)
  const vetoed = heard.kind === 'message' ? veto() : null
  if (vetoed !== null) return refuse(stream, vetoed)
  const said = ours()
  const outcome = await conclude(stream, heard, said, admits)
  if (outcome.kind !== 'admitted') return outcome
  return sendBytes(stream, encodeHello(said)) ? outcome : { kind: 'failed', cause: 'closed' }
}

async function conclude(stream: Stream, heard: Heard, ours: Hello, admits: Admits): Promise<Handshake> {
  if (heard.kind === 'malformed') return refuse(stream, 'malformed')
  if (heard.kind !== 'message') {
    stream.abort(new Error(`no hello: ${heard.kind}`))
    return { kind: 'failed', cause: heard.kind }
  }
  if (heard.message.kind === 'refusal') {
    stream.abort(new Error('refused'))
    return { kind: 'refused', reason: heard.message.reason, by: 'them', rule: null }
  }
  const theirs = heard.message.hello
  const reason = objection(ours, theirs)
  if (reason !== null) return refuse(stream, reason)
  const rule = await admits(theirs)
  // Which rule it was is for the log of this side: a stranger gets no more than that it is refused.
  if (rule !== null) return refuse(stream, 'grantRefused', rule)
  const version = commonVersion(ours.versions, theirs.versions)!
  return { kind: 'admitted', theirs, version, rest: heard.rest }
}

function refuse(stream: Stream, reason: RefusalReason, rule: string | null = null): Handshake {
  sendBytes(stream, encodeRefusal(reason))
  stream.abort(new Error(`refused: ${reason}`))
  return { kind: 'refused', reason, by: 'us', rule }
}

/** @returns false when the stream no longer takes bytes: it closed under us. */
function sendBytes(stream: Stream, bytes: Uint8Array): boolean {
  if (stream.status !== 'open') return false
  try {
    stream.send(bytes)
    return true
  } catch (cause) {
    stream.abort(cause instanceof Error ? cause : new Error('the stream takes no bytes'))
    return false
  }
}

/** Waits for one whole hello message. Bytes after it are in `rest`, later ones wait in the stream. */
function hear(stream: Stream, limits: NetworkLimits): Promise<Heard> {
  return new Promise(resolve => {
    const arrived = new ByteQueue()
    let length: number | null = null
    const done = (heard: Heard) => {
      clearTimeout(timer)
      stream.removeEventListener('message', onMessage)
      stream.removeEventListener('close', onClose)
      resolve(heard)
    }
    const onMessage = (event: Event & { data: Parameters<ByteQueue['push']>[0] }) => {
      arrived.push(event.data)
      if (length === null) {
        const header = arrived.take(helloHeaderBytes)
        if (header === null) return
        length = header[0]! * 256 + header[1]!
        if (length > limits.helloBytesMax) return done({ kind: 'malformed' })
      }
      const body = arrived.take(length)
      if (body === null) return
      const message = decodeHelloMessage(body)
      done(message === null ? { kind: 'malformed' } : { kind: 'message', message, rest: arrived })
    }
    const onClose = () => done({ kind: 'closed' })
    const timer = setTimeout(() => done({ kind: 'late' }), limits.helloMs)
    if (stream.status !== 'open') return done({ kind: 'closed' })
    stream.addEventListener('close', onClose)
    stream.addEventListener('message', onMessage)
  })
}
