import { type Ballot, type ContextKey, noBallot, type PartitionId, type PeerId } from '../base/ids.ts'
import {
  collectionRefusal,
  considerCollect,
  considerGather,
  isOver,
  isPastFloor,
  type ListedVersions,
} from './collection.ts'
import { isReachable, type KeyPlace, type Moment, newId, type Process, send, wakeAt } from './context.ts'
import type { CollectionMessage, DeadKey, ReplicaMessage, ScanEntry } from './messages.ts'
import { type Acceptor, highest, toPlace } from './partition-state.ts'
import type { Change } from './records.ts'

/** How a collection of one partition ended. */
export type CollectionEnd =
  /** Every key of this replica was looked at. `left`: dead ones that could not go yet. */
  | { readonly kind: 'collected'; readonly dropped: number; readonly left: number }
  /** All replicas are needed, and these do not take part now. */
  | {
      readonly kind: 'waiting'
      readonly peers: readonly PeerId[]
      readonly dropped: number
      readonly left: number
    }
  /** Nothing was done, or nothing more: not an owner, the partition moves, another leader was here, or too much runs. */
  | { readonly kind: 'refused'; readonly reason: 'notOwner' | 'moving' | 'damaged' | 'outdated' | 'busy' }

export type CollectorOptions = {
  readonly process: Process
  readonly acceptor: Acceptor
  readonly placeOf: (partition: PartitionId) => KeyPlace
  /** Learn and joint stages do not collect (rule 9). */
  readonly isStable: (partition: PartitionId) => boolean
  /** Whether a leader's token is none that was overtaken (rule 11). */
  readonly admits: (token: number) => boolean
  readonly save: (changes: readonly Change[]) => void
  /** Sends when everything that was saved so far is durable. */
  readonly sendWhenSaved: (to: PeerId, message: ReplicaMessage) => void
  /** A page of this replica's own heads; `then` may never be called, when the disk cannot be read. */
  readonly scan: (
    partition: PartitionId,
    after: ContextKey | null,
    limit: number,
    then: (entries: readonly ScanEntry[], done: boolean, now: Moment) => void,
  ) => void
  /** All versions on the disk under these keys; `then` as for `scan`. */
  readonly listVersions: (
    keys: readonly ContextKey[],
    then: (listed: ListedVersions, now: Moment) => void,
  ) => void
  /** Whatever else remembers this key may forget it. */
  readonly forget: (key: ContextKey) => void
  readonly ended: (task: number, end: CollectionEnd) => void
}

type Question = Extract<CollectionMessage, { kind: 'gather' | 'collect' }>

type CollectionJob = {
  readonly task: number
  readonly place: KeyPlace
  readonly token: number
  phase: 'listing' | 'gathering' | 'collecting'
  after: ContextKey | null
  isLastPage: boolean
  question: Question | null
  readonly answered: Set<PeerId>
  /** What every owner that answered agrees on so far, and the highest that any of them promised. */
  dead: Map<ContextKey, { readonly accepted: Ballot; readonly promised: Ballot }>
  dueMs: number
  giveUpMs: number
  dropped: number
  left: number
}

/** Keys that are gathered at once. */
const gatherMax = 64
/** Partitions that one replica collects at once. */
const jobsMax = 4
/** Questions of others whose versions are being listed. */
const listingsMax = 64
const triesMax = 5

/**
 * Collects what is dead in a partition (rule 9): asks every owner whether it holds the same, takes the highest promise of
 * them all, and tells each to drop it under that floor. A crash between any two steps leaves replicas that dropped and
 * replicas that did not, which is safe: what they hold is dead, and the next run of one of these finishes it.
 */
export class Collector {
  readonly #options: CollectorOptions
  readonly #jobs = new Map<PartitionId, CollectionJob>()
  /** Until when each is waited for. */
  #listings: number[] = []

  constructor(options: CollectorOptions) {
    this.#options = options
  }

  /** Looks at every key of this replica in a partition. `ended` is called once, with this task. */
  start(task: number, partition: PartitionId, token: number, now: Moment): void {
    const { process, placeOf } = this.#options
    const place = placeOf(partition)
    const refusal = this.#refusal(partition, token, now)
    const reason = this.#jobs.has(partition) || this.#jobs.size >= jobsMax ? 'busy' : refusal
    if (reason !== null) return this.#options.ended(task, { kind: 'refused', reason })
    const job: CollectionJob = {
      task,
      place,
      token,
      phase: 'listing',
      after: null,
      isLastPage: false,
      question: null,
      answered: new Set(),
      dead: new Map(),
      dueMs: 0,
      giveUpMs: 0,
      dropped: 0,
      left: 0,
    }
    this.#jobs.set(partition, job)
    const away = neededFor(job).filter(peer => !isReachable(process, peer))
    if (away.length > 0) return this.#end(job, { kind: 'waiting', peers: away, dropped: 0, left: 0 })
    this.#listNext(job, now)
  }

  /** A question of whoever collects; its epoch is the one in force here. */
  asked(from: PeerId, ask: Question, now: Moment): void {
    const { acceptor, placeOf, process, sendWhenSaved } = this.#options
    const refusal = this.#refusal(ask.partition, ask.token, now)
    if (refusal !== null) return this.#refuse(from, ask, refusal)
    const place = toPlace(placeOf(ask.partition))
    if (ask.kind === 'gather') {
      return sendWhenSaved(from, considerGather(acceptor, ask, place, now.wallMs))
    }
    this.#listings = this.#listings.filter(untilMs => untilMs > now.monotonicMs)
    if (this.#listings.length >= listingsMax) return
    const untilMs = now.monotonicMs + process.limits.resendMs * triesMax
    this.#listings.push(untilMs)
    const keys = ask.keys.map(({ key }) => key)
    this.#options.listVersions(keys, (listed, later) => {
      this.#listings.splice(this.#listings.indexOf(untilMs) >>> 0, 1)
      this.#collect(from, ask, listed, later)
    })
  }

  /** False: the message answers nothing of this collector. */
  answered(from: PeerId, message: ReplicaMessage & { id: number }, now: Moment): boolean {
    for (const job of this.#jobs.values()) {
      if (job.question?.id !== message.id) continue
      if (!neededFor(job).includes(from) || job.answered.has(from)) return true
      if (message.kind === 'refused') this.#wait(job, [from])
      else if (message.kind === 'gathered' && job.phase === 'gathering') {
        job.answered.add(from)
        this.#take(job, message)
        if (this.#allAnswered(job)) this.#decide(job, now)
      } else if (message.kind === 'collected' && job.phase === 'collecting') {
        job.answered.add(from)
        if (from === this.#options.process.self) {
          job.dropped += message.dropped
          job.left += job.dead.size - message.dropped
        }
        if (this.#allAnswered(job)) this.#pageDone(job, now)
      }
      return true
    }
    return false
  }

  /** The view has changed: a collection lies in one epoch. */
  onEpochs(): void {
    for (const job of [...this.#jobs.values()]) {
      const { partition, quorum } = job.place
      if (this.#options.placeOf(partition).quorum.epoch === quorum.epoch) continue
      this.#end(job, { kind: 'refused', reason: 'moving' })
    }
  }

  /** Returns when to look again, Infinity for never. */
  sweep(now: Moment): number {
    let wakeMs = Number.POSITIVE_INFINITY
    for (const job of [...this.#jobs.values()]) {
      if (job.giveUpMs <= now.monotonicMs) {
        const silent = neededFor(job).filter(peer => !job.answered.has(peer))
        this.#wait(job, job.phase === 'listing' ? [] : silent)
        continue
      }
      if (job.dueMs <= now.monotonicMs) this.#ask(job, now)
      wakeMs = Math.min(wakeMs, job.dueMs, job.giveUpMs)
    }
    return wakeMs
  }

  #refusal(
    partition: PartitionId,
    token: number,
    now: Moment,
  ): 'notOwner' | 'moving' | 'damaged' | 'outdated' | null {
    const { acceptor, admits, isStable, placeOf } = this.#options
    if (!isStable(partition)) return 'moving'
    const refusal = collectionRefusal(acceptor, toPlace(placeOf(partition)), now.wallMs)
    if (refusal !== null) return refusal
    return admits(token) ? null : 'outdated'
  }

  #refuse(
    to: PeerId,
    { id, partition }: Question,
    refusal: 'notOwner' | 'moving' | 'damaged' | 'outdated',
  ): void {
    const { epoch } = this.#options.placeOf(partition).quorum
    const reason = refusal === 'moving' ? 'notOwner' : refusal
    send(this.#options.process, to, { kind: 'refused', id, epoch, reason })
  }

  /** The versions of the keys are known: from the check to the drop nothing comes in between. */
  #collect(
    from: PeerId,
    ask: Extract<Question, { kind: 'collect' }>,
    listed: ListedVersions,
    now: Moment,
  ): void {
    const { acceptor, forget, placeOf, save, sendWhenSaved } = this.#options
    const place = placeOf(ask.partition)
    if (place.quorum.epoch !== ask.epoch || this.#refusal(ask.partition, ask.token, now) !== null) return
    const { changes, dropped } = considerCollect(acceptor, ask, listed, toPlace(place), now.wallMs)
    save(changes)
    for (const { key } of dropped) forget(key)
    sendWhenSaved(from, { kind: 'collected', id: ask.id, dropped: dropped.length })
  }

  #listNext(job: CollectionJob, now: Moment): void {
    const { acceptor, process, scan } = this.#options
    job.phase = 'listing'
    job.question = null
    job.dueMs = Number.POSITIVE_INFINITY
    job.giveUpMs = now.monotonicMs + process.limits.resendMs * triesMax * 4
    wakeAt(process, job.giveUpMs)
    const { partition } = job.place
    scan(partition, job.after, gatherMax, (entries, done, later) => {
      if (this.#jobs.get(partition) !== job || job.phase !== 'listing') return
      job.after = entries.at(-1)?.key ?? job.after
      job.isLastPage = done
      job.dead = new Map()
      for (const { key, accepted, value } of entries) {
        if (value === null || !isOver({ accepted, value }, acceptor.limits, later.wallMs)) continue
        job.dead.set(key, { accepted, promised: noBallot })
      }
      if (job.dead.size === 0) return this.#pageDone(job, later)
      const keys = [...job.dead].map(([key, { accepted }]): DeadKey => ({ key, accepted }))
      const { token } = job
      const { epoch } = job.place.quorum
      this.#begin(
        job,
        'gathering',
        { kind: 'gather', id: newId(process), epoch, partition, token, keys },
        later,
      )
    })
  }

  #begin(job: CollectionJob, phase: 'gathering' | 'collecting', question: Question, now: Moment): void {
    job.phase = phase
    job.question = question
    job.answered.clear()
    job.giveUpMs = now.monotonicMs + this.#options.process.limits.resendMs * triesMax
    this.#ask(job, now)
  }

  #ask(job: CollectionJob, now: Moment): void {
    const { process } = this.#options
    if (job.question === null) return
    for (const peer of neededFor(job)) {
      if (!job.answered.has(peer) && isReachable(process, peer)) send(process, peer, job.question)
    }
    job.dueMs = now.monotonicMs + process.limits.resendMs
    wakeAt(process, job.dueMs)
  }

  #allAnswered(job: CollectionJob): boolean {
    return neededFor(job).every(peer => job.answered.has(peer))
  }

  #take(job: CollectionJob, { keys }: Extract<CollectionMessage, { kind: 'gathered' }>): void {
    const said = new Map(keys.map(each => [each.key, each]))
    for (const [key, { accepted, promised }] of [...job.dead]) {
      const there = said.get(key)
      if (there?.isDead) job.dead.set(key, { accepted, promised: highest(promised, there.promised) })
      else {
        job.dead.delete(key)
        job.left += 1
      }
    }
  }

  /** Dead with all N: F is the highest that any of them promised. */
  #decide(job: CollectionJob, now: Moment): void {
    const { process } = this.#options
    let floor: Ballot = noBallot
    const keys: DeadKey[] = []
    for (const [key, { accepted, promised }] of [...job.dead]) {
      if (!isPastFloor(promised, process.limits, now.wallMs)) {
        job.dead.delete(key)
        job.left += 1
        continue
      }
      floor = highest(floor, promised)
      keys.push({ key, accepted })
    }
    if (keys.length === 0) return this.#pageDone(job, now)
    const { partition, quorum } = job.place
    const { token } = job
    const question: Question = {
      kind: 'collect',
      id: newId(process),
      epoch: quorum.epoch,
      partition,
      token,
      floor,
      keys,
    }
    this.#begin(job, 'collecting', question, now)
  }

  #pageDone(job: CollectionJob, now: Moment): void {
    if (!job.isLastPage) return this.#listNext(job, now)
    this.#end(job, { kind: 'collected', dropped: job.dropped, left: job.left })
  }

  #wait(job: CollectionJob, peers: readonly PeerId[]): void {
    this.#end(job, { kind: 'waiting', peers, dropped: job.dropped, left: job.left })
  }

  #end(job: CollectionJob, end: CollectionEnd): void {
    this.#jobs.delete(job.place.partition)
    this.#options.ended(job.task, end)
  }
}

/** All replicas, not a majority: whoever may accept, or hold something older, must agree. */
const neededFor = (job: CollectionJob): readonly PeerId[] => job.place.quorum.targets
