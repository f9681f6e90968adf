import type { Checkpoint } from '../../crypto/audit/checkpoint.ts'
import type { AuditDecision, AuditEvent } from '../../crypto/audit/entry.ts'
import { type Auditor, auditUnavailable, type Refusal } from './auditor.ts'
import { findEnd, type LogEnd } from './log-end.ts'
import { LogWriter, type LogWriterOptions, type NewEntry } from './log-writer.ts'
import { Refusals } from './refusals.ts'

export type SinkOptions = LogWriterOptions & {
  /** Number of this boot. */
  readonly incarnation: number
  /** `closed`: what cannot be recorded is refused; `open`: it is counted. */
  readonly policy: 'closed' | 'open'
  /** Whether an answer waits for the disk, or for the system only, which keeps it when the process dies. */
  readonly sync: 'second' | 'always'
  /** A checkpoint that survives a power cut, to be told to others. */
  readonly onCheckpoint: (checkpoint: Checkpoint) => void
  readonly report: (event: 'failing' | 'recovered', why: string) => void
  /** Entries that wait to be written, at most. */
  readonly queueMax?: number
  /** What takes so long, in ticks, is taken for failed. */
  readonly stallMs?: number
  readonly tickMs?: number
}

const defaults = { queueMax: 8192, stallMs: 2000, tickMs: 1000 }

/** What is written together, and the one promise of all that wait for it. */
type Batch = {
  readonly entries: NewEntry[]
  readonly done: PromiseWithResolvers<void>
  isSettled: boolean
}

/**
 * The queue in front of a log. Decisions of a tick are one write; while that is under way the next ones gather. Nobody
 * waits for the disk longer than `stallMs` and a tick.
 */
export class AuditSink implements Auditor {
  readonly counts = {
    entries: 0,
    denied: 0,
    /** Let through and not recorded. */
    unaudited: 0,
    /** Refused, as they could not be recorded. */
    refused: 0,
    checkpoints: 0,
    syncs: 0,
    syncMs: 0,
  }
  readonly #options: Required<SinkOptions>
  readonly #writer: LogWriter
  readonly #refusals = new Refusals()
  readonly #start: AuditEvent
  #batch = newBatch()
  #inFlight: Batch | null = null
  #isPumping = false
  #isTending = false
  #isStarted = false
  #stopped = false
  #failure: string | null = null
  /** After a failed sync nobody can tell what of the last writes is on the disk: only a new start finds out. */
  #isLastFailure = false
  /** Decisions that were not recorded since the log last said so. */
  #lost = 0
  #signedSeq = 0
  #turn: Promise<void> = Promise.resolve()
  /** What is under way at the disk, and how many ticks it has been: a process that was paused itself has seen none. */
  readonly #underWay = new Set<{ ticks: number }>()
  #ticking: NodeJS.Timeout | null = null

  /** @param end - where the log goes on. */
  constructor(options: SinkOptions, end: LogEnd) {
    this.#options = { ...defaults, ...options }
    this.#writer = new LogWriter(options, end)
    const { tornBytes, brokenAt } = end
    this.#start = { kind: 'started', incarnation: options.incarnation, tornBytes, brokenAt }
    this.#add(this.#start)
    this.#ticking = setInterval(() => this.#tick(), this.#options.tickMs)
    this.#ticking.unref()
  }

  /** Goes on with the log that is there. A disk that cannot be read is thrown; one that takes nothing shows in `reason`. */
  static async open(options: SinkOptions): Promise<{ sink: AuditSink; end: LogEnd }> {
    const end = await findEnd(options.storage, options.fleet, options.signer.publicKey)
    return { sink: new AuditSink(options, end), end }
  }

  /** Why nothing can be recorded; null while all is well. */
  get reason(): string | null {
    if (this.#failure !== null) return this.#failure
    if (this.#stopped) return 'it is stopping'
    return this.queued >= this.#options.queueMax ? 'too many decisions wait for the disk' : null
  }

  /** Entries that wait to be written. */
  get queued(): number {
    return this.#batch.entries.length
  }

  /** Number of the last entry that was written. */
  get lastSeq(): number {
    return this.#writer.seq
  }

  check(): void {
    const why = this.#options.policy === 'open' ? null : this.reason
    if (why === null) return
    this.#lose(1)
    throw auditUnavailable(why)
  }

  decided(decision: AuditDecision): Promise<void> {
    const why = this.reason
    if (why !== null) {
      this.#lose(decision.count)
      return this.#options.policy === 'open' ? Promise.resolve() : Promise.reject(auditUnavailable(why))
    }
    if (decision.outcome === 'denied') this.counts.denied += decision.count
    return this.#add({ kind: 'decision', ...decision })
  }

  refused(refusal: Refusal): void {
    this.#refusals.add(refusal)
  }

  counters(): Record<string, number> {
    const { entries, denied, unaudited, refused, checkpoints, syncs, syncMs } = this.counts
    return {
      auditEntries: entries,
      auditDenied: denied,
      auditUnaudited: unaudited,
      auditRefused: refused,
      auditCheckpoints: checkpoints,
      auditSyncs: syncs,
      auditSyncMs: Math.round(syncMs),
      auditQueued: this.queued,
      auditSegmentsTrimmed: this.#writer.trimmed,
    }
  }

  /** Writes what waits and a last checkpoint, within `graceMs` or never. Refuses what comes after. */
  async stop(graceMs: number): Promise<void> {
    if (this.#ticking === null) return
    clearInterval(this.#ticking)
    this.#ticking = null
    this.#takeRefusals()
    this.#stopped = true
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<void>(resolve => {
      timer = setTimeout(resolve, graceMs)
    })
    await Promise.race([this.#finish(), late])
    clearTimeout(timer)
    for (const batch of [this.#inFlight, this.#batch]) if (batch !== null) this.#settle(batch, 'it stopped')
  }

  async #finish(): Promise<void> {
    await this.#pump()
    await this.#exclusive(async () => undefined)
    if (this.#failure === null) await this.#signAndSync()
    await this.#exclusive(() => this.#writer.close()).catch(failure => this.#fail(describe(failure)))
  }

  #add(event: AuditEvent): Promise<void> {
    const { entries, done } = this.#batch
    entries.push({ hlc: this.#options.now(), event })
    // The rest of the tick comes along.
    if (entries.length === 1 && !this.#isPumping) setImmediate(() => void this.#pump())
    return done.promise
  }

  async #pump(): Promise<void> {
    if (this.#isPumping) return
    this.#isPumping = true
    while (this.#batch.entries.length > 0 && this.#failure === null)
      await this.#exclusive(() => this.#commit())
    this.#isPumping = false
  }

  async #commit(): Promise<void> {
    const batch = this.#batch
    this.#batch = newBatch()
    this.#inFlight = batch
    try {
      await this.#append(batch.entries)
      if (this.#options.sync === 'always') await this.#sync()
      this.#isStarted = true
      this.#settle(batch, null)
    } catch (failure) {
      this.#fail(describe(failure))
    }
    this.#inFlight = null
  }

  async #append(entries: readonly NewEntry[]): Promise<void> {
    await this.#writer.append(entries)
    this.counts.entries += entries.length
  }

  #tick(): void {
    this.#takeRefusals()
    const { stallMs, tickMs } = this.#options
    for (const work of this.#underWay) {
      work.ticks += 1
      if (work.ticks > stallMs / tickMs) this.#fail('the disk of the audit log hangs')
    }
    if (this.#isTending) return
    this.#isTending = true
    void this.#tend().finally(() => {
      this.#isTending = false
    })
  }

  #takeRefusals(): void {
    // Nobody waits for these; those that were not recorded are counted.
    for (const refusal of this.#refusals.take()) this.decided(refusal).catch(() => undefined)
  }

  async #tend(): Promise<void> {
    if (this.#failure !== null) return this.#retry()
    if (this.#lost > 0) await this.#noteGap().catch(failure => this.#fail(describe(failure)))
    await this.#signAndSync()
  }

  /** Drops what a failed write may have left, and says in the log that something is not in it. */
  async #retry(): Promise<void> {
    if (this.#isLastFailure) return
    try {
      await this.#exclusive(() => this.#writer.cut())
      if (!this.#isStarted)
        await this.#exclusive(() => this.#append([{ hlc: this.#options.now(), event: this.#start }]))
      this.#isStarted = true
      await this.#noteGap()
    } catch (failure) {
      this.#failure = describe(failure)
      return
    }
    this.#options.report('recovered', this.#failure ?? '')
    this.#failure = null
  }

  async #noteGap(): Promise<void> {
    const lost = this.#lost
    const event: AuditEvent = { kind: 'gap', lost, policy: this.#options.policy }
    await this.#exclusive(() => this.#append([{ hlc: this.#options.now(), event }]))
    this.#lost -= lost
  }

  /** Signs what was written since the last time, waits for the disk beside the writes that go on, and tells it. */
  async #signAndSync(): Promise<void> {
    if (this.#writer.seq === this.#signedSeq) return
    try {
      const checkpoint = await this.#exclusive(() => this.#writer.checkpoint())
      this.counts.entries += 1
      await this.#sync()
      this.#signedSeq = checkpoint.seq + 1
      this.counts.checkpoints += 1
      this.#options.onCheckpoint(checkpoint)
    } catch (failure) {
      this.#fail(describe(failure))
    }
  }

  async #sync(): Promise<void> {
    const beganMs = performance.now()
    const work = { ticks: 0 }
    this.#underWay.add(work)
    try {
      await this.#writer.sync()
    } catch (failure) {
      this.#isLastFailure = true
      throw failure
    } finally {
      this.#underWay.delete(work)
    }
    this.counts.syncs += 1
    this.counts.syncMs += performance.now() - beganMs
  }

  /** One after the other: the chain has one writer. */
  async #exclusive<T>(work: () => Promise<T>): Promise<T> {
    const before = this.#turn
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#turn = promise
    await before
    const turn = { ticks: 0 }
    this.#underWay.add(turn)
    try {
      return await work()
    } finally {
      this.#underWay.delete(turn)
      resolve()
    }
  }

  /** @param why - null: it is recorded. */
  #settle(batch: Batch, why: string | null): void {
    if (batch.isSettled) return
    batch.isSettled = true
    if (why === null) return batch.done.resolve()
    const decisions = batch.entries.map(({ event }) => (event.kind === 'decision' ? event.count : 0))
    this.#lose(decisions.reduce((sum, count) => sum + count, 0))
    if (this.#options.policy === 'open') batch.done.resolve()
    else batch.done.reject(auditUnavailable(why))
  }

  #lose(count: number): void {
    this.#lost += count
    if (this.#options.policy === 'open') this.counts.unaudited += count
    else this.counts.refused += count
  }

  /** Whoever waits is told now, and nobody waits again until a write succeeds. */
  #fail(why: string): void {
    if (this.#failure === null) this.#options.report('failing', why)
    this.#failure = why
    const waiting = this.#batch
    this.#batch = newBatch()
    for (const batch of [this.#inFlight, waiting]) if (batch !== null) this.#settle(batch, why)
  }
}

function newBatch(): Batch {
  const done = Promise.withResolvers<void>()
  // Of a batch that nobody waits for no failure goes unheard: it is counted.
  done.promise.catch(() => undefined)
  return { entries: [], done, isSettled: false }
}

/** The code of the system says it all, and names no path. */
function describe(failure: unknown): string {
  const code = failure instanceof Error && 'code' in failure ? String(failure.code) : 'unknown failure'
  if (code === 'ENOSPC' || code === 'EDQUOT') return `the disk of the audit log is full (${code})`
  return `the audit log cannot be written (${code})`
}
