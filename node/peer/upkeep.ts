import { type ContextKey, noHlc, type PartitionId, type PeerId, type Version } from '../../base/ids.ts'
import { bucketOf, keyBefore } from '../../dht/buckets.ts'
import { controlPartition } from '../../dht/keyspace.ts'
import { acceptorsOf, assignmentAt, assignmentsOf, type View } from '../../dht/view.ts'
import { admit, type Fence, restoreFence } from '../../election/fence.ts'
import { AntiEntropy } from '../../replication/anti-entropy.ts'
import { trimmedVersions } from '../../replication/collection.ts'
import { Collector } from '../../replication/collector.ts'
import type { KeyPlace, Process } from '../../replication/context.ts'
import { lagOf, type PeerLag } from '../../replication/lag.ts'
import type { CollectionMessage, DigestMessage, ReplicaMessage } from '../../replication/messages.ts'
import { OwnDigest } from '../../replication/own-digest.ts'
import { type Acceptor, partitionState, toPlace } from '../../replication/partition-state.ts'
import type { Change, Head } from '../../replication/records.ts'
import { keptFromOf } from '../../replication/register.ts'
import { oldestKept } from '../../replication/versions.ts'
import { antiEntropyDuty, collectionDuty } from './duty-names.ts'
import type { Scans } from './scans.ts'
import type { Effect, Now, Task } from './step.ts'

export type UpkeepOptions = {
  readonly process: Process
  readonly acceptor: Acceptor
  readonly scans: Scans
  readonly view: () => View
  readonly placeOf: (partition: PartitionId) => KeyPlace
  readonly emit: (effect: Effect) => void
  readonly save: (changes: readonly Change[]) => void
  /** A cached ballot of this key is worth nothing any more. */
  readonly forget: (key: ContextKey) => void
  readonly damageFound: (key: ContextKey, now: Now) => void
  /** Asks the other owners for a version of the history, and keeps it. */
  readonly fill: (key: ContextKey, version: Version, now: Now) => void
}

type Question = Extract<CollectionMessage | DigestMessage, { kind: 'gather' | 'collect' | 'digestAsked' }>

/** What the leader's duties have this peer do in one partition at a time: collection and anti-entropy (rules 8 and 9). */
export class Upkeep {
  readonly #options: UpkeepOptions
  readonly #collector: Collector
  readonly #antiEntropy: AntiEntropy
  readonly #own: OwnDigest
  /** Of this boot: whoever collects is safe under any token (rule 9), so a restart need not remember the highest. */
  #fence: Fence = restoreFence([])

  constructor(options: UpkeepOptions) {
    this.#options = options
    const { acceptor, emit, forget, placeOf, process, save, scans, view } = options
    const bucket = (key: ContextKey, partition: PartitionId) =>
      bucketOf(key, partition, view().partitions.length)
    const isStable = (partition: PartitionId) => assignmentAt(view(), partition).stage === 'stable'
    const sendWhenSaved = (to: PeerId, message: ReplicaMessage) =>
      emit({ kind: 'sendWhenSaved', to, message })
    this.#collector = new Collector({
      process,
      acceptor,
      placeOf,
      isStable,
      admits: token => this.#admits(collectionDuty, token),
      save,
      sendWhenSaved,
      scan: (partition, after, limit, then) => scans.heads(partition, after, limit, then),
      listVersions: (keys, then) => scans.versions(keys, then),
      forget,
      ended: (task, end) => emit({ kind: 'taskEnded', task, end }),
    })
    this.#own = new OwnDigest({
      records: acceptor.records,
      bucketOf: bucket,
      scan: (partition, after, limit, then) => scans.heads(partition, after, limit, then),
      damageFound: options.damageFound,
      holeFound: options.fill,
      leftoverFound: key => this.#trim(key),
    })
    this.#antiEntropy = new AntiEntropy({
      process,
      acceptor,
      own: this.#own,
      placeOf,
      isStable,
      admits: token => this.#admits(antiEntropyDuty, token),
      bucketOf: bucket,
      keyBefore: (at, partition) => keyBefore(at, partition, view().partitions.length),
      scan: (partition, after, limit, then) => scans.heads(partition, after, limit, then),
      save,
      sendWhenSaved,
      ended: (task, end) => emit({ kind: 'taskEnded', task, end }),
    })
  }

  begin(task: number, work: Task, now: Now): void {
    const { emit, view } = this.#options
    const { partition } = work
    if (partition !== controlPartition && partition >= view().partitions.length)
      return emit({ kind: 'taskEnded', task, end: { kind: 'refused', reason: 'notOwner' } })
    switch (work.kind) {
      case 'collect':
        return this.#collector.start(task, work.partition, work.token, now)
      case 'compare':
        return this.#antiEntropy.start(task, work.partition, work.peer, work.token, now)
    }
  }

  asked(from: PeerId, ask: Question, now: Now): void {
    if (ask.kind === 'digestAsked') this.#antiEntropy.asked(from, ask, now)
    else this.#collector.asked(from, ask, now)
  }

  /** False: the message answers none of this. */
  answered(from: PeerId, message: ReplicaMessage & { id: number }, now: Now): boolean {
    return this.#collector.answered(from, message, now) || this.#antiEntropy.answered(from, message, now)
  }

  peerLost(peer: PeerId, now: Now): void {
    this.#antiEntropy.peerLost(peer, now)
  }

  onEpochs(): void {
    this.#collector.onEpochs()
    this.#antiEntropy.onEpochs()
  }

  /** Whatever is saved passes here, so that a digest never outlives what it sums up. */
  saved(changes: readonly Change[]): void {
    for (const change of changes) {
      if (change.kind !== 'head' && change.kind !== 'headDropped') continue
      this.#own.changed(this.#options.process.placeOf(change.key).partition)
      if (change.kind === 'head' && this.#isTrimmed(change.key, change.head)) this.#trim(change.key)
    }
  }

  /** The head that stands is not replaced yet. */
  #isTrimmed(key: ContextKey, head: Head): boolean {
    const keptFrom = keptFromOf(head.value)
    return keptFrom !== noHlc && keptFrom > oldestKept(this.#options.acceptor.records, key)
  }

  /** Drops what a trim left behind: the head says what is kept, so nothing more has to be agreed on. */
  #trim(key: ContextKey): void {
    const { acceptor, placeOf, process, save, scans } = this.#options
    scans.versions([key], (listed, now) => {
      const head = acceptor.records.head(key)
      if (head === null || head === 'damaged') return
      const { partition } = process.placeOf(key)
      const { tsFloor } = partitionState(acceptor, toPlace(placeOf(partition)), now.wallMs).record
      const gone = trimmedVersions(head, tsFloor, listed.get(key) ?? [])
      save(gone.map((version): Change => ({ kind: 'versionDropped', key, version })))
    })
  }

  /** Returns when to look again, Infinity for never. */
  sweep(now: Now): number {
    return Math.min(this.#collector.sweep(now), this.#antiEntropy.sweep(now))
  }

  /** How far the other owners of this peer's partitions are from what it has. */
  lags(): PeerLag[] {
    const { process, view } = this.#options
    const shared = new Map<PeerId, Set<PartitionId>>()
    for (const { partition, assignment } of assignmentsOf(view())) {
      const owners = acceptorsOf(assignment)
      if (!owners.includes(process.self)) continue
      for (const peer of owners) {
        if (peer !== process.self) shared.set(peer, (shared.get(peer) ?? new Set()).add(partition))
      }
    }
    return lagOf(this.#antiEntropy.comparisons(), shared)
  }

  #admits(duty: string, token: number): boolean {
    const admission = admit(this.#fence, duty, token)
    if (admission.kind === 'refused') return false
    this.#fence = admission.fence
    return true
  }
}
