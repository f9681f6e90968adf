import type { PartitionId, PeerId } from '../../base/ids.ts'
import { partitionOf } from '../../dht/keyspace.ts'
import { copyLimits } from '../agents/copy-wire.ts'
import type { FleetLinks } from '../agents/fleet-links.ts'
import { cover } from '../fleet-search/cover.ts'
import type { ContextChanges } from '../fleet-search/ports.ts'
import type { Clock } from '../ports/ports.ts'
import type { Copier } from './copier.ts'
import type { CopySource, Run } from './copy-source.ts'

export type FollowerParts = {
  readonly links: Pick<FleetLinks, 'ready'>
  readonly source: CopySource
  readonly copier: Copier
  /** Of the copy: what is behind its newest change when a partition is done is in it. */
  readonly changes: Pick<ContextChanges, 'last'>
  readonly partitionsTotal: number
  readonly clock: Clock
  /** Whether this agent has its keys, and its grant is good. */
  readonly mayAsk: () => boolean
  /** The copy cannot be kept. */
  readonly failed: (failure: unknown) => void
  /** For tests: as the limits below. */
  readonly recheckMs?: number
}

/** A member that some partitions are followed at. */
type Followed = {
  /** Number of its change up to which everything is in the copy. */
  takenTo: number
  /** Of its newest change, as it said last. */
  last: number
  readonly sinceMs: number
}

/** Where one partition comes from. */
type Place = {
  peer: PeerId | null
  /** The copy was brought to what that member has. */
  isCompared: boolean
  /** Up to when the copy is known to be what that member, or the one before, had. */
  freshMs: number
  /** Number of the copy's own change up to which the partition was whole. */
  wholeAt: number
}

/** Changes are asked for so often. */
const pollMs = 400
/** Partitions are gone through for so long, then what changed meanwhile is asked for. */
const compareMs = 300
/** So long after it was followed last a partition still counts: another member takes over meanwhile. */
const staleMs = 10_000
/** A member that gave no answer, or none that can be used, is left alone for so long. */
const asideMs = 5_000
/** Pages of changes that are taken over in one go. */
const pagesMax = 64
/** A question in flight is waited for so long at the end. */
const stopMs = 1_000
/** After so long another member is asked whether it has the same. */
const recheckMsDefault = 10 * 60_000

/**
 * Keeps the copy of an agent at what members have: each partition at one of them, the fewest that have all; at another one when that
 * does not answer, and now and then all the same, so that nobody hides anything for long.
 */
export class Follower {
  readonly #parts: FollowerParts
  readonly #places: readonly Place[]
  readonly #followed = new Map<PeerId, Followed>()
  readonly #aside = new Map<PeerId, number>()
  #running: Promise<void> | null = null
  #isClosed = false
  #wake: () => void = () => undefined

  constructor(parts: FollowerParts) {
    this.#parts = parts
    this.#places = Array.from({ length: parts.partitionsTotal }, () => ({
      peer: null,
      isCompared: false,
      freshMs: Number.NEGATIVE_INFINITY,
      wholeAt: 0,
    }))
  }

  start(): void {
    this.#running ??= this.#run()
  }

  /** What a member is still asked for nobody waits long. */
  async stop(): Promise<void> {
    this.#isClosed = true
    this.#wake()
    await Promise.race([this.#running, this.#pause(stopMs)])
  }

  /** Partitions that the copy has as some member has them, but for what changed in the last seconds; ascending. */
  whole(): PartitionId[] {
    return [...this.#places.keys()].filter(each => this.#isFresh(this.#places[each]!)) as PartitionId[]
  }

  /** @param takenTo - number of the copy's own change up to which an index has everything. */
  covers(partition: PartitionId, takenTo: number): boolean {
    const place = this.#places[partition]
    return place !== undefined && this.#isFresh(place) && place.wholeAt <= takenTo
  }

  /** Changes of members that are not in the copy yet, as far as they have told. */
  get lagChanges(): number {
    return [...this.#followed.values()].reduce(
      (sum, { last, takenTo }) => sum + Math.max(0, last - takenTo),
      0,
    )
  }

  #isFresh({ freshMs }: Place): boolean {
    return this.#nowMs - freshMs < staleMs
  }

  async #run(): Promise<void> {
    while (!this.#isClosed) {
      try {
        await this.#round()
      } catch (failure) {
        // The disk: whatever comes next fails too.
        if (!this.#isClosed) this.#parts.failed(failure)
        return
      }
      const isBusy = this.#places.some(({ peer, isCompared }) => peer !== null && !isCompared)
      if (!this.#isClosed) await this.#pause(isBusy ? 0 : pollMs)
    }
  }

  async #round(): Promise<void> {
    const { links, mayAsk } = this.#parts
    const ready = new Set(mayAsk() ? links.ready() : [])
    for (const peer of [...this.#followed.keys()]) if (!ready.has(peer)) this.#leave(peer)
    this.#turnOver(ready)
    await this.#place([...ready].filter(peer => (this.#aside.get(peer) ?? 0) <= this.#nowMs))
    await Promise.all([...this.#followed].map(([peer, followed]) => this.#serve(peer, followed)))
  }

  /** Others than who was followed for long come first. */
  #turnOver(ready: ReadonlySet<PeerId>): void {
    const { recheckMs = recheckMsDefault } = this.#parts
    for (const [peer, { sinceMs }] of [...this.#followed]) {
      if (this.#nowMs - sinceMs < recheckMs || ready.size < 2) continue
      this.#leave(peer)
      this.#aside.set(peer, this.#nowMs + asideMs)
    }
  }

  /** Finds somebody for the partitions that nobody is followed at for. */
  async #place(peers: readonly PeerId[]): Promise<void> {
    const placeless = new Set(
      [...this.#places.keys()].filter(each => this.#places[each]!.peer === null) as PartitionId[],
    )
    if (placeless.size === 0) return
    const told = await Promise.all(
      peers.map(async peer => ({ peer, said: await this.#parts.source.changes(peer, null) })),
    )
    const candidates = told.flatMap(({ peer, said }) =>
      said === null ? [] : [{ peer, partitions: new Set(said.partitions) }],
    )
    // Who is followed already is asked for no more questions than before.
    candidates.sort((a, b) => Number(this.#followed.has(b.peer)) - Number(this.#followed.has(a.peer)))
    for (const { peer, partitions } of cover(placeless, candidates)) {
      const { last = 0 } = told.find(each => each.peer === peer)?.said ?? {}
      if (!this.#followed.has(peer)) this.#followed.set(peer, { takenTo: last, last, sinceMs: this.#nowMs })
      for (const partition of partitions) {
        const place = this.#places[partition]!
        place.peer = peer
        place.isCompared = false
      }
    }
    for (const { peer, said } of told) if (said === null) this.#setAside(peer)
  }

  async #serve(peer: PeerId, followed: Followed): Promise<void> {
    const untilMs = this.#nowMs + compareMs
    if (!(await this.#follow(peer, followed))) return this.#setAside(peer)
    for (let run = this.#runOf(peer); run !== null && this.#nowMs < untilMs; run = this.#runOf(peer)) {
      const beganMs = this.#nowMs
      const isWhole = await this.#parts.copier.compare(peer, run, () => !this.#isClosed)
      if (this.#isClosed) return
      const places = this.#places.slice(run.first, run.last + 1)
      if (!isWhole) {
        // Others may tell; what is followed here already stays.
        for (const place of places) place.peer = null
        this.#aside.set(peer, this.#nowMs + asideMs)
        return
      }
      for (const place of places) {
        place.isCompared = true
        place.freshMs = beganMs
        place.wholeAt = this.#parts.changes.last
      }
    }
  }

  /** Neighbouring partitions that are still to be brought to what a member has; null: none. */
  #runOf(peer: PeerId): Run | null {
    const isWaiting = (place: Place | undefined) => place?.peer === peer && !place.isCompared
    const first = this.#places.findIndex(isWaiting)
    if (first < 0) return null
    let last = first
    while (last + 1 - first < copyLimits.runMax && isWaiting(this.#places[last + 1])) last += 1
    return { first: first as PartitionId, last: last as PartitionId }
  }

  /** Takes over what changed at a member. @returns false when it does not say. */
  async #follow(peer: PeerId, followed: Followed): Promise<boolean> {
    const { source, copier, partitionsTotal } = this.#parts
    for (let page = 0; page < pagesMax; page++) {
      const beganMs = this.#nowMs
      const said = await source.changes(peer, followed.takenTo)
      if (said === null || this.#isClosed) return false
      followed.last = said.last
      this.#giveUp(peer, new Set(said.partitions))
      const mine = this.#partitionsOf(peer)
      if (said.through === null) {
        for (const partition of mine) this.#places[partition]!.isCompared = false
        followed.takenTo = said.last
        return true
      }
      const isLast = said.through >= said.last
      if (said.through < followed.takenTo || (said.through === followed.takenTo && !isLast)) return false
      const heads = said.heads.filter(({ key }) => mine.has(partitionOf(key, partitionsTotal)))
      if (!(await copier.take(peer, heads)))
        for (const { key } of heads) this.#places[partitionOf(key, partitionsTotal)]!.isCompared = false
      followed.takenTo = said.through
      if (!isLast) continue
      for (const partition of mine)
        if (this.#places[partition]!.isCompared) this.#places[partition]!.freshMs = beganMs
      return true
    }
    return true
  }

  /** Partitions that a member does not have any more. */
  #giveUp(peer: PeerId, has: ReadonlySet<PartitionId>): void {
    for (const partition of this.#partitionsOf(peer))
      if (!has.has(partition)) this.#places[partition]!.peer = null
  }

  #setAside(peer: PeerId): void {
    this.#leave(peer)
    this.#aside.set(peer, this.#nowMs + asideMs)
  }

  #leave(peer: PeerId): void {
    this.#followed.delete(peer)
    for (const place of this.#places) if (place.peer === peer) place.peer = null
  }

  #partitionsOf(peer: PeerId): ReadonlySet<PartitionId> {
    const all = [...this.#places.keys()] as PartitionId[]
    return new Set(all.filter(each => this.#places[each]!.peer === peer))
  }

  #pause(ms: number): Promise<void> {
    return new Promise(resolve => {
      const cancel = this.#parts.clock.at(this.#nowMs + ms, () => resolve())
      this.#wake = () => {
        cancel()
        resolve()
      }
    })
  }

  get #nowMs(): number {
    return this.#parts.clock.monotonicMs()
  }
}
