import type { Connection, Libp2p, Stream } from '@libp2p/interface'
import type { PeerId } from '../../../base/ids.ts'
import type { AddressBook } from './address-book.ts'
import { connectionsTo } from './connections-to.ts'
import { type Handshake, openHandshake } from './handshake.ts'
import type { Hello } from './hello.ts'
import type { NetworkLimits } from './limits.ts'

/** Streams of the peer protocol on one connection. One stands; another replaces it when that one died unnoticed. */
export const streamsMax = 4

export type PursuitOptions = {
  readonly libp2p: Pick<Libp2p, 'dial' | 'getConnections'>
  readonly protocol: string
  readonly addresses: AddressBook
  readonly limits: NetworkLimits
  /** Ends every attempt under way. */
  readonly signal: AbortSignal
  /** Whether this side opens the stream of the pair; the other side only sees to a connection. */
  opens(peer: PeerId): boolean
  /** False once there is a link, or the peer is no member any more. */
  wanted(peer: PeerId): boolean
  hello(): Hello
  /** Whether a peer that says this on a connection may be linked. */
  admits(theirs: Hello, connection: Connection): Promise<string | null>
  shaken(connection: Connection, stream: Stream, handshake: Handshake): void
  count(name: string): void
}

/** Goes after a link with one member, for ever, with growing pauses. */
export class Pursuit {
  private readonly peer: PeerId
  private readonly options: PursuitOptions
  private dialing = false
  private opening = false
  private failures = 0
  private timer: NodeJS.Timeout | null = null

  constructor(peer: PeerId, options: PursuitOptions) {
    this.peer = peer
    this.options = options
  }

  /** The next attempt comes after `waitMs`, instead of when it was planned before. */
  resumeIn(waitMs: number): void {
    if (this.options.signal.aborted) return
    if (this.timer !== null) clearTimeout(this.timer)
    this.timer = setTimeout(() => {
      this.timer = null
      this.attempt().catch(crash)
    }, waitMs)
  }

  /** Things have changed: pauses start short again. */
  forgive(): void {
    this.failures = 0
  }

  pause(): void {
    if (this.timer !== null) clearTimeout(this.timer)
    this.timer = null
  }

  private get wanted(): boolean {
    return !this.options.signal.aborted && this.options.wanted(this.peer)
  }

  private async attempt(): Promise<void> {
    if (!this.wanted) return
    const connections = connectionsTo(this.options.libp2p, this.peer)
    const standing = connections.find(connection => connection.status === 'open')
    // A connection may come in while a dial of ours still waits for a dead address.
    if (standing === undefined) await this.dial()
    else if (this.options.opens(this.peer)) await this.open(standing)
    if (!this.wanted || this.dialing || this.opening) return
    const { redialMsMin, redialMsMax } = this.options.limits
    const wait = Math.min(redialMsMax, redialMsMin * 2 ** Math.min(this.failures, 16))
    this.failures += 1
    this.resumeIn(jittered(wait))
  }

  /** The connection that comes of it reports itself to the network, which resumes us. */
  private async dial(): Promise<void> {
    const addresses = this.options.addresses.dialable(this.peer)
    if (this.dialing || addresses.length === 0) return
    this.options.count('dials')
    this.dialing = true
    try {
      await this.options.libp2p.dial(addresses, { signal: this.deadline(this.options.limits.dialMs) })
    } catch {
      // Down, moved, or it refuses us: all the same to us, we ask again.
      this.options.count('dialsFailed')
    } finally {
      this.dialing = false
    }
  }

  private async open(connection: Connection): Promise<void> {
    if (this.opening) return
    this.opening = true
    try {
      const stream = await this.newStream(connection)
      if (stream === null) return
      const { hello, limits, admits } = this.options
      const handshake = await openHandshake(stream, hello(), limits, theirs => admits(theirs, connection))
      if (handshake.kind === 'failed' && handshake.cause === 'late') {
        connection.abort(new Error('no hello in time'))
      }
      this.options.shaken(connection, stream, handshake)
    } finally {
      this.opening = false
    }
  }

  private async newStream(connection: Connection): Promise<Stream | null> {
    try {
      const signal = this.deadline(this.options.limits.helloMs)
      return await connection.newStream(this.options.protocol, { signal, maxOutboundStreams: streamsMax })
    } catch (cause) {
      this.options.count('streamsFailed')
      // A peer that is still starting answers; whoever does not answer needs a new connection.
      const answered = cause instanceof Error && cause.name === 'UnsupportedProtocolError'
      if (!answered) connection.abort(new Error('no stream in time'))
      return null
    }
  }

  private deadline(ms: number): AbortSignal {
    return AbortSignal.any([AbortSignal.timeout(ms), this.options.signal])
  }
}

/** Half of it to all of it, so that a fleet does not dial in step. */
export const jittered = (ms: number): number => ms * (0.5 + Math.random() / 2)

/** What no failure of a peer explains is a bug of ours, and must not vanish in a promise. */
export function crash(cause: unknown): void {
  setImmediate(() => {
    throw cause
  })
}
