import { performance } from 'node:perf_hooks'
import type { Connection, Stream } from '@libp2p/interface'
import { assert } from '../../../base/assert.ts'
import type { FleetId, PeerId } from '../../../base/ids.ts'
import type { Network, NetworkListener } from '../../ports/ports.ts'
import type { AddressBook } from './address-book.ts'
import { connectionsTo } from './connections-to.ts'
import { addressOf } from './exchange.ts'
import { answerHandshake, type Handshake } from './handshake.ts'
import type { Hello, RefusalReason, VersionRange } from './hello.ts'
import type { Host } from './host.ts'
import type { NetworkLimits } from './limits.ts'
import { Link, type LinkEvents, type LinkLoss, newLinkCounts } from './link.ts'
import { crash, jittered, Pursuit, type PursuitOptions, streamsMax } from './pursuit.ts'
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
  readonly guard: LinkGuard
  readonly addresses: AddressBook
  /** What an admitted peer said of itself; before its `peerConnected`. */
  onHello(peer: PeerId, hello: Hello): void
  /**
   * A handshake that this side refused, or a link that it ended for what came.
   *
   * @param address - multiaddress, where it is known.
   * @param rule - of a grant, where that is what decided.
   */
  onRefusal(peer: PeerId, reason: RefusalReason, address: string | null, rule: string | null): void
  readonly limits: NetworkLimits
  readonly tickEnd: TickEnd
}

/** Says who may be linked: by grants, where the process knows about them. */
export type LinkGuard = {
  /** The grant of this peer as text, for its hello. */
  shown(): string
  /**
   * @param shown - the grant in its hello.
   * @param address - IP address that it calls from, null when it has none.
   * @returns null, or the rule by which it is refused: for this side's own log.
   */
  admits(peer: PeerId, shown: string, address: string | null): Promise<string | null>
  /** Whether a peer that was admitted may still be linked; asked again and again. */
  stays(peer: PeerId, address: string | null): boolean
  /** Whether a member is known to have lost its rights: no connection to it is wanted at all. */
  isBarred(peer: PeerId): boolean
  /** Whether who is no member may be connected as an agent. @param address - IP address that it calls from. */
  isAgent(peer: PeerId, address: string | null): boolean
  /** Answers a member's question about grants, linked or not; null for what is no question. */
  answer(from: PeerId, question: Uint8Array): Promise<Uint8Array | null>
}

const tickMs = 250
/** After a pause of this length it was us who did not listen. */
const pausedMs = 1_000

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
  private readonly pursuitOptions: PursuitOptions
  private readonly links = new Map<PeerId, Link>()
  /** IP address at the other end of each link. */
  private readonly linkedFrom = new Map<PeerId, string | null>()
  private readonly linkEvents: LinkEvents
  private readonly linkCounts = newLinkCounts()
  private readonly counts = new Map<string, number>()
  /** Since when, on the monotonic clock, a peer that is still linked has been no member any more. */
  private readonly leaving = new Map<PeerId, number>()
  private readonly aborts = new AbortController()
  private listener: NetworkListener | null = null
  private ticking: NodeJS.Timeout | null = null
  private tickedAtMs = 0

  constructor(options: NetworkOptions) {
    this.options = options
    this.protocol = `${options.host.protocolPrefix}/peer/1.0.0`
    this.linkEvents = {
      frameArrived: (link, frame) => this.listener!.frameArrived(link.peer, frame),
      lost: (link, loss) => this.linkLost(link, loss),
      wantsFlush: link => options.tickEnd.make(() => link.flush()),
    }
    this.pursuitOptions = {
      libp2p: options.host.libp2p,
      protocol: this.protocol,
      addresses: options.addresses,
      limits: options.limits,
      signal: this.aborts.signal,
      opens: peer => this.opens(peer),
      wanted: peer => !this.links.has(peer) && options.isMember(peer),
      hello: () => this.hello(),
      admits: (theirs, connection) => this.admits(theirs, connection),
      shaken: (connection, stream, handshake) => this.shaken(connection, stream, handshake),
      count: name => this.count(name),
    }
  }

  /** From here on members are dialled and let in. Called once. */
  listen(listener: NetworkListener): void {
    assert(this.listener === null, 'a network has one listener')
    this.listener = listener
    const { libp2p } = this.options.host
    const answer = (stream: Stream, connection: Connection) =>
      void this.answer(stream, connection).catch(crash)
    const streams = { maxInboundStreams: streamsMax, maxOutboundStreams: streamsMax }
    libp2p.handle(this.protocol, answer, streams).catch(crash)
    libp2p.addEventListener('connection:open', this.connectionOpened)
    this.tickedAtMs = performance.now()
    this.ticking = setInterval(() => this.tick(), tickMs)
    this.tick()
  }

  send(to: PeerId, frame: Uint8Array): boolean {
    assert(frame.length <= this.options.limits.frameBytesMax, 'a frame is within frameBytesMax')
    const sent = !this.stopped && (this.links.get(to)?.send(frame) ?? false)
    if (!sent) this.count('framesDropped')
    return sent
  }

  isConnected(peer: PeerId): boolean {
    return this.links.has(peer)
  }

  /** A new address of a member: tries it now instead of after the current pause. */
  addressLearnt(peer: PeerId): void {
    const pursuit = this.pursuits.get(peer)
    if (pursuit === undefined || this.links.has(peer)) return
    pursuit.forgive()
    pursuit.resumeIn(0)
  }

  /** Monotonic counts since start, and `links`, which goes up and down. */
  counters(): Record<string, number> {
    return {
      ...this.linkCounts,
      ...Object.fromEntries([...this.counts].sort()),
      connectionsDenied: this.options.host.denied(),
      links: this.links.size,
    }
  }

  /** Lets go of every peer: queued frames leave first if they can within `graceMs`. */
  async stop(graceMs: number): Promise<void> {
    if (this.stopped) return
    this.aborts.abort()
    if (this.ticking !== null) clearInterval(this.ticking)
    const { libp2p } = this.options.host
    libp2p.removeEventListener('connection:open', this.connectionOpened)
    for (const pursuit of this.pursuits.values()) pursuit.pause()
    if (this.listener !== null) await libp2p.unhandle(this.protocol)
    await Promise.all([...this.links.values()].map(link => link.finish(graceMs)))
  }

  private get stopped(): boolean {
    return this.aborts.signal.aborted
  }

  private readonly connectionOpened = (event: CustomEvent<Connection>) => {
    const peer = event.detail.remotePeer.toString() as PeerId
    if (!this.links.has(peer)) this.pursuits.get(peer)?.resumeIn(0)
  }

  private tick(): void {
    const nowMs = performance.now()
    const paused = nowMs - this.tickedAtMs > pausedMs
    this.tickedAtMs = nowMs
    for (const peer of this.options.members()) {
      if (peer === this.options.self || this.pursuits.has(peer)) continue
      const pursuit = new Pursuit(peer, this.pursuitOptions)
      this.pursuits.set(peer, pursuit)
      pursuit.resumeIn(this.opens(peer) ? 0 : this.options.limits.politeMs)
    }
    for (const [peer, pursuit] of this.pursuits) {
      if (this.options.isMember(peer)) {
        this.leaving.delete(peer)
        continue
      }
      pursuit.pause()
      const leftAtMs = this.leaving.get(peer) ?? nowMs
      this.leaving.set(peer, leftAtMs)
      if (this.links.has(peer) && nowMs - leftAtMs < this.options.limits.farewellMs) continue
      this.leaving.delete(peer)
      this.pursuits.delete(peer)
      this.links.get(peer)?.close('expelled')
      this.hangUp(peer, 'expelled')
    }
    for (const [peer, link] of this.links) {
      // Grants end, and are revoked, while their holders are connected.
      if (!this.options.guard.stays(peer, this.linkedFrom.get(peer) ?? null)) link.close('ungranted')
      else link.tick(nowMs, paused)
    }
  }

  /** Whether this side opens the stream of the pair. */
  private opens(peer: PeerId): boolean {
    return this.options.self < peer
  }

  private async answer(stream: Stream, connection: Connection): Promise<void> {
    const peer = connection.remotePeer.toString() as PeerId
    const ours = () => this.hello()
    const veto = () => this.veto(peer)
    const admits = (theirs: Hello) => this.admits(theirs, connection)
    this.shaken(connection, stream, await answerHandshake(stream, ours, this.options.limits, veto, admits))
  }

  private admits(theirs: Hello, connection: Connection): Promise<string | null> {
    const peer = connection.remotePeer.toString() as PeerId
    return this.options.guard.admits(peer, theirs.grant, addressOf(connection))
  }

  private veto(peer: PeerId): RefusalReason | null {
    if (this.stopped) return 'stopping'
    if (!this.options.isMember(peer)) return 'notMember'
    return this.opens(peer) ? 'wrongSide' : null
  }

  private shaken(connection: Connection, stream: Stream, handshake: Handshake): void {
    const peer = connection.remotePeer.toString() as PeerId
    if (handshake.kind !== 'admitted') {
      const detail = handshake.kind === 'failed' ? handshake.cause : `${handshake.by}_${handshake.reason}`
      this.count(`hello_${handshake.kind}_${detail}`)
      if (handshake.kind === 'refused' && handshake.by === 'us')
        this.options.onRefusal(peer, handshake.reason, connection.remoteAddr.toString(), handshake.rule)
      return
    }
    // Time has passed since the stream was opened: the peer may have been expelled, or we may be leaving.
    if (this.stopped || !this.options.isMember(peer)) {
      stream.abort(new Error('no longer wanted'))
      return
    }
    this.links.get(peer)?.close('replaced')
    this.options.onHello(peer, handshake.theirs)
    const { limits } = this.options
    const link = new Link(peer, stream, handshake.rest, limits, this.linkEvents, this.linkCounts)
    this.links.set(peer, link)
    this.linkedFrom.set(peer, addressOf(connection))
    this.count('linksOpened')
    this.listener!.peerConnected(peer)
    link.start()
  }

  private linkLost(link: Link, loss: LinkLoss): void {
    const { peer } = link
    this.count('linksLost')
    this.count(`lost_${loss}`)
    if (loss === 'malformed') this.options.onRefusal(peer, loss, null, null)
    if (this.links.get(peer) === link) {
      this.links.delete(peer)
      this.linkedFrom.delete(peer)
    }
    this.listener!.peerLost(peer)
    // A connection whose other end is silent is dead.
    if (loss === 'silent') this.hangUp(peer, loss)
    const pursuit = this.pursuits.get(peer)
    if (pursuit === undefined || loss === 'replaced') return
    const { steadyMs, redialMsMin, politeMs } = this.options.limits
    if (performance.now() - link.openedAtMs >= steadyMs) pursuit.forgive()
    pursuit.resumeIn(jittered(this.opens(peer) ? redialMsMin : Math.max(redialMsMin, politeMs)))
  }

  private hangUp(peer: PeerId, why: LinkLoss): void {
    for (const connection of connectionsTo(this.options.host.libp2p, peer)) {
      connection.abort(new Error(`peer ${why}`))
    }
  }

  private hello(): Hello {
    const { versions, fleet, incarnation } = this.options
    const { epoch, guard } = this.options
    return { versions, fleet, incarnation, epoch: epoch(), grant: guard.shown() }
  }

  private count(name: string): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + 1)
  }
}
