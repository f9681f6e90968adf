import { mergeHlc } from '../../base/hlc.ts'
import type { PartitionId, PeerId } from '../../base/ids.ts'
import { partitionOf } from '../../dht/keyspace.ts'
import type { MoveReports } from '../../dht/stages.ts'
import type { View } from '../../dht/view.ts'
import type { HealthState } from '../../election/health-step.ts'
import type { PeerLag } from '../../replication/lag.ts'
import type { Operation, Outcome } from '../../replication/messages.ts'
import type { PeerMessage } from '../peer/fleet-messages.ts'
import { newPeer, type Peer } from '../peer/peer.ts'
import type { Effect, Input, Task, TaskEnd } from '../peer/step.ts'
import type { DiskChange, DiskFailure } from '../ports/ports.ts'
import { type Admission, admit, mayBeWritten } from './admission.ts'
import { bootChange } from './boot.ts'
import { ClockTalk } from './clock-talk.ts'
import { DecodeError } from './codec/reader.ts'
import { encodeChange, viewChange } from './codec/records.ts'
import { decodeFrame } from './codec/wire.ts'
import type { DriverOptions } from './driver-options.ts'
import { FleetClock } from './fleet-clock.ts'
import { Lists } from './lists.ts'
import { Outbox } from './outbox.ts'
import { damagedIn, SavedRecords } from './saved.ts'

/** What waits for a batch to be durable. */
type Gated = { readonly batch: number; readonly run: () => void }

/**
 * Carries out what the peer decides, in order: saves of a tick form one synced batch, one batch is in flight
 * at a time, and what rests on an unsynced change waits for it. The only place where ordering lives.
 */
export class Driver {
  /** For whatever else in this process needs the time. */
  readonly clock: FleetClock
  readonly #talk: ClockTalk
  readonly #options: DriverOptions
  readonly #saved: SavedRecords
  readonly #outbox: Outbox
  readonly #lists: Lists
  readonly #inputs: Input[] = []
  readonly #answers = new Map<number, (outcome: Outcome) => void>()
  #peer: Peer | null = null
  readonly #tasks = new Map<number, (end: TaskEnd) => void>()
  #nextRequest = 0
  #running = false
  #stopped = false
  #flushSoon = false
  #cancelTimer: () => void = () => undefined
  /** Number of the batch that is being filled. */
  #batch = 1
  #synced = 0
  #filling: DiskChange[] = []
  #writing = false
  #gated: Gated[] = []
  #damageBatch = 0

  constructor(options: DriverOptions) {
    this.#options = options
    const view = () => this.view()
    this.clock = new FleetClock({ own: options.clock, self: options.self, view, ...options.limits })
    this.#talk = new ClockTalk({ clock: this.clock, view, send: (to, message) => this.pass(to, message) })
    const partitions = options.view.partitions.length
    this.#saved = new SavedRecords(options.disk, key => partitionOf(key, partitions))
    this.#lists = new Lists(options.disk, options.clock, partitions, input => this.#take(input))
    this.#outbox = new Outbox(
      options.network,
      () => options.hlc.last,
      to => options.report({ kind: 'frameDropped', to }),
    )
  }

  /**
   * Notes the new boot on disk, finds out the time of the fleet, then takes part; `started` is called then, which may
   * take until other members are heard.
   * @throws SlurpError FORMAT_UNKNOWN when the boot record is of a newer release.
   */
  start(started: (failure: DiskFailure | null) => void): void {
    const { disk, incarnation, network } = this.#options
    disk.write([bootChange({ incarnation })], failure => {
      if (failure) return started(failure)
      if (this.#stopped) return
      network.listen({
        frameArrived: (from, frame) => this.#frameArrived(from, frame),
        peerConnected: peer => this.#take({ kind: 'peerConnected', peer }),
        peerLost: peer => this.#take({ kind: 'peerLost', peer }),
      })
      this.#talk.start(() => {
        this.#begin()
        started(null)
      })
    })
  }

  #begin(): void {
    const { hlc, incarnation, limits, random, recordsLost, self, view } = this.#options
    this.#peer = newPeer({ self, view, clock: hlc, incarnation, records: this.#saved, limits, random })
    if (recordsLost) {
      this.#damageBatch = this.#batch
      this.#take({ kind: 'recordsLost' })
    } else {
      const partitions = damagedIn(this.#saved, view)
      if (partitions.length > 0) this.#take({ kind: 'damageSeen', partitions })
    }
    this.#take({ kind: 'started' })
    for (const peer of this.#talk.connected) this.#take({ kind: 'peerConnected', peer })
  }

  /** Calls `done` exactly once, within `timeoutMs` and a little; never before `submit` returns. */
  submit(operation: Operation, timeoutMs: number, done: (outcome: Outcome) => void): void {
    const refused = this.#refusalOf(operation)
    if (refused) return this.#options.clock.soon(() => done(refused))
    this.#nextRequest += 1
    const request = this.#nextRequest
    this.#answers.set(request, done)
    this.#inputs.push({ kind: 'requested', request, operation, timeoutMs })
    this.#flushLater()
  }

  #refusalOf(operation: Operation): Outcome | null {
    if (this.#stopped) return { kind: 'elsewhere', reason: 'closing' }
    if (!this.#peer) return { kind: 'unreached' }
    return mayBeWritten(operation, this.#options.checker) ? null : { kind: 'elsewhere', reason: 'invalid' }
  }

  /** Operations without an answer yet. */
  get pending(): number {
    return this.#answers.size
  }

  /** A view that this process knows to be agreed on. */
  tellView(view: View): void {
    this.#take({ kind: 'viewTold', view })
  }

  /** A message of this process's control plane to another one's, or to itself. */
  pass(to: PeerId, message: PeerMessage): void {
    if (this.#stopped) return
    this.#send(to, message)
    this.#flushLater()
  }

  /** The view in force. */
  view(): View {
    return this.#peer?.view() ?? this.#options.view
  }

  /** How far the members are with the moves under way. */
  readonly reports: MoveReports = (partition, epoch, peer) =>
    this.#peer?.reports(partition, epoch, peer) ?? null

  /** Work of a duty; `done` is told how it ended, unless this process ends before. */
  carryOut(work: Task, done: (end: TaskEnd) => void): void {
    if (this.#stopped || !this.#peer) return
    this.#nextRequest += 1
    const task = this.#nextRequest
    this.#tasks.set(task, done)
    this.#inputs.push({ kind: 'taskAsked', task, work })
    this.#flushLater()
  }

  /** How far the other owners of this peer's partitions are from what it has. */
  lags(): readonly PeerLag[] {
    return this.#peer?.lags() ?? []
  }

  /** What the fleet takes a member for, as this peer sees it. */
  healthOf(peer: PeerId): HealthState {
    return this.#peer?.healthOf(peer) ?? 'up'
  }

  /** For how long a member has been down for most of the fleet; null while it is not. */
  deadForMs(peer: PeerId): number | null {
    return this.#peer?.deadForMs(peer, this.#options.clock.monotonicMs()) ?? null
  }

  copiedBytes(): number {
    return this.#peer?.copiedBytes() ?? 0
  }

  damagedPartitions(): readonly PartitionId[] {
    return this.#peer?.damagedPartitions() ?? []
  }

  /** From now on nothing is taken or sent. Operations without an answer get the honest one. */
  stop(): void {
    if (this.#stopped) return
    this.#stopped = true
    this.#talk.stop()
    this.#cancelTimer()
    this.#lists.stop()
    const answers = [...this.#answers.values()]
    this.#answers.clear()
    for (const done of answers) done({ kind: 'unknown' })
  }

  #frameArrived(from: PeerId, bytes: Uint8Array): void {
    if (this.#stopped) return
    const { hlc, limits, report } = this.#options
    try {
      const frame = decodeFrame(bytes)
      const messages = frame.messages.filter(message => !this.#talk.take(from, message))
      // Before it takes part everything else is as good as lost: whoever asks asks again.
      if (!this.#peer) return
      // Rule 13: clocks merge on every message; one that is far ahead is not followed.
      if (!mergeHlc(hlc, frame.clock, this.clock.wallMs(), limits.ballotDriftMaxMs))
        report({ kind: 'clockAhead', from })
      for (const message of messages) this.#admit(from, message)
      this.#run()
    } catch (failure) {
      if (!(failure instanceof DecodeError)) throw failure
      report({ kind: 'frameRefused', from, why: failure.message })
    }
  }

  /** Rights and signatures are checked here, on receive, whoever sent it and for whatever reason. */
  #admit(from: PeerId, message: PeerMessage): void {
    const admission: Admission = admit(message, this.#options.checker)
    if (admission.kind === 'refused') {
      this.#options.report({ kind: 'envelopeRefused', from, message: message.kind })
      if (admission.reply) this.#outbox.add(from, admission.reply)
      this.#flushLater()
      return
    }
    this.#options.witness?.heard(from, message)
    this.#inputs.push({ kind: 'messageArrived', from, message })
  }

  #take(input: Input): void {
    if (this.#stopped) return
    this.#talk.note(input)
    if (!this.#peer) return
    this.#inputs.push(input)
    this.#run()
  }

  /** Steps the peer through everything that is due; a step may add to it by sending to itself. */
  #run(): void {
    if (this.#running || this.#stopped || !this.#peer || this.#inputs.length === 0) return
    this.#running = true
    for (let at = 0; at < this.#inputs.length && !this.#stopped; at++) {
      const now = { wallMs: this.clock.wallMs(), monotonicMs: this.clock.monotonicMs() }
      for (const effect of this.#peer.step(this.#inputs[at]!, now)) this.#perform(effect)
    }
    this.#inputs.length = 0
    this.#running = false
    this.#flushLater()
  }

  #perform(effect: Effect): void {
    const { clock, report } = this.#options
    switch (effect.kind) {
      case 'save':
        for (const change of effect.changes) {
          this.#saved.note(change, this.#batch)
          this.#filling.push(encodeChange(change))
        }
        return
      case 'sendAfterSave': {
        const batch = this.#saved.unsyncedBatchOf(effect.key)
        return this.#whenDurable(batch, () => this.#send(effect.to, effect.message))
      }
      case 'send':
        return this.#send(effect.to, effect.message)
      case 'release':
        return void this.#inputs.push({ ...effect, kind: 'released' })
      case 'sendWhenSaved':
        return this.#whenDurable(this.#lastBatch(), () => this.#send(effect.to, effect.message))
      case 'taskEnded': {
        const done = this.#tasks.get(effect.task)
        this.#tasks.delete(effect.task)
        done?.(effect.end)
        return
      }
      case 'answer': {
        const done = this.#answers.get(effect.request)
        this.#answers.delete(effect.request)
        done?.(effect.outcome)
        return
      }
      case 'arm':
        this.#cancelTimer()
        this.#cancelTimer = clock.at(effect.atMs, () => this.#take({ kind: 'timePassed' }))
        return
      case 'saveView':
        this.#filling.push(viewChange(effect.view))
        return
      case 'confirmSaved':
        return this.#whenDurable(this.#lastBatch(), () =>
          this.#inputs.push({ kind: 'saved', mark: effect.mark }),
        )
      // What was taken before must be in the list: it may be acknowledged when the list is read elsewhere (rule 10).
      case 'scanPartition':
        return this.#whenDurable(this.#lastBatch(), () => this.#lists.partition(effect))
      case 'listRecords':
        return this.#whenDurable(this.#lastBatch(), () => this.#lists.records(effect))
      case 'listVersions':
        return this.#whenDurable(this.#lastBatch(), () => this.#lists.versions(effect))
      case 'listHints':
        return this.#lists.hints(effect)
      case 'report':
        if (effect.event.kind === 'viewAdopted') this.clock.viewAdopted()
        return report(effect.event)
      case 'passOn':
        return this.#options.passedOn?.(effect.from, effect.message)
    }
  }

  /** The batch that holds what was saved last, durable or not. */
  #lastBatch(): number {
    return this.#filling.length > 0 ? this.#batch : this.#batch - 1
  }

  /** At once when it is; else when the batch was written, in order. */
  #whenDurable(batch: number, run: () => void): void {
    if (batch > this.#synced) this.#gated.push({ batch, run })
    else run()
  }

  #send(to: PeerId, message: PeerMessage): void {
    if (to === this.#options.self)
      return void this.#inputs.push({ kind: 'messageArrived', from: to, message })
    this.#options.witness?.sent(to, message)
    this.#outbox.add(to, message)
    if (message.kind === 'beat') this.#talk.beats(to)
  }

  #flushLater(): void {
    if (this.#flushSoon || this.#stopped) return
    this.#flushSoon = true
    this.#options.clock.soon(() => {
      // What this last run adds leaves with it: asking for another flush would never end.
      this.#run()
      this.#flushSoon = false
      if (this.#stopped) return
      this.#outbox.flush()
      this.#writeBatch()
    })
  }

  /** Group commit: whatever was saved while the last batch was being synced goes out together. */
  #writeBatch(): void {
    if (this.#writing || this.#filling.length === 0) return
    const batch = this.#batch
    const changes = this.#filling
    this.#filling = []
    this.#batch += 1
    this.#writing = true
    this.#options.disk.write(changes, failure => {
      this.#writing = false
      if (this.#stopped) return
      if (failure) {
        this.stop()
        this.#options.failed(failure)
        return
      }
      this.#synced = batch
      this.#saved.synced(batch)
      if (batch === this.#damageBatch) this.#options.damageMarked?.()
      const gated = this.#gated
      this.#gated = []
      for (const each of gated) {
        if (each.batch <= batch) each.run()
        else this.#gated.push(each)
      }
      this.#run()
      this.#outbox.flush()
      this.#writeBatch()
    })
  }
}
