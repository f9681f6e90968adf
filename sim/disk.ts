import { assert } from '../base/assert.ts'
import { SlurpError } from '../base/errors.ts'
import type { Random } from '../base/random.ts'
import type { DiskFound, DiskStats, OpenedDisk } from '../node/ports/opened-disk.ts'
import { type Disk, type DiskChange, type DiskEntry, DiskFailure } from '../node/ports/ports.ts'
import { copyOf, DiskJournal } from './disk-journal.ts'

export type DiskFaults = {
  /** From submission of a batch at an idle disk to its sync, in virtual milliseconds. */
  readonly writeDelayMs: readonly [min: number, max: number]
  /** From the sync to `done`: a crash in between leaves a durable batch that nobody was told of. */
  readonly answerDelayMs: readonly [min: number, max: number]
  readonly scanDelayMs: readonly [min: number, max: number]
  /** A read or a scan fails, once. */
  readonly readErrorChance: number
  /** A value is stored with one bit flipped, drawn for each batch. */
  readonly bitFlipChance: number
  /** A batch fails, and with it every later one until the disk is opened again. */
  readonly failWriteChance: number
  /** The batch in flight at a crash was durable already. */
  readonly durableAtCrashChance: number
}

export const noDiskFaults: DiskFaults = {
  writeDelayMs: [0.1, 2],
  answerDelayMs: [0, 0.2],
  scanDelayMs: [0.05, 1],
  readErrorChance: 0,
  bitFlipChance: 0,
  failWriteChance: 0,
  durableAtCrashChance: 0.5,
}

export type SimDiskOptions = {
  readonly random: Random
  /** Runs `run` once, after a virtual delay; never before it returns. */
  readonly schedule: (delayMs: number, run: () => void) => void
  readonly faults: DiskFaults
}

export type SimDiskOpenOptions = {
  readonly expectExisting: boolean
  /** Hands a callback to the process: now, after its pause, or never once it died. */
  readonly deliver?: (run: () => void) => void
}

/**
 * The disk of one machine of the simulator: it outlives processes. A process opens it with `restart`, the first
 * time too, and loses it with `crash`. As strict as the real one: test/contracts/disk.ts runs on both.
 */
export class SimDisk {
  faults: DiskFaults
  /** How often each fault struck. */
  readonly struck = { readErrors: 0, writeFailures: 0, bitFlips: 0 }
  private readonly options: SimDiskOptions
  private readonly journal = new DiskJournal()
  private open: OpenDisk | null = null
  private slowFactor = 1
  private isFull = false
  private lost = { lostTail: false, gaps: false }

  constructor(options: SimDiskOptions) {
    this.options = options
    this.faults = options.faults
  }

  /**
   * Opens what is durable for a new process.
   *
   * @throws SlurpError DATA_MISSING when nothing is there and it was expected; DIRECTORY_TAKEN while the process
   * before still has it.
   */
  restart(options: SimDiskOpenOptions = { expectExisting: false }): OpenedDisk {
    if (this.open !== null) throw new SlurpError('DIRECTORY_TAKEN', 'Another process has this disk open.')
    const fresh = this.journal.batches === 0
    if (fresh && options.expectExisting)
      throw new SlurpError('DATA_MISSING', 'The data of this peer is gone.')
    const open = new OpenDisk(this, this.journal, this.options, options.deliver ?? (run => run()))
    this.open = open
    return open.opened({ fresh, ...this.lost })
  }

  /** What was stored before the run, in a batch of its own; the bytes are shared with the caller. */
  fill(batch: readonly DiskChange[]): void {
    assert(this.open === null, 'a disk is filled while nobody has it open')
    this.journal.append(batch)
  }

  /** Power cut: what was not synced is lost, in the order of submission; no callback runs any more. */
  crash(): void {
    this.open?.cut(this.options.random.chance(this.faults.durableAtCrashChance))
    this.open = null
  }

  /** Only while no process has it open. The last `count` synced batches vanish; the next open reports `lostTail`. */
  loseTail(count: number): number {
    assert(this.open === null, 'a log is cut while nobody has it open')
    const lost = this.journal.loseTail(count)
    if (lost > 0) this.lost.lostTail = true
    return lost
  }

  /** Only while no process has it open. Batches in the middle vanish; the next open reports `gaps`. */
  loseMiddle(random: Random, count: number): number {
    assert(this.open === null, 'a log is damaged while nobody has it open')
    const lost = this.journal.loseMiddle(random, count)
    if (lost > 0) this.lost.gaps = true
    return lost
  }

  /** A bit of a stored value flips, unnoticed by the disk. @returns the key of the record, null when there is none. */
  flipBit(random: Random): Uint8Array | null {
    const key = this.journal.flipBit(random)
    if (key !== null) this.struck.bitFlips++
    return key
  }

  /** Only while no process has it open: everything is gone, the watermark too. */
  wipe(): void {
    assert(this.open === null, 'a disk is replaced while nobody has it open')
    this.journal.wipe()
    this.lost = { lostTail: false, gaps: false }
  }

  /** Every delay takes `factor` times as long; 1 is normal. */
  slow(factor: number): void {
    this.slowFactor = factor
  }

  /** While full, writes fail; the failure sticks to the process that met it, as with the real one. */
  full(isFull: boolean): void {
    this.isFull = isFull
  }

  /** Why a batch would fail now, null when it would not. */
  writeProblem(): string | null {
    if (this.isFull) return 'the disk is full'
    if (!this.options.random.chance(this.faults.failWriteChance)) return null
    this.struck.writeFailures++
    return 'the device failed'
  }

  /** Whether a read fails now. */
  failsToRead(): boolean {
    if (!this.options.random.chance(this.faults.readErrorChance)) return false
    this.struck.readErrors++
    return true
  }

  /** Whether a bit of what is written now flips. */
  spoilsWrite(): boolean {
    if (!this.options.random.chance(this.faults.bitFlipChance)) return false
    this.struck.bitFlips++
    return true
  }

  delayMs([min, max]: readonly [number, number]): number {
    return (min + this.options.random.next() * (max - min)) * this.slowFactor
  }

  acknowledged(): void {
    this.lost = { lostTail: false, gaps: false }
  }

  closed(open: OpenDisk): void {
    if (this.open === open) this.open = null
  }
}

type Waiting = {
  readonly batch: readonly DiskChange[]
  readonly done: (failure: DiskFailure | null) => void
  durable: boolean
}

/** One process's hold of the disk, from `restart` to `crash` or `close`. */
class OpenDisk implements Disk {
  private readonly machine: SimDisk
  private readonly journal: DiskJournal
  private readonly random: Random
  private readonly schedule: SimDiskOptions['schedule']
  private readonly deliver: (run: () => void) => void
  private readonly queue: Waiting[] = []
  private failure: DiskFailure | null = null
  private state: 'open' | 'closing' | 'gone' = 'open'
  private whenDrained: (() => void) | null = null
  private counts = { batches: 0, changes: 0, writtenBytes: 0 }

  constructor(
    machine: SimDisk,
    journal: DiskJournal,
    options: SimDiskOptions,
    deliver: (run: () => void) => void,
  ) {
    this.machine = machine
    this.journal = journal
    this.random = options.random
    this.schedule = options.schedule
    this.deliver = deliver
  }

  opened(found: DiskFound): OpenedDisk {
    return {
      disk: this,
      found,
      acknowledgeDamage: () => this.acknowledgeDamage(),
      close: () => this.close(),
      compact: () => Promise.resolve(),
      sizeOf: () => Promise.resolve(0),
      stats: () => this.stats(),
    }
  }

  write(batch: readonly DiskChange[], done: (failure: DiskFailure | null) => void): void {
    for (const change of batch) assert(change.key[0]! > 0, 'a key starts with a byte above 0')
    if (this.state === 'gone') return
    if (this.state === 'closing') {
      this.later(0, () => done(new DiskFailure('the disk is closed')))
      return
    }
    this.queue.push({ batch: copyOf(batch), done, durable: false })
    if (this.queue.length === 1) this.startNext()
  }

  read(key: Uint8Array): Uint8Array | null {
    if (this.state !== 'open') throw new DiskFailure('the disk is closed')
    if (this.machine.failsToRead()) throw new DiskFailure('a sector cannot be read')
    return this.journal.get(key)
  }

  scan(
    from: Uint8Array,
    to: Uint8Array,
    limit: number,
    done: (failure: DiskFailure | null, entries: readonly DiskEntry[]) => void,
  ): void {
    assert(from[0]! > 0, 'a scan starts above byte 0')
    assert(Number.isInteger(limit) && limit >= 0, 'a scan has a limit')
    // As of now, like an iterator of the real one: what is written while it runs is not in it.
    const entries = this.state === 'open' ? this.journal.range(from, to, limit) : []
    const failed = this.state !== 'open' || this.machine.failsToRead()
    this.later(this.machine.delayMs(this.machine.faults.scanDelayMs), () =>
      failed ? done(new DiskFailure('records cannot be scanned'), []) : done(null, entries),
    )
  }

  /** The process is dead. `inFlightIsDurable` decides about the one batch on its way to the platter. */
  cut(inFlightIsDurable: boolean): void {
    this.state = 'gone'
    const first = this.queue[0]
    if (first !== undefined && !first.durable && inFlightIsDurable && this.failure === null) {
      this.journal.append(first.batch)
    }
    this.queue.length = 0
  }

  private startNext(): void {
    const next = this.queue[0]
    if (next === undefined) {
      this.whenDrained?.()
      return
    }
    const { machine } = this
    this.schedule(machine.delayMs(machine.faults.writeDelayMs), () => {
      if (this.state === 'gone') return
      this.sync(next)
      const failure = this.failure
      this.schedule(machine.delayMs(machine.faults.answerDelayMs), () => {
        if (this.state === 'gone') return
        this.queue.shift()
        this.startNext()
        this.deliver(() => next.done(failure))
      })
    })
  }

  private sync(next: Waiting): void {
    if (this.failure === null) {
      const problem = this.machine.writeProblem()
      if (problem !== null) this.failure = new DiskFailure(`a write failed: ${problem}`)
    }
    if (this.failure !== null) return
    if (this.machine.spoilsWrite()) this.spoil(next.batch)
    this.journal.append(next.batch)
    next.durable = true
    this.counts.batches += 1
    this.counts.changes += next.batch.length
    for (const change of next.batch) {
      this.counts.writtenBytes += change.key.length + (change.kind === 'put' ? change.value.length : 0)
    }
  }

  private spoil(batch: readonly DiskChange[]): void {
    const puts = batch.filter(change => change.kind === 'put' && change.value.length > 0)
    if (puts.length === 0) return
    const victim = this.random.pick(puts)
    if (victim.kind === 'put')
      victim.value[this.random.below(victim.value.length)]! ^= 1 << this.random.below(8)
  }

  private later(delayMs: number, run: () => void): void {
    this.schedule(delayMs, () => {
      if (this.state !== 'gone') this.deliver(run)
    })
  }

  private async acknowledgeDamage(): Promise<void> {
    if (this.failure !== null) throw this.failure
    this.machine.acknowledged()
  }

  private async close(): Promise<void> {
    if (this.state !== 'open') return
    this.state = 'closing'
    if (this.queue.length > 0) {
      await new Promise<void>(resolve => {
        this.whenDrained = resolve
      })
    }
    this.machine.closed(this)
  }

  private stats(): DiskStats {
    return {
      ...this.counts,
      queuedBatches: Math.max(0, this.queue.length - 1),
      sequence: this.journal.batches,
      failure: this.failure === null ? null : this.failure.message,
    }
  }
}
