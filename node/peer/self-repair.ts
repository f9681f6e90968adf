import type { ContextKey, PartitionId, PeerId } from '../../base/ids.ts'
import { controlPartition } from '../../dht/keyspace.ts'
import { floorOf, isWhole } from '../../replication/acceptor.ts'
import { dropOf } from '../../replication/collection.ts'
import { type KeyPlace, type Process, riseAbove } from '../../replication/context.ts'
import {
  type Healer,
  healKey,
  healPartition,
  isHealing,
  newHealer,
  onHealed,
  onScanPage,
  sweepHeals,
} from '../../replication/healer.ts'
import type { Outcome, ReplicaMessage } from '../../replication/messages.ts'
import {
  type Acceptor,
  boundDamage,
  type Floors,
  isBounded,
  isDamaged,
  isReady,
  markDamaged,
  markWhole,
  partitionState,
  toPlace,
} from '../../replication/partition-state.ts'
import type { Change, Records } from '../../replication/records.ts'
import type { Scans } from './scans.ts'
import type { Effect, Now } from './step.ts'

export type SelfRepairOptions = {
  readonly process: Process
  readonly acceptor: Acceptor
  readonly records: Records
  readonly partitionCount: () => number
  readonly placeOf: (partition: PartitionId) => KeyPlace
  readonly scans: Scans
  readonly emit: (effect: Effect) => void
  /** The keys of a partition are whole again; their histories may not be. */
  readonly whole: (partition: PartitionId, now: Now) => void
  /** Starts a full round that writes back whatever stands. */
  readonly confirm: (key: ContextKey, now: Now) => void
}

/** Finds out what this peer's disk lost and reads it back from the other owners before it votes with it again. */
export class SelfRepair {
  readonly #options: SelfRepairOptions
  readonly #healer: Healer

  constructor(options: SelfRepairOptions) {
    this.#options = options
    const { acceptor, placeOf, process } = options
    this.#healer = newHealer({
      process,
      heal: (key, now) => this.#heal(key, now),
      isWhole: (key, now) => this.#isWhole(key, now),
      isBounded: (partition, now) => isBounded(acceptor, toPlace(placeOf(partition)), now.wallMs),
      bounded: (partition, floors, now) => this.#partitionBounded(partition, floors, now),
      wholeAgain: (partition, floors, now) => this.#partitionWhole(partition, floors, now),
    })
  }

  damagedPartitions(): PartitionId[] {
    return [...this.#healer.partitions.keys()]
  }

  /** A record of this key is not what was written. */
  damageFound(key: ContextKey, now: Now): void {
    const { emit, placeOf, process } = this.#options
    // Whoever asks for it meanwhile finds it again.
    if (!isHealing(this.#healer, key)) emit({ kind: 'report', event: { kind: 'damageFound', key } })
    // The record of its partition may be the damaged one: then the key is not the only one.
    this.resumeIfDamaged(placeOf(process.placeOf(key).partition), now)
    healKey(this.#healer, key, now)
  }

  /** The disk lost records that it had acknowledged: nothing here counts until it was read back from the others. */
  recordsLost(now: Now): void {
    const { acceptor, emit, partitionCount, placeOf } = this.#options
    const numbers = Array.from({ length: partitionCount() }, (_, number) => number as PartitionId)
    // All of them: which ones it has come into since may be lost with the rest.
    const all = [...numbers, controlPartition]
    for (const partition of all) {
      emit({ kind: 'save', changes: [markDamaged(acceptor, toPlace(placeOf(partition)), now.wallMs)] })
    }
    this.resume(all, now)
  }

  /** Goes on reading these partitions back. */
  resume(partitions: readonly PartitionId[], now: Now): void {
    const { emit, placeOf } = this.#options
    for (const partition of partitions) {
      const place = placeOf(partition)
      // What comes in anew is dropped and copied; then it is looked at again.
      if (!place.accepts || !this.#isReady(partition, now) || this.#healer.partitions.has(partition)) continue
      emit({ kind: 'report', event: { kind: 'partitionDamaged', partition } })
      healPartition(this.#healer, partition, place.quorum, now)
    }
  }

  /** A partition that begins anew after records were lost has no vote until it was read back. */
  resumeIfDamaged(place: KeyPlace, now: Now): void {
    if (isDamaged(this.#options.acceptor, toPlace(place), now.wallMs)) this.resume([place.partition], now)
  }

  /** Partitions that are healed have other owners, or another epoch, from now on. */
  onEpochs(now: Now): void {
    const { placeOf } = this.#options
    for (const job of [...this.#healer.partitions.values()]) {
      const place = placeOf(job.partition)
      if (place.quorum.epoch === job.quorum.epoch) continue
      this.#healer.partitions.delete(job.partition)
      if (place.accepts) healPartition(this.#healer, job.partition, place.quorum, now)
    }
  }

  /** The end of a healing round. */
  healed(key: ContextKey, outcome: Outcome, now: Now): void {
    if (outcome.kind === 'absent') this.#dropLost(key, now)
    onHealed(this.#healer, key, outcome, this.#isWhole(key, now), now)
  }

  /** A quorum of the others knows nothing of this key: it was never chosen, or it was collected (rule 9). */
  #dropLost(key: ContextKey, now: Now): void {
    const { emit, records } = this.#options
    const head = records.head(key)
    if (head === null || this.#isWhole(key, now)) return
    const changes: readonly Change[] =
      head === 'damaged' ? [{ kind: 'headDropped', key }] : dropOf(records, key, head, [])
    emit({ kind: 'save', changes })
    emit({ kind: 'report', event: { kind: 'damageRepaired', key } })
  }

  #isWhole(key: ContextKey, now: Now): boolean {
    const { acceptor, process } = this.#options
    return isWhole(acceptor, key, toPlace(process.placeOf(key)), now.wallMs)
  }

  /** Returns when to look again, Infinity for never. */
  sweep(now: Now): number {
    return sweepHeals(this.#healer, now)
  }

  scanPage(from: PeerId, message: ReplicaMessage & { id: number }, now: Now): void {
    onScanPage(this.#healer, from, message, now)
  }

  /** Another owner wants to know which keys are here. */
  scanAsked(from: PeerId, ask: Extract<ReplicaMessage, { kind: 'scanAsked' }>, now: Now): void {
    const { acceptor, emit, placeOf, process, scans } = this.#options
    const refuse = (reason: 'notOwner' | 'damaged') => {
      emit({ kind: 'send', to: from, message: { kind: 'refused', id: ask.id, epoch: 0, reason } })
    }
    const place = placeOf(ask.partition)
    if (!place.accepts || !this.#isReady(ask.partition, now)) return refuse('notOwner')
    // Its own list is read all the same: it may hold what the others have collected.
    if (from !== process.self && isDamaged(acceptor, toPlace(place), now.wallMs)) return refuse('damaged')
    const { id, partition, after } = ask
    const limit = Math.min(ask.limit, process.limits.pageKeysMax)
    scans.heads(partition, after, limit, (entries, done) => {
      emit({ kind: 'send', to: from, message: { kind: 'scanPage', id, entries, done } })
    })
  }

  #isReady(partition: PartitionId, now: Now): boolean {
    const place = toPlace(this.#options.placeOf(partition))
    return isReady(partitionState(this.#options.acceptor, place, now.wallMs), place)
  }

  #heal(key: ContextKey, now: Now): void {
    const { acceptor, confirm, process } = this.#options
    // The round must exceed whatever this replica may have promised before the damage.
    riseAbove(process, floorOf(acceptor, key, toPlace(process.placeOf(key)), now.wallMs), now.wallMs)
    confirm(key, now)
  }

  #partitionBounded(partition: PartitionId, { ceiling }: Floors, now: Now): void {
    const { acceptor, emit, placeOf } = this.#options
    emit({ kind: 'save', changes: [boundDamage(acceptor, toPlace(placeOf(partition)), ceiling, now.wallMs)] })
  }

  #partitionWhole(partition: PartitionId, floors: Floors, now: Now): void {
    const { acceptor, emit, placeOf } = this.#options
    emit({ kind: 'save', changes: [markWhole(acceptor, toPlace(placeOf(partition)), floors, now.wallMs)] })
    emit({ kind: 'report', event: { kind: 'partitionRepaired', partition } })
    this.#options.whole(partition, now)
  }
}
