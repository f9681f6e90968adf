import type { ContextKey, PartitionId, PeerId } from '../../base/ids.ts'
import { controlPartition } from '../../dht/keyspace.ts'
import { floorOf, isWhole } from '../../replication/acceptor.ts'
import { type KeyPlace, type Process, riseAbove } from '../../replication/context.ts'
import {
  type Healer,
  healKey,
  healPartition,
  newHealer,
  onHealed,
  onScanPage,
  sweepHeals,
} from '../../replication/healer.ts'
import type { Outcome, ReplicaMessage } from '../../replication/messages.ts'
import {
  type Acceptor,
  isDamaged,
  isReady,
  markDamaged,
  markWhole,
  partitionState,
  toPlace,
} from '../../replication/partition-state.ts'
import type { Records } from '../../replication/records.ts'
import type { Effect, Input, Now } from './step.ts'

export type SelfRepairOptions = {
  readonly process: Process
  readonly acceptor: Acceptor
  readonly records: Records
  readonly partitionCount: () => number
  readonly placeOf: (partition: PartitionId) => KeyPlace
  readonly emit: (effect: Effect) => void
  /** The keys of a partition are whole again; their histories may not be. */
  readonly whole: (partition: PartitionId, now: Now) => void
  /** Starts a full round that writes back whatever stands. */
  readonly confirm: (key: ContextKey, now: Now) => void
}

/** Whether the head of this key is damaged, or the bytes of its version are. */
function isLost(records: Records, key: ContextKey): boolean {
  const head = records.head(key)
  if (head === null || head === 'damaged') return head === 'damaged'
  const version = records.version(key, head.value.version)
  return version === null || version === 'damaged'
}

/** Finds out what this peer's disk lost and reads it back from the other owners before it votes with it again. */
export class SelfRepair {
  readonly #options: SelfRepairOptions
  readonly #healer: Healer
  readonly #scans = new Map<number, { to: PeerId; id: number }>()
  #nextScan = 0

  constructor(options: SelfRepairOptions) {
    this.#options = options
    this.#healer = newHealer(
      options.process,
      (key, now) => this.#heal(key, now),
      (partition, now) => this.#partitionWhole(partition, now),
    )
  }

  damagedPartitions(): PartitionId[] {
    return [...this.#healer.partitions.keys()]
  }

  /** A record of this key is not what was written. */
  damageFound(key: ContextKey, now: Now): void {
    this.#options.emit({ kind: 'report', event: { kind: 'damageFound', key } })
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
      if (!place.accepts || !this.#isReady(partition, now)) continue
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
    const { acceptor, emit, process, records } = this.#options
    if (outcome.kind === 'absent' && isLost(records, key)) {
      emit({ kind: 'save', changes: [{ kind: 'headDropped', key }] })
      emit({ kind: 'report', event: { kind: 'damageRepaired', key } })
    }
    onHealed(
      this.#healer,
      key,
      outcome,
      isWhole(acceptor, key, toPlace(process.placeOf(key)), now.wallMs),
      now,
    )
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
    const { acceptor, emit, placeOf } = this.#options
    const refuse = (reason: 'notOwner' | 'damaged') => {
      emit({ kind: 'send', to: from, message: { kind: 'refused', id: ask.id, epoch: 0, reason } })
    }
    const place = placeOf(ask.partition)
    if (!place.accepts || !this.#isReady(ask.partition, now)) return refuse('notOwner')
    if (isDamaged(acceptor, toPlace(place), now.wallMs)) return refuse('damaged')
    this.#nextScan += 1
    this.#scans.set(this.#nextScan, { to: from, id: ask.id })
    const { partition, after, limit } = ask
    emit({ kind: 'scanPartition', scan: this.#nextScan, partition, after, limit })
  }

  scanned(input: Extract<Input, { kind: 'partitionScanned' }>): void {
    const scan = this.#scans.get(input.scan)
    if (!scan) return
    this.#scans.delete(input.scan)
    const { entries, done } = input
    this.#options.emit({
      kind: 'send',
      to: scan.to,
      message: { kind: 'scanPage', id: scan.id, entries, done },
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

  #partitionWhole(partition: PartitionId, now: Now): void {
    const { acceptor, emit, placeOf } = this.#options
    emit({ kind: 'save', changes: [markWhole(acceptor, toPlace(placeOf(partition)), now.wallMs)] })
    emit({ kind: 'report', event: { kind: 'partitionRepaired', partition } })
    this.#options.whole(partition, now)
  }
}
