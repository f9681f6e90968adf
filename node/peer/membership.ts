import type { ContextKey, PartitionId, PeerId, Version } from '../../base/ids.ts'
import type { MoveReports, MoveState } from '../../dht/stages.ts'
import { acceptorsOf, assignmentAt, assignmentsOf, type View } from '../../dht/view.ts'
import { type KeyPlace, type Process, wakeAt } from '../../replication/context.ts'
import type { ReplicaMessage } from '../../replication/messages.ts'
import { type Acceptor, leave, partitionState, toPlace } from '../../replication/partition-state.ts'
import type { Puller } from '../../replication/puller.ts'
import type { Change } from '../../replication/records.ts'
import { type FleetMessage, type MoveReport, reportsMax } from './fleet-messages.ts'
import type { Effect, Input, Now } from './step.ts'

/** Questions in an epoch that this replica does not know yet; they wait for the view. */
type Held = { readonly from: PeerId; readonly message: ReplicaMessage }

type Dropping = {
  readonly partition: PartitionId
  list: number
  /** Monotonic time at which it begins: copies that were given away are kept for a grace. */
  readonly dueMs: number
  readonly isEntering: boolean
}

export type MembershipOptions = {
  readonly view: View
  readonly process: Process
  readonly acceptor: Acceptor
  readonly puller: Puller
  readonly placeOf: (partition: PartitionId) => KeyPlace
  readonly emit: (effect: Effect) => void
  /** A newer view is on the disk: from here on it is the one. */
  readonly adopt: (view: View, now: Now) => void
}

const heldMax = 4_096
const heldBytesMax = 16 * 1024 * 1024
/** Records in one slice of dropping an older copy. */
const dropSlice = 512
/** A view is sent to one peer, and asked of one peer, at most so often. */
const viewEveryMs = 100
/** Peers that are sent a new view unasked by whoever saw it agreed on; the others hear of it from beats. */
const pushedMax = 128

/**
 * What this peer knows of the fleet: the view in force, the newer one that is on its way to the disk, what others say
 * of the moves, and the older copies that go. A view is adopted when it is durable, never before: then this peer is
 * fenced, whatever becomes of it (rule 10).
 */
export class Membership {
  #view: View
  readonly #options: MembershipOptions
  #saving: { readonly view: View; readonly mark: number } | null = null
  #marks = 0
  readonly #pulls = new Map<number, PartitionId>()
  #held: Held[] = []
  #heldBytes = 0
  readonly #drops = new Map<PartitionId, Dropping>()
  #lists = 0
  readonly #heard = new Map<PeerId, Map<PartitionId, MoveReport>>()
  readonly #toldMs = new Map<PeerId, { epoch: number; atMs: number }>()
  readonly #askedMs = new Map<PeerId, number>()
  /** Since when others are known to have a newer view; null while none has, or it is on its way to the disk. */
  #behindSinceMs: number | null = null
  #beatDueMs = 0
  #reportSoon = false

  constructor(options: MembershipOptions) {
    this.#options = options
    this.#view = options.view
  }

  get view(): View {
    return this.#view
  }

  /** The epoch of the newest view that is here, in force or on its way to the disk. */
  get #newest(): number {
    return this.#saving?.view.epoch ?? this.#view.epoch
  }

  /** What the members of the moving partitions said last. */
  readonly reports: MoveReports = (partition, epoch, peer) => {
    const report = this.#heard.get(peer)?.get(partition)
    return report?.epoch === epoch ? report.state : null
  }

  /** At start: goes on with whatever an earlier boot left undone. */
  begin(now: Now): void {
    this.#retarget(now)
  }

  take(from: PeerId, message: Exclude<FleetMessage, { kind: 'health' }>, now: Now): void {
    switch (message.kind) {
      case 'viewAsked':
        if (message.epoch < this.#view.epoch) this.#tell(from, now)
        return
      case 'viewTold':
        this.learn(message.view)
        return
      case 'beat': {
        const reports = new Map(message.reports.map(report => [report.partition, report]))
        if (reports.size > 0) this.#heard.set(from, reports)
        else this.#heard.delete(from)
        // Who is behind hears a beat of this peer, too, and then asks one of all those who are ahead.
        if (message.epoch > this.#newest) this.#ask(from, now)
      }
    }
  }

  /** This process saw that a view was agreed on, perhaps before all others: they are told at once. */
  announce(view: View, now: Now): void {
    const { emit, process } = this.#options
    if (!this.learn(view)) return
    for (const peer of [...process.connected].slice(0, pushedMax)) {
      this.#toldMs.set(peer, { epoch: view.epoch, atMs: now.monotonicMs })
      emit({ kind: 'send', to: peer, message: { kind: 'viewTold', view } })
    }
  }

  /** A view that was agreed on; it is saved, then adopted. False: it is none that is newer than what is known here. */
  learn(view: View): boolean {
    const { emit } = this.#options
    if (view.epoch <= this.#newest || view.fleet !== this.#view.fleet) return false
    this.#behindSinceMs = null
    this.#saving = { view, mark: ++this.#marks }
    emit({ kind: 'saveView', view })
    emit({ kind: 'confirmSaved', mark: this.#saving.mark })
    return true
  }

  /** Tells the puller when what it saved for a partition is durable. */
  tellWhenSaved(partition: PartitionId): void {
    this.#marks += 1
    this.#pulls.set(this.#marks, partition)
    this.#options.emit({ kind: 'confirmSaved', mark: this.#marks })
  }

  /** @returns questions that waited for this view. */
  saved(mark: number, now: Now): readonly Held[] {
    const pulled = this.#pulls.get(mark)
    if (pulled !== undefined) {
      this.#pulls.delete(mark)
      this.#options.puller.saved(pulled, now)
      return []
    }
    if (this.#saving?.mark !== mark) return []
    const { members } = this.#view
    this.#view = this.#saving.view
    this.#saving = null
    this.#options.adopt(this.#view, now)
    for (const peer of this.#heard.keys()) {
      if (!this.#view.members.some(member => member.id === peer)) this.#heard.delete(peer)
    }
    this.#retarget(now)
    // Whoever is a member no more is told now: later nobody talks to it.
    for (const { id } of members) {
      const isGone = !this.#view.members.some(member => member.id === id)
      if (isGone && this.#options.process.connected.has(id)) this.#tell(id, now)
    }
    if (this.#ownReports(now).length > 0) this.reportsChanged(now)
    const held = this.#held
    this.#held = []
    this.#heldBytes = 0
    return held
  }

  /** A question of a newer epoch waits for the view that it needs; false when too many wait. */
  hold(from: PeerId, message: ReplicaMessage, now: Now): boolean {
    if (this.#saving === null) this.#ask(from, now)
    const bytes = 'value' in message ? (message.value?.data?.length ?? 0) : 0
    if (this.#held.length >= heldMax || this.#heldBytes + bytes > heldBytesMax) return false
    this.#heldBytes += bytes
    this.#held.push({ from, message })
    return true
  }

  /** Somebody refused because this peer's view, or its own, is old. */
  refusedBy(from: PeerId, reason: 'stale' | 'ahead', now: Now): void {
    if (reason === 'stale') this.#ask(from, now)
    else this.#tell(from, now)
  }

  /** An asker with an older epoch gets the view (rule 10). */
  tellStale(to: PeerId, now: Now): void {
    this.#tell(to, now)
  }

  /** Looks at what is to be done in one partition: taking it over, or dropping what was given away. */
  retarget(partition: PartitionId, now: Now): void {
    const { acceptor, placeOf, process, puller } = this.#options
    const place = placeOf(partition)
    const drop = this.#drops.get(partition)
    if (place.accepts) {
      if (drop && !drop.isEntering) this.#drops.delete(partition)
      const { nextOwners } = assignmentAt(this.#view, partition)
      return puller.retarget(place, nextOwners.includes(process.self), now)
    }
    puller.retarget(place, false, now)
    const { since, epoch } = partitionState(acceptor, toPlace(place), now.wallMs).record
    // A view that is older than what was done here, as the newer one was lost, says nothing about now.
    if (since === 0 || epoch > place.quorum.epoch || drop) return
    const dueMs = now.monotonicMs + process.limits.dropAfterMs
    this.#drops.set(partition, { partition, list: 0, dueMs, isEntering: false })
    wakeAt(process, dueMs)
  }

  reportsChanged(now: Now): void {
    this.#reportSoon = true
    wakeAt(this.#options.process, now.monotonicMs)
  }

  /** An older copy of a partition that this replica comes into is dropped at once. */
  dropNow(partition: PartitionId): void {
    this.#drops.set(partition, { partition, list: 0, dueMs: 0, isEntering: true })
    this.#listNext(this.#drops.get(partition)!)
  }

  /** A slice of the records of a partition that is to be dropped. */
  recordsListed(input: Extract<Input, { kind: 'recordsListed' }>, now: Now): void {
    const drop = [...this.#drops.values()].find(each => each.list === input.list)
    if (!drop) return
    const changes: Change[] = [
      ...input.heads.map((key: ContextKey): Change => ({ kind: 'headDropped', key })),
      ...input.versions.map(
        ({ key, version }: { key: ContextKey; version: Version }): Change => ({
          kind: 'versionDropped',
          key,
          version,
        }),
      ),
    ]
    if (changes.length > 0) this.#options.emit({ kind: 'save', changes })
    if (!input.done) return this.#listNext(drop)
    this.#drops.delete(drop.partition)
    if (drop.isEntering) return this.#options.puller.dropped(drop.partition, now)
    const place = toPlace(this.#options.placeOf(drop.partition))
    if (!place.accepts) {
      this.#options.emit({ kind: 'save', changes: [leave(this.#options.acceptor, place, now.wallMs)] })
    }
  }

  /** Returns when to look again, Infinity for never. */
  sweep(now: Now): number {
    const { process } = this.#options
    let wakeMs = Number.POSITIVE_INFINITY
    for (const drop of this.#drops.values()) {
      if (drop.list !== 0) continue
      if (drop.dueMs <= now.monotonicMs) this.#listNext(drop)
      else wakeMs = Math.min(wakeMs, drop.dueMs)
    }
    if (this.#beatDueMs <= now.monotonicMs) {
      this.#beat(process.connected, now)
      this.#beatDueMs = now.monotonicMs + process.limits.beatMs
    } else if (this.#reportSoon) this.#beat(this.#controlGroup(), now)
    return Math.min(wakeMs, this.#beatDueMs)
  }

  #beat(to: Iterable<PeerId>, now: Now): void {
    const { process, emit } = this.#options
    this.#reportSoon = false
    const reports = this.#ownReports(now)
    if (reports.length > 0)
      this.#heard.set(process.self, new Map(reports.map(report => [report.partition, report])))
    else this.#heard.delete(process.self)
    for (const peer of to) {
      emit({ kind: 'send', to: peer, message: { kind: 'beat', epoch: this.#view.epoch, reports } })
    }
  }

  /** One of them leads, and waits for reports. */
  #controlGroup(): PeerId[] {
    return acceptorsOf(this.#view.control).filter(peer => this.#options.process.connected.has(peer))
  }

  #ownReports(now: Now): MoveReport[] {
    const { process, placeOf, puller } = this.#options
    const reports: MoveReport[] = []
    for (const { partition, assignment } of assignmentsOf(this.#view)) {
      if (assignment.stage === 'stable' || !assignment.nextOwners.includes(process.self)) continue
      const state: MoveState = puller.stateOf(placeOf(partition), now)
      reports.push({ partition, epoch: assignment.epoch, state })
    }
    return reports.slice(0, reportsMax)
  }

  #retarget(now: Now): void {
    for (const { partition } of assignmentsOf(this.#view)) this.retarget(partition, now)
  }

  #listNext(drop: Dropping): void {
    this.#lists += 1
    drop.list = this.#lists
    this.#options.emit({
      kind: 'listRecords',
      list: drop.list,
      partition: drop.partition,
      limit: dropSlice,
    })
  }

  #tell(to: PeerId, now: Now): void {
    const told = this.#toldMs.get(to)
    const { epoch } = this.#view
    if (told?.epoch === epoch && told.atMs + viewEveryMs > now.monotonicMs) return
    this.#toldMs.set(to, { epoch, atMs: now.monotonicMs })
    this.#options.emit({ kind: 'send', to, message: { kind: 'viewTold', view: this.#view } })
  }

  #ask(from: PeerId, now: Now): void {
    // Many are ahead at once: one of them is enough, unless it does not answer.
    if (this.#behindSinceMs === null) this.#behindSinceMs = now.monotonicMs
    else if (this.#behindSinceMs + viewEveryMs > now.monotonicMs) return
    if ((this.#askedMs.get(from) ?? Number.NEGATIVE_INFINITY) + viewEveryMs > now.monotonicMs) return
    this.#askedMs.set(from, now.monotonicMs)
    const epoch = this.#view.epoch
    this.#options.emit({ kind: 'send', to: from, message: { kind: 'viewAsked', epoch } })
  }
}
