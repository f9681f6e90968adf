import { assert } from '../../../base/assert.ts'
import type { ChangeLog, DiskStats } from '../../ports/opened-disk.ts'
import { type Disk, type DiskChange, type DiskEntry, DiskFailure } from '../../ports/ports.ts'
import { changeKey, changesBase, changesBaseKey, changeValue, readChanges } from './change-log.ts'
import type { Database } from './database.ts'
import { markerKey, markerWindow } from './markers.ts'
import type { Watermark } from './watermark.ts'

/** Batches that may wait; one more fails. The driver keeps one in flight and gathers the rest itself. */
export const queuedBatchesMax = 1024

type Waiting = {
  readonly batch: readonly DiskChange[]
  readonly done: (failure: DiskFailure | null) => void
}
type LevelOperation =
  | { readonly type: 'put'; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly type: 'del'; readonly key: Uint8Array }

/** Where a disk goes on. */
export type LevelDiskStart = {
  readonly base: number
  readonly last: number
  /** Null: not for any batch yet. */
  readonly changesFrom: number | null
  /** Batches that the list of changes goes back, at most. */
  readonly changeWindow: number
  /** What a record is about, for who follows; null: nothing that is followed. */
  readonly subjectOf: (key: Uint8Array) => Uint8Array | null
}

const noValue = new Uint8Array(0)

/**
 * Disk on Level. Writes are synced one batch at a time. After a write that failed, every later one fails until
 * the disk is opened again: Level goes on in a log whose end is unknown, and what follows a torn record there
 * may be dropped by the next start although it was reported durable.
 */
export class LevelDisk implements Disk {
  /** What batches changed, as far as records have a subject. */
  readonly changeLog: ChangeLog
  private readonly database: Database
  private readonly watermark: Watermark
  private base: number
  private sequence: number
  private readonly waiting: Waiting[] = []
  private inFlight = false
  private failure: DiskFailure | null = null
  private closed: Promise<void> | null = null
  private drained: (() => void) | null = null
  private watermarkSynced: boolean
  private batches = 0
  private changes = 0
  private writtenBytes = 0
  private readonly listeners = new Set<() => void>()
  private readonly subjectOf: LevelDiskStart['subjectOf']
  private readonly changeWindow: number
  /** Changes are listed from this batch on. */
  private readonly changesFrom: number
  private changesBaseStored: boolean

  constructor(database: Database, watermark: Watermark, from: LevelDiskStart) {
    this.database = database
    this.watermark = watermark
    this.base = from.base
    this.sequence = from.last
    this.watermarkSynced = from.last > 0
    this.subjectOf = from.subjectOf
    this.changeWindow = from.changeWindow
    this.changesFrom = from.changesFrom ?? from.last + 1
    this.changesBaseStored = from.changesFrom !== null
    this.changeLog = this.logOfChanges()
  }

  write(batch: readonly DiskChange[], done: (failure: DiskFailure | null) => void): void {
    for (const change of batch) assert(change.key[0]! > 0, 'a key starts with a byte above 0')
    this.submit(batch, done)
  }

  /** As `write`, for the disk's own keys too. */
  submit(batch: readonly DiskChange[], done: (failure: DiskFailure | null) => void): void {
    const refusal =
      this.closed !== null
        ? new DiskFailure('the disk is closed')
        : this.waiting.length >= queuedBatchesMax
          ? new DiskFailure('too many batches wait')
          : null
    if (refusal !== null) {
      // A hole in the order of submission: nothing behind it may succeed.
      if (this.closed === null) this.failure ??= refusal
      queueMicrotask(() => done(refusal))
      return
    }
    this.waiting.push({ batch, done })
    if (!this.inFlight) this.startNext()
  }

  read(key: Uint8Array): Uint8Array | null {
    try {
      return this.database.getSync(key) ?? null
    } catch (cause) {
      throw new DiskFailure('a record cannot be read', { cause })
    }
  }

  scan(
    from: Uint8Array,
    to: Uint8Array,
    limit: number,
    done: (failure: DiskFailure | null, entries: readonly DiskEntry[]) => void,
  ): void {
    assert(from[0]! > 0, 'a scan starts above byte 0')
    assert(Number.isInteger(limit) && limit >= 0, 'a scan has a limit')
    this.collect(from, to, limit).then(
      entries => done(null, entries),
      cause => done(new DiskFailure('records cannot be scanned', { cause }), []),
    )
  }

  /** From here on markers are complete: the verdict about everything before was taken note of. */
  restartMarkers(base: number): void {
    this.base = base
    this.watermark.note({ base: this.base, last: this.sequence })
    this.watermark.sync()
  }

  /** Number of the next batch to be submitted. */
  get nextSequence(): number {
    return this.sequence + this.waiting.length + (this.inFlight ? 1 : 0) + 1
  }

  /** The same promise every time. */
  close(): Promise<void> {
    this.closed ??= this.closeOnce()
    return this.closed
  }

  stats(): DiskStats {
    return {
      batches: this.batches,
      changes: this.changes,
      writtenBytes: this.writtenBytes,
      queuedBatches: this.waiting.length,
      sequence: this.sequence,
      failure: this.failure === null ? null : this.failure.message,
    }
  }

  private startNext(): void {
    const next = this.waiting.shift()
    if (next === undefined) {
      this.inFlight = false
      this.drained?.()
      return
    }
    this.inFlight = true
    this.apply(next.batch).then(
      () => this.finish(next, null),
      cause => {
        this.failure ??= new DiskFailure(`a write failed: ${reasonOf(cause)}`, { cause })
        this.finish(next, this.failure)
      },
    )
  }

  private finish(next: Waiting, failure: DiskFailure | null): void {
    this.startNext()
    next.done(failure)
  }

  private async apply(batch: readonly DiskChange[]): Promise<void> {
    if (this.failure !== null) throw this.failure
    const sequence = this.sequence + 1
    const operations: LevelOperation[] = []
    const subjects: Uint8Array[] = []
    let bytes = 0
    for (const change of batch) {
      const subject = this.subjectOf(change.key)
      if (subject !== null) subjects.push(subject)
      bytes += change.key.length
      if (change.kind === 'put') {
        bytes += change.value.length
        operations.push({ type: 'put', key: change.key, value: change.value })
      } else {
        operations.push({ type: 'del', key: change.key })
      }
    }
    operations.push({ type: 'put', key: markerKey(sequence), value: noValue })
    const oldest = sequence - markerWindow
    if (oldest > 0) operations.push({ type: 'del', key: markerKey(oldest) })
    operations.push(...this.listed(sequence, subjects))
    await this.database.batch(operations, { sync: true })
    this.changesBaseStored = true
    this.sequence = sequence
    this.batches += 1
    this.changes += batch.length
    this.writtenBytes += bytes
    this.watermark.note({ base: this.base, last: sequence })
    if (!this.watermarkSynced) {
      // Once, so that data which vanishes as a whole is missed even after a power cut.
      this.watermark.sync()
      this.watermarkSynced = true
    }
    for (const told of this.listeners) told()
  }

  /** What the batch with this number adds to the list of changes. */
  private listed(sequence: number, subjects: readonly Uint8Array[]): LevelOperation[] {
    const operations: LevelOperation[] = []
    if (subjects.length > 0)
      operations.push({ type: 'put', key: changeKey(sequence), value: changeValue(subjects) })
    const oldest = sequence - this.changeWindow
    if (oldest >= this.changesFrom) operations.push({ type: 'del', key: changeKey(oldest) })
    if (!this.changesBaseStored)
      operations.push({ type: 'put', key: changesBaseKey, value: changesBase(this.changesFrom) })
    return operations
  }

  private logOfChanges(): ChangeLog {
    const disk = this
    return {
      get last() {
        return disk.sequence
      },
      async read(after, batchesMax) {
        const last = disk.sequence
        if (after > last || after + 1 < Math.max(disk.changesFrom, last - disk.changeWindow + 1)) return null
        try {
          return await readChanges(disk.database, after, last, batchesMax)
        } catch (cause) {
          throw new DiskFailure('changes cannot be read', { cause })
        }
      },
      listen(told) {
        disk.listeners.add(told)
        return () => disk.listeners.delete(told)
      },
    }
  }

  private async closeOnce(): Promise<void> {
    if (this.inFlight) {
      await new Promise<void>(resolve => {
        this.drained = resolve
      })
    }
    this.watermark.close()
    await this.database.close()
  }

  private async collect(from: Uint8Array, to: Uint8Array, limit: number): Promise<readonly DiskEntry[]> {
    const found = await this.database.iterator({ gte: from, lt: to, limit }).all()
    return found.map(([key, value]) => ({ key, value }))
  }
}

function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}
