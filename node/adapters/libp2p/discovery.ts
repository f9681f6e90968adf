import type { IdentifyResult, PeerInfo } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import type { Multiaddr } from '@multiformats/multiaddr'
import { SlurpError } from '../../../base/errors.ts'
import type { PeerId } from '../../../base/ids.ts'
import type { AddressBook } from './address-book.ts'
import type { RecordBook } from './fleet-record.ts'
import type { AgentHost } from './host.ts'

export type DiscoveryOptions = {
  readonly host: AgentHost
  readonly self: PeerId
  members(): Iterable<PeerId>
  isMember(peer: PeerId): boolean
  isConnected(peer: PeerId): boolean
  readonly addresses: AddressBook
  readonly records: RecordBook
  /** Everything known of where a member listens, best first, after it changed. */
  onAddresses(peer: PeerId, multiaddrs: readonly string[]): void
}

const lookMsMin = 500
const lookMsMax = 15_000
const queryMs = 5_000
const republishMs = 10 * 60_000
const lookupsMax = 4

/**
 * Finds peers and the newest fleet record through the fleet's own Kademlia table. Never on the way of a request:
 * the first query waits about a second for the table to fill.
 */
export class Discovery {
  private readonly options: DiscoveryOptions
  private readonly recordKey: Uint8Array
  private readonly counts = { lookups: 0, lookupsFailed: 0, recordsPublished: 0, recordsFetched: 0 }
  private readonly aborts = new AbortController()
  private readonly reported = new Set<PeerId>()
  private lookTimer: NodeJS.Timeout | null = null
  private lookMs = lookMsMin
  private republishTimer: NodeJS.Timeout | null = null

  constructor(options: DiscoveryOptions) {
    this.options = options
    this.recordKey = options.records.key
    const { libp2p } = options.host
    libp2p.addEventListener('peer:discovery', this.discovered)
    libp2p.addEventListener('peer:identify', this.identified)
    this.lookLater()
  }

  /**
   * Where Kademlia says that a peer listens; the answer is also given to the dialler.
   *
   * @returns multiaddresses, empty when nobody knows. Never rejects.
   */
  async findAddresses(peer: PeerId): Promise<readonly string[]> {
    this.counts.lookups += 1
    const { dht } = this.options.host.libp2p.services
    try {
      // What we know ourselves is what did not work: ask the others.
      const query = dht.findPeer(peerIdFromString(peer), { signal: this.deadline(), useCache: false })
      for await (const event of query) {
        if (event.name === 'FINAL_PEER') this.learn(peer, event.peer.multiaddrs)
      }
    } catch {
      // Nobody knows it, or nobody could be asked in time.
      this.counts.lookupsFailed += 1
    }
    return this.options.addresses.of(peer)
  }

  /**
   * Spreads the signed fleet record, now and every few minutes, until a newer one is published.
   *
   * @returns how many other peers took it; 0 when none could be asked.
   * @throws SlurpError INTEGRITY_FAILED when the record does not pass the fleet's own check.
   */
  async publishRecord(bytes: Uint8Array): Promise<number> {
    if (this.options.records.offer(bytes) === null) {
      throw new SlurpError('INTEGRITY_FAILED', 'This fleet record does not pass its own check.', {
        hint: 'Put back the `fleet.json` that the authority of this fleet signed.',
      })
    }
    return await this.spread()
  }

  /**
   * The newest record that this peer or those it asks have; a few seconds at most.
   *
   * @returns null when nobody has one that passes the check. Never rejects.
   */
  async fetchRecord(): Promise<Uint8Array | null> {
    const { records } = this.options
    const { dht } = this.options.host.libp2p.services
    this.counts.recordsFetched += 1
    const offer = (event: Event) => {
      const detail: unknown = 'detail' in event ? event.detail : null
      if (isValue(detail)) records.offer(detail.value)
    }
    try {
      // The query itself fails as a whole when one stale peer takes no correction: look at each answer instead.
      const query = dht.get(this.recordKey, { signal: this.deadline(), onProgress: offer })
      for await (const event of query) if (event.name === 'VALUE') records.offer(event.value)
    } catch {
      this.counts.lookupsFailed += 1
    }
    return records.newest?.bytes ?? null
  }

  counters(): Record<string, number> {
    return { ...this.counts, recordsRejected: this.options.records.rejected }
  }

  stop(): void {
    this.aborts.abort()
    if (this.lookTimer !== null) clearTimeout(this.lookTimer)
    if (this.republishTimer !== null) clearTimeout(this.republishTimer)
    const { libp2p } = this.options.host
    libp2p.removeEventListener('peer:discovery', this.discovered)
    libp2p.removeEventListener('peer:identify', this.identified)
  }

  private readonly discovered = (event: CustomEvent<PeerInfo>) => {
    this.learn(event.detail.id.toString() as PeerId, event.detail.multiaddrs)
  }

  private readonly identified = (event: CustomEvent<IdentifyResult>) => {
    const { peerId, listenAddrs, signedPeerRecord, connection } = event.detail
    const said = signedPeerRecord?.addresses ?? listenAddrs
    // An address that we dialled works, whatever the peer behind it believes its address to be.
    const proven = connection.direction === 'outbound' ? [connection.remoteAddr] : []
    this.learn(peerId.toString() as PeerId, [...proven, ...said], true)
    this.lookSoon()
  }

  private learn(peer: PeerId, found: readonly Multiaddr[], instead = false): void {
    if (peer === this.options.self || !this.options.isMember(peer)) return
    const changed = this.options.addresses.learn(peer, found, instead)
    // What was configured is reported too, once it proved true.
    if (!changed && this.reported.has(peer)) return
    this.reported.add(peer)
    this.options.onAddresses(peer, this.options.addresses.of(peer))
  }

  /** Asks for every member that is not linked, seldom when that does not help. */
  private async look(): Promise<void> {
    const { members, self, isConnected, host } = this.options
    const missing = [...members()].filter(peer => peer !== self && !isConnected(peer))
    if (missing.length > 0 && host.libp2p.getConnections().length > 0) {
      const somewhere = Math.floor(Math.random() * missing.length)
      const asked = [...missing.slice(somewhere), ...missing.slice(0, somewhere)].slice(0, lookupsMax)
      await Promise.all(asked.map(peer => this.findAddresses(peer)))
    }
  }

  private lookLater(): void {
    if (this.aborts.signal.aborted) return
    if (this.lookTimer !== null) clearTimeout(this.lookTimer)
    this.lookTimer = setTimeout(() => {
      this.lookTimer = null
      this.lookMs = Math.min(lookMsMax, this.lookMs * 2)
      this.look().finally(() => this.lookLater())
    }, this.lookMs)
  }

  /** Somebody new was met: who knows whom it knows. */
  private lookSoon(): void {
    this.lookMs = lookMsMin
    if (this.lookTimer !== null) this.lookLater()
    if (this.options.records.newest !== null) this.respreadIn(2_000)
  }

  private async spread(): Promise<number> {
    const { newest } = this.options.records
    if (newest === null || this.aborts.signal.aborted) return 0
    this.respreadIn(republishMs)
    const { dht } = this.options.host.libp2p.services
    let taken = 0
    try {
      for await (const event of dht.put(this.recordKey, newest.bytes, { signal: this.deadline() })) {
        if (event.name === 'PEER_RESPONSE' && event.messageName === 'PUT_VALUE') taken += 1
      }
    } catch {
      // No peer to ask yet; it is spread again when one is met.
      this.counts.lookupsFailed += 1
    }
    if (taken > 0) this.counts.recordsPublished += 1
    return taken
  }

  private respreadIn(waitMs: number): void {
    if (this.aborts.signal.aborted) return
    if (this.republishTimer !== null) clearTimeout(this.republishTimer)
    this.republishTimer = setTimeout(() => {
      this.republishTimer = null
      void this.spread()
    }, waitMs)
  }

  private deadline(): AbortSignal {
    return AbortSignal.any([AbortSignal.timeout(queryMs), this.aborts.signal])
  }
}

function isValue(detail: unknown): detail is { value: Uint8Array } {
  return (
    typeof detail === 'object' && detail !== null && 'value' in detail && detail.value instanceof Uint8Array
  )
}
