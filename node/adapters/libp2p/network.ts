import { performance } from 'node:perf_hooks'
import type { Connection, Stream } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { assert } from '../../../base/assert.ts'
import type { FleetId, PeerId } from '../../../base/ids.ts'
import type { Network, NetworkListener } from '../../ports/ports.ts'
import type { AddressBook } from './address-book.ts'
import { answerHandshake, type Handshake, openHandshake } from './handshake.ts'
import type { Hello, RefusalReason, VersionRange } from './hello.ts'
import type { Host } from './host.ts'
import type { NetworkLimits } from './limits.ts'
import { Link, type LinkCounts, type LinkEvents, type LinkLoss } from './link.ts'
import type { TickEnd } from './tick-end.ts'

export type NetworkOptions = {
  readonly host: Host
  readonly self: PeerId
  readonly fleet: FleetId
  readonly versions: VersionRange
  readonly incarnation: number
  epoch(): number
  isMember(peer: PeerId): boolean
  members(): Iterable<PeerId>
  readonly addresses: AddressBook
  /** What an admitted peer said of itself; before its `peerConnected`. */
  onHello?(peer: PeerId, hello: Hello): void
  readonly limits: NetworkLimits
  readonly tickEnd: TickEnd
}

/** What this process does to stay linked with one member. */
type Pursuit = {
  link: Link | null
  /** A dial or a handshake that we began is under way. */
  busy: boolean
  failures: number
  timer: NodeJS.Timeout | null
}

const tickMs = 250

/**
 * One link to every member that can be reached, for as long as the process runs.
 *
 * Both sides dial, but only the one with the smaller peer id opens the stream that becomes the link, on
 * whichever connection there is. So two streams never compete, and no tie needs breaking; a newer stream from
 * that side replaces an older one (docs/decisions/010).
 */
export class Libp2pNetwork implements Network {
  private readonly options: NetworkOptions
  private readonly protocol: string
  private readonly pursuits = new Map<PeerId, Pursuit>()
  private readonly linkEvents: LinkEvents
  private readonly linkCounts: LinkCounts = {
    framesSent: 0,
    bytesSent: 0,
    writes: 0,
    drains: 0,
    framesReceived: 0,
    bytesReceived: 0,
  }
  private readonly counts = new Map<string, number>()
  private listener: NetworkListener | null = null
  private ticking: NodeJS.Timeout | null = null
  private stopped = false
  private readonly aborts = new AbortController()

  constructor(options: NetworkOptions) {
    this.options = options
    this.protocol = `${options.host.protocolPrefix}/peer/1.0.0`
    this.linkEvents = {
      frameArrived: (link, frame) => this.listener!.frameArrived(link.peer, frame),
      lost: (link, loss) => this.linkLost(link, loss),
      wantsFlush: link => options.tickEnd.make(() => link.flush()),
    }
  }

  /** From here on members are dialled and let in. Called once. */
  listen(listener: NetworkListener): void {
    assert(this.listener === null, 'a network has one listener')
    this.listener = listener
    const { libp2p } = this.options.host
    const answered = libp2p.handle(
      this.protocol,
      (stream, connection) => void this.answer(stream, connection).catch(crash),
      {
        // Only one may stand; a replacement comes while the old one is not known to be dead.
        maxInboundStreams: 4,
        maxOutboundStreams: 4,
      },
    )
    answered.catch(crash)
    libp2p.addEventListener('connection:open', this.connectionOpened)
    this.ticking = setInterval(() => this.tick(), tickMs)
    this.tick()
  }

  send(to: PeerId, frame: Uint8Array): boolean {
    assert(frame.length <= this.options.limits.frameBytesMax, 'a frame is within frameBytesMax')
    const link = this.stopped ? null : this.pursuits.get(to)?.link
    const sent = link?.send(frame) ?? false
    if (!sent) this.count('framesDropped')
    return sent
  }

  isConnected(peer: PeerId): boolean {
    return (this.pursuits.get(peer)?.link ?? null) !== null
  }

  /** A new address of a member: tries it now instead of after the current wait. */
  addressLearnt(peer: PeerId): void {
    const pursuit = this.pursuits.get(peer)
    if (pursuit === undefined || pursuit.link !== null) return
    pursuit.failures = 0
    this.pursueIn(peer, pursuit, 0)
  }

  /** Monotonic counts since start, and `links`, which goes up and down. */
  counters(): Record<string, number> {
    let links = 0
    for (const pursuit of this.pursuits.values()) if (pursuit.link !== null) links += 1
    return {
      ...this.linkCounts,
      ...Object.fromEntries([...this.counts].sort()),
      connectionsDenied: this.options.host.denied(),
      links,
    }
  }

  /** Lets go of every peer: queued frames leave first if they can within `graceMs`. */
  async stop(graceMs: number): Promise<void> {
    if (this.stopped) return
    this.stopped = true
    this.aborts.abort()
    if (this.ticking !== null) clearInterval(this.ticking)
    const { libp2p } = this.options.host
    libp2p.removeEventListener('connection:open', this.connectionOpened)
    const links: Promise<void>[] = []
    for (const pursuit of this.pursuits.values()) {
      if (pursuit.timer !== null) clearTimeout(pursuit.timer)
      pursuit.timer = null
      if (pursuit.link !== null) links.push(pursuit.link.finish(graceMs))
    }
    if (this.listener !== null) await libp2p.unhandle(this.protocol)
    await Promise.all(links)
  }

  private readonly connectionOpened = (event: CustomEvent<Connection>) => {
    const peer = event.detail.remotePeer.toString() as PeerId
    const pursuit = this.pursuits.get(peer)
    if (pursuit !== undefined && pursuit.link === null) this.pursueIn(peer, pursuit, 0)
  }

  private tick(): void {
    const nowMs = performance.now()
    for (const peer of this.options.members()) {
      if (peer === this.options.self || this.pursuits.has(peer)) continue
      const pursuit: Pursuit = { link: null, busy: false, failures: 0, timer: null }
      this.pursuits.set(peer, pursuit)
      this.pursueIn(peer, pursuit, this.opens(peer) ? 0 : this.options.limits.politeMs)
    }
    for (const [peer, pursuit] of this.pursuits) {
      if (this.options.isMember(peer)) {
        pursuit.link?.tick(nowMs)
        continue
      }
      if (pursuit.timer !== null) clearTimeout(pursuit.timer)
      this.pursuits.delete(peer)
      this.drop(peer, pursuit.link, 'expelled')
    }
  }

  /** Ends a link and every connection to its peer. */
  private drop(peer: PeerId, link: Link | null, loss: LinkLoss): void {
    link?.close(loss)
    const { libp2p } = this.options.host
    for (const connection of libp2p.getConnections(peerIdFromString(peer))) {
      connection.abort(new Error(`peer ${loss}`))
    }
  }

  /** Whether this side opens the stream of the pair. */
  private opens(peer: PeerId): boolean {
    return this.options.self < peer
  }

  private pursueIn(peer: PeerId, pursuit: Pursuit, waitMs: number): void {
    if (this.stopped) return
    if (pursuit.timer !== null) clearTimeout(pursuit.timer)
    pursuit.timer = setTimeout(() => {
      pursuit.timer = null
      this.pursue(peer, pursuit).catch(crash)
    }, waitMs)
  }

  /** One attempt to get a link; plans the next one itself. */
  private async pursue(peer: PeerId, pursuit: Pursuit): Promise<void> {
    if (this.stopped || pursuit.busy || pursuit.link !== null || !this.options.isMember(peer)) return
    pursuit.busy = true
    try {
      const connection = await this.connect(peer)
      if (connection !== null && this.opens(peer)) await this.open(peer, connection)
    } finally {
      pursuit.busy = false
    }
    if (this.isConnected(peer)) return
    const { redialMsMin, redialMsMax } = this.options.limits
    const wait = Math.min(redialMsMax, redialMsMin * 2 ** Math.min(pursuit.failures, 16))
    pursuit.failures += 1
    this.pursueIn(peer, pursuit, wait * (0.5 + Math.random() / 2))
  }

  /** An open connection to the peer: the one that stands, else a new one; null when it cannot be reached. */
  private async connect(peer: PeerId): Promise<Connection | null> {
    const { libp2p } = this.options.host
    const id = peerIdFromString(peer)
    const standing = libp2p.getConnections(id).find(connection => connection.status === 'open')
    if (standing !== undefined) return standing
    const addresses = this.options.addresses.dialable(peer)
    if (addresses.length === 0) return null
    this.count('dials')
    try {
      const late = AbortSignal.timeout(this.options.limits.dialMs)
      return await libp2p.dial(addresses, { signal: AbortSignal.any([late, this.aborts.signal]) })
    } catch {
      // Down, moved, or it refuses us: all the same to us, we ask again.
      this.count('dialsFailed')
      return null
    }
  }

  private async open(peer: PeerId, connection: Connection): Promise<void> {
    const { limits } = this.options
    let stream: Stream
    try {
      const late = AbortSignal.timeout(limits.helloMs)
      stream = await connection.newStream(this.protocol, {
        signal: AbortSignal.any([late, this.aborts.signal]),
        maxOutboundStreams: 4,
      })
    } catch {
      // The connection died, or the peer does not serve the protocol yet.
      this.count('streamsFailed')
      return
    }
    this.settle(peer, stream, await openHandshake(stream, this.hello(), limits))
  }

  private async answer(stream: Stream, connection: Connection): Promise<void> {
    const peer = connection.remotePeer.toString() as PeerId
    const shaken = await answerHandshake(
      stream,
      () => this.hello(),
      this.options.limits,
      () => this.veto(peer),
    )
    this.settle(peer, stream, shaken)
  }

  private veto(peer: PeerId): RefusalReason | null {
    if (this.stopped) return 'stopping'
    if (!this.options.isMember(peer)) return 'notMember'
    return this.opens(peer) ? 'wrongSide' : null
  }

  private settle(peer: PeerId, stream: Stream, shaken: Handshake): void {
    if (shaken.kind !== 'admitted') {
      const detail = shaken.kind === 'failed' ? shaken.cause : `${shaken.by}_${shaken.reason}`
      this.count(`hello_${shaken.kind}_${detail}`)
      return
    }
    // Time has passed since the stream was opened: the peer may have been expelled, or we may be leaving.
    if (this.stopped || !this.options.isMember(peer)) {
      stream.abort(new Error('no longer wanted'))
      return
    }
    const pursuit = this.pursuits.get(peer) ?? { link: null, busy: false, failures: 0, timer: null }
    this.pursuits.set(peer, pursuit)
    pursuit.link?.close('replaced')
    this.options.onHello?.(peer, shaken.theirs)
    const link = new Link(peer, stream, shaken.rest, this.options.limits, this.linkEvents, this.linkCounts)
    pursuit.link = link
    this.count('linksOpened')
    this.listener!.peerConnected(peer)
    link.start()
  }

  private linkLost(link: Link, loss: LinkLoss): void {
    this.count('linksLost')
    this.count(`lost_${loss}`)
    const pursuit = this.pursuits.get(link.peer)
    if (pursuit?.link === link) pursuit.link = null
    this.listener!.peerLost(link.peer)
    // Nothing can be trusted on a connection whose other end is silent.
    if (loss === 'silent') this.drop(link.peer, null, loss)
    if (pursuit === undefined || loss === 'stopped' || loss === 'replaced') return
    const { steadyMs, redialMsMin, politeMs } = this.options.limits
    if (performance.now() - link.openedAtMs >= steadyMs) pursuit.failures = 0
    const wait = this.opens(link.peer) ? redialMsMin : Math.max(redialMsMin, politeMs)
    this.pursueIn(link.peer, pursuit, wait * (0.5 + Math.random() / 2))
  }

  private hello(): Hello {
    const { versions, fleet, incarnation } = this.options
    return { versions, fleet, incarnation, epoch: this.options.epoch() }
  }

  private count(name: string): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + 1)
  }
}

/** What no failure of a peer explains is a bug of ours, and must not vanish in a promise. */
function crash(cause: unknown): void {
  setImmediate(() => {
    throw cause
  })
}
