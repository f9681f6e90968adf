import type { PeerId } from '../base/ids.ts'
import type { Random } from '../base/random.ts'
import type { Network, NetworkListener } from '../node/ports/ports.ts'
import { PairMap } from './pair-map.ts'
import type { World } from './world.ts'

/** Bytes on their way from one peer to another, at most. */
export const queuedBytesMax = 32 * 1024 * 1024

/** How long a frame takes in calm weather: `leastMs`, up to `spreadMs` more, and `byteMs` for each byte. */
export type LinkSpeed = { readonly leastMs: number; readonly spreadMs: number; readonly byteMs: number }

/** How bad the network is, all the time. */
export type NetworkWeather = {
  /** Part of the frames that vanish, 0 to 1. */
  lossRate: number
  /** Part of the frames that arrive twice, the second time up to seconds later. */
  duplicateRate: number
  /** Part of the frames with a delay from a long tail of mean `tailMeanMs`. */
  tailRate: number
  tailMeanMs: number
  /** Whether the frames of a pair keep their order. */
  ordered: boolean
}

export const calmWeather: NetworkWeather = {
  lossRate: 0,
  duplicateRate: 0,
  tailRate: 0,
  tailMeanMs: 0,
  ordered: true,
}

/** One boot of one peer on the network. Frames for an earlier boot are lost with it. */
type Endpoint = {
  readonly peer: PeerId
  readonly listener: NetworkListener
  readonly whenRunning: (run: () => void) => void
  /** Connections, by the boot at their other end. */
  readonly sees: Map<PeerId, Endpoint>
}

/** One direction of one pair of peers. */
type Link = {
  /** Blocks that no frame passes; they nest. */
  blocks: number
  cloggedUntilMs: number
  lastArrivalMs: number
  latestUnorderedMs: number
  queuedBytes: number
}

/**
 * Carries frames between virtual processes. On purpose worse than the real network, which keeps order within a
 * connection and never duplicates.
 */
export class SimNetwork {
  weather: NetworkWeather = calmWeather
  speed: LinkSpeed = { leastMs: 0.1, spreadMs: 1.4, byteMs: 0 }
  /** Sees every frame that a running process hands over, before its fate is drawn. */
  onSent: (from: PeerId, to: PeerId, frame: Uint8Array) => void = () => undefined
  /** What became of a frame: `arrived` once for every copy that a process took. */
  onFate: (frame: Uint8Array, became: 'arrived' | 'cut' | 'loss') => void = () => undefined
  /** Frames that arrive once although the weather duplicates. */
  mayDuplicate: (frame: Uint8Array) => boolean = () => true
  /** Frames: sent, stopped by a block, and what the weather did to them. */
  readonly counts = { sent: 0, cut: 0, loss: 0, duplicates: 0, tails: 0, reorder: 0 }
  private readonly world: World
  private readonly random: Random
  private readonly endpoints = new Map<PeerId, Endpoint>()
  private readonly links = new PairMap<PeerId, PeerId, Link>()

  constructor(world: World) {
    this.world = world
    this.random = world.random('network')
  }

  /** The network of one boot of `peer`; it takes part once it listens. */
  portOf(peer: PeerId, alive: () => boolean, whenRunning: (run: () => void) => void): Network {
    let own: Endpoint | null = null
    return {
      listen: listener => {
        if (!alive()) return
        own = { peer, listener, whenRunning, sees: new Map() }
        this.endpoints.set(peer, own)
        for (const other of this.endpoints.keys()) if (other !== peer) this.dial(peer, other)
      },
      send: (to, frame) => {
        if (own === null || !alive() || !own.sees.has(to)) return false
        if (this.link(peer, to).queuedBytes + frame.length > queuedBytesMax) return false
        this.carry(peer, to, frame)
        return true
      },
    }
  }

  /** The process of this peer died. The others notice soon, or late when `silent`. */
  drop(peer: PeerId, silent: boolean): void {
    const gone = this.endpoints.get(peer)
    this.endpoints.delete(peer)
    for (const other of this.endpoints.values()) {
      const noticedMs = silent ? 500 + this.random.below(3_000) : this.random.below(20)
      this.world.after(noticedMs, () => {
        if (gone !== undefined && other.sees.get(peer) === gone) this.lose(other, peer)
      })
    }
  }

  /** Stops frames from `from` to `to`. Both ends may notice after a while. Blocks nest. */
  block(from: PeerId, to: PeerId, noticedMs: number | null): void {
    this.link(from, to).blocks += 1
    if (noticedMs === null) return
    this.world.after(noticedMs, () => {
      if (!this.isBlocked(from, to)) return
      this.loseBoth(from, to)
    })
  }

  unblock(from: PeerId, to: PeerId): void {
    const link = this.link(from, to)
    const isLast = link.blocks === 1
    link.blocks = Math.max(0, link.blocks - 1)
    if (isLast) this.dial(from, to)
  }

  /** Frames of the pair wait until then, and arrive at once. */
  clog(from: PeerId, to: PeerId, forMs: number): void {
    this.link(from, to).cloggedUntilMs = this.world.nowMs + forMs
  }

  /** From now on every frame arrives, in order and soon. */
  heal(): void {
    this.weather = calmWeather
    for (const link of this.links.all()) {
      link.blocks = 0
      link.cloggedUntilMs = 0
    }
    const peers = [...this.endpoints.keys()]
    for (const a of peers) for (const b of peers) if (a < b) this.dial(a, b)
  }

  private isBlocked(from: PeerId, to: PeerId): boolean {
    return this.link(from, to).blocks > 0
  }

  private link(from: PeerId, to: PeerId): Link {
    const known = this.links.get(from, to)
    if (known !== undefined) return known
    const link = { blocks: 0, cloggedUntilMs: 0, lastArrivalMs: 0, latestUnorderedMs: 0, queuedBytes: 0 }
    this.links.set(from, to, link)
    return link
  }

  private carry(from: PeerId, to: PeerId, frame: Uint8Array): void {
    this.counts.sent++
    this.onSent(from, to, frame)
    const { weather, random } = this
    if (this.isBlocked(from, to)) {
      this.counts.cut++
      this.onFate(frame, 'cut')
      return
    }
    if (random.chance(weather.lossRate)) {
      this.counts.loss++
      this.onFate(frame, 'loss')
      return
    }
    const receiver = this.endpoints.get(to)
    if (receiver === undefined) return
    this.deliver(from, receiver, frame, this.delayMs(frame), this.weather.ordered)
    if (random.chance(weather.duplicateRate) && this.mayDuplicate(frame)) {
      this.counts.duplicates++
      const lateMs = random.chance(0.3) ? random.next() * 6_000 : random.next() * 50
      // What comes a second time holds nothing up that was sent since.
      this.deliver(from, receiver, frame, this.delayMs(frame) + lateMs, false)
    }
  }

  private delayMs(frame: Uint8Array): number {
    const { weather, random, speed } = this
    const delayMs = speed.leastMs + random.next() * speed.spreadMs + frame.length * speed.byteMs
    if (!random.chance(weather.tailRate)) return delayMs
    this.counts.tails++
    return delayMs - Math.log(1 - random.next()) * weather.tailMeanMs
  }

  private deliver(
    from: PeerId,
    receiver: Endpoint,
    frame: Uint8Array,
    delayMs: number,
    inOrder: boolean,
  ): void {
    const link = this.link(from, receiver.peer)
    let atMs = Math.max(this.world.nowMs + delayMs, link.cloggedUntilMs)
    if (inOrder) {
      atMs = Math.max(atMs, link.lastArrivalMs)
      link.lastArrivalMs = atMs
    } else if (atMs < link.latestUnorderedMs) this.counts.reorder++
    else link.latestUnorderedMs = atMs
    link.queuedBytes += frame.length
    this.world.after(atMs - this.world.nowMs, () => {
      link.queuedBytes -= frame.length
      if (this.endpoints.get(receiver.peer) !== receiver) return
      if (link.blocks > 0) {
        this.counts.cut++
        this.onFate(frame, 'cut')
        return
      }
      receiver.whenRunning(() => {
        this.onFate(frame, 'arrived')
        this.world.trace.number(this.world.nowMs)
        this.world.trace.text(from)
        this.world.trace.text(receiver.peer)
        this.world.trace.bytes(frame)
        receiver.listener.frameArrived(from, frame)
      })
    })
  }

  private dial(a: PeerId, b: PeerId): void {
    this.world.after(1 + this.random.below(60), () => {
      const [first, second] = [this.endpoints.get(a), this.endpoints.get(b)]
      if (first === undefined || second === undefined) return
      if (this.isBlocked(a, b) || this.isBlocked(b, a)) return
      this.see(first, second)
      this.see(second, first)
    })
  }

  private see(one: Endpoint, other: Endpoint): void {
    if (one.sees.get(other.peer) === other) return
    // A peer that came back before it was missed: the old connection ends first.
    this.lose(one, other.peer)
    one.sees.set(other.peer, other)
    one.whenRunning(() => one.listener.peerConnected(other.peer))
  }

  private loseBoth(a: PeerId, b: PeerId): void {
    const [first, second] = [this.endpoints.get(a), this.endpoints.get(b)]
    if (first !== undefined) this.lose(first, b)
    if (second !== undefined) this.lose(second, a)
  }

  private lose(one: Endpoint, other: PeerId): void {
    if (this.endpoints.get(one.peer) !== one || !one.sees.delete(other)) return
    one.whenRunning(() => one.listener.peerLost(other))
  }
}
