import { hlcMs } from '../base/hlc.ts'
import { type Ballot, type ContextKey, noBallot, type PartitionId, type PeerId } from '../base/ids.ts'
import { collectionRefusal } from './collection.ts'
import { isReachable, type KeyPlace, type Moment, newId, type Process, send, wakeAt } from './context.ts'
import { differing } from './digest.ts'
import type { Comparison } from './lag.ts'
import type { BucketSum, DigestMessage, ReplicaMessage, ScanEntry } from './messages.ts'
import type { OwnDigest, OwnDigestOptions } from './own-digest.ts'
import { type Acceptor, toPlace } from './partition-state.ts'
import type { Change } from './records.ts'
import { newReplay, type Replay, Replays } from './replays.ts'

/** How a comparison of one partition with one other owner ended. */
export type ComparisonEnd =
  /** `behind`: keys in which one of the two had less; `repaired` of them are not any more; `left`: buckets for the next time. */
  | { readonly kind: 'compared'; readonly behind: number; readonly repaired: number; readonly left: number }
  | { readonly kind: 'waiting'; readonly peers: readonly PeerId[] }
  | {
      readonly kind: 'refused'
      readonly reason: 'notOwner' | 'moving' | 'damaged' | 'outdated' | 'busy'
    }

export type AntiEntropyOptions = {
  readonly process: Process
  readonly acceptor: Acceptor
  readonly own: OwnDigest
  readonly placeOf: (partition: PartitionId) => KeyPlace
  readonly isStable: (partition: PartitionId) => boolean
  readonly admits: (token: number) => boolean
  readonly bucketOf: OwnDigestOptions['bucketOf']
  /** The last key before a bucket; null: the bucket begins the key space. */
  readonly keyBefore: (bucket: number, partition: PartitionId) => ContextKey | null
  readonly scan: OwnDigestOptions['scan']
  readonly save: (changes: readonly Change[]) => void
  readonly sendWhenSaved: (to: PeerId, message: ReplicaMessage) => void
  readonly ended: (task: number, end: ComparisonEnd) => void
}

/** One side of a bucket. */
type Listing = { readonly entries: Map<ContextKey, ScanEntry>; after: ContextKey | null; done: boolean }

type ComparisonJob = {
  readonly task: number
  readonly place: KeyPlace
  readonly peer: PeerId
  readonly token: number
  phase: 'digests' | 'listing' | 'repairing'
  own: readonly BucketSum[] | null
  theirs: readonly BucketSum[] | null
  buckets: number[]
  bucket: number
  lists: { readonly own: Listing; readonly theirs: Listing } | null
  /** The question to the other one that is under way. */
  id: number
  tries: number
  dueMs: number
  giveUpMs: number
  readonly replays: Map<ContextKey, Replay>
  peerBehind: number
  selfBehind: number
  repaired: number
  left: number
}

/** Buckets that one comparison looks into; the rest is for the next one. */
const bucketsMax = 16
const pageKeys = 64
const triesMax = 4
/** Comparisons of one replica at a time, each with another peer. */
const jobsMax = 8
const jobMaxMs = 120_000

/**
 * Finds what hints and read repair missed (rule 8): compares the digests of one partition with one other owner, lists the
 * buckets that differ, and replays whichever accept is newer at its original ballot, in both directions; where a promise
 * stands in the way, a full round. One partition at a time with each peer, at a bounded rate.
 */
export class AntiEntropy {
  readonly #options: AntiEntropyOptions
  readonly #jobs = new Map<PeerId, ComparisonJob>()
  readonly #comparisons = new Map<string, Comparison>()
  readonly #replays: Replays

  constructor(options: AntiEntropyOptions) {
    this.#options = options
    this.#replays = new Replays(options)
  }

  /** Compares one partition with another owner of it. `ended` is called once, with this task. */
  start(task: number, partition: PartitionId, peer: PeerId, token: number, now: Moment): void {
    const { ended, own, placeOf, process } = this.#options
    const place = placeOf(partition)
    const isOwner = place.quorum.targets.includes(peer) && peer !== process.self
    const refusal = isOwner ? this.#refusal(partition, token, now) : 'notOwner'
    const reason = this.#jobs.has(peer) || this.#jobs.size >= jobsMax ? 'busy' : refusal
    if (reason !== null) return ended(task, { kind: 'refused', reason })
    const job: ComparisonJob = {
      task,
      place,
      peer,
      token,
      phase: 'digests',
      own: null,
      theirs: null,
      buckets: [],
      bucket: 0,
      lists: null,
      id: 0,
      tries: 0,
      dueMs: now.monotonicMs,
      giveUpMs: now.monotonicMs + jobMaxMs,
      replays: new Map(),
      peerBehind: 0,
      selfBehind: 0,
      repaired: 0,
      left: 0,
    }
    this.#jobs.set(peer, job)
    if (!isReachable(process, peer)) return this.#silent(job, now)
    const take = (sums: readonly BucketSum[], later: Moment) => {
      if (this.#jobs.get(peer) !== job || job.phase !== 'digests') return
      job.own = sums
      this.#compare(job, later)
    }
    own.sums(partition, true, take, now)
    this.#ask(job, now)
  }

  /** Another owner compares; its epoch is the one in force here. */
  asked(from: PeerId, ask: Extract<DigestMessage, { kind: 'digestAsked' }>, now: Moment): void {
    const { own, placeOf, process, sendWhenSaved } = this.#options
    const refusal = this.#refusal(ask.partition, ask.token, now)
    if (refusal !== null) {
      const reason = refusal === 'moving' ? 'notOwner' : refusal
      const { epoch } = placeOf(ask.partition).quorum
      return send(process, from, { kind: 'refused', id: ask.id, epoch, reason })
    }
    own.sums(
      ask.partition,
      false,
      buckets => sendWhenSaved(from, { kind: 'digest', id: ask.id, buckets }),
      now,
    )
  }

  /** False: the message answers nothing of this machine. */
  answered(from: PeerId, message: ReplicaMessage & { id: number }, now: Moment): boolean {
    const job = this.#jobs.get(from)
    if (!job) return false
    if (job.id === message.id) {
      if (message.kind === 'refused') this.#refused(job, now)
      else if (message.kind === 'digest' && job.phase === 'digests') {
        job.theirs = message.buckets
        this.#compare(job, now)
      } else if (message.kind === 'scanPage' && job.lists) {
        this.#listed(job, job.lists.theirs, message.entries, message.done)
        this.#goOn(job, now)
      }
      return true
    }
    const became = this.#replays.answered(job.replays, job.place, message, now)
    if (became === null) return false
    if (became === 'repaired') job.repaired += 1
    this.#repair(job, now)
    return true
  }

  peerLost(peer: PeerId, now: Moment): void {
    const job = this.#jobs.get(peer)
    if (job) this.#silent(job, now)
  }

  /** The view has changed: a comparison lies in one epoch. */
  onEpochs(): void {
    for (const job of [...this.#jobs.values()]) {
      const { partition, quorum } = job.place
      if (this.#options.placeOf(partition).quorum.epoch === quorum.epoch) continue
      this.#jobs.delete(job.peer)
      this.#options.ended(job.task, { kind: 'refused', reason: 'moving' })
    }
  }

  /** What the comparisons of this boot found last. */
  comparisons(): Iterable<Comparison> {
    return this.#comparisons.values()
  }

  /** Returns when to look again, Infinity for never. */
  sweep(now: Moment): number {
    let wakeMs = Number.POSITIVE_INFINITY
    for (const job of [...this.#jobs.values()]) {
      if (job.giveUpMs <= now.monotonicMs) {
        this.#silent(job, now)
        continue
      }
      if (job.phase === 'repairing') this.#repair(job, now)
      else if (job.dueMs <= now.monotonicMs) this.#ask(job, now)
      if (this.#jobs.get(job.peer) === job) wakeMs = Math.min(wakeMs, this.#dueMs(job), job.giveUpMs)
    }
    return wakeMs
  }

  #dueMs(job: ComparisonJob): number {
    return job.phase === 'repairing' ? this.#replays.dueMs(job.replays) : job.dueMs
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

  /** Sends the question of this phase, again when it was not answered. */
  #ask(job: ComparisonJob, now: Moment): void {
    const { process } = this.#options
    const isNeeded = job.phase === 'digests' ? job.theirs === null : job.lists?.theirs.done === false
    if (!isNeeded) {
      job.dueMs = Number.POSITIVE_INFINITY
      return
    }
    if (job.tries >= triesMax) return this.#silent(job, now)
    job.tries += 1
    job.id = newId(process)
    job.dueMs = now.monotonicMs + process.limits.resendMs * 4
    wakeAt(process, job.dueMs)
    const { partition, quorum } = job.place
    const asked = { id: job.id, epoch: quorum.epoch, partition }
    if (job.phase === 'digests')
      return send(process, job.peer, { kind: 'digestAsked', ...asked, token: job.token })
    const { after } = job.lists!.theirs
    send(process, job.peer, { kind: 'scanAsked', ...asked, after, limit: pageKeys })
  }

  #compare(job: ComparisonJob, now: Moment): void {
    if (job.own === null || job.theirs === null) return
    const buckets = differing(job.own, job.theirs)
    job.left = Math.max(0, buckets.length - bucketsMax)
    job.buckets = buckets.slice(0, bucketsMax)
    this.#nextBucket(job, now)
  }

  #nextBucket(job: ComparisonJob, now: Moment): void {
    const bucket = job.buckets.shift()
    if (bucket === undefined) return this.#finish(job, now)
    const after = this.#options.keyBefore(bucket, job.place.partition)
    const listing = (): Listing => ({ entries: new Map(), after, done: false })
    job.phase = 'listing'
    job.bucket = bucket
    job.lists = { own: listing(), theirs: listing() }
    this.#listOwn(job, job.lists.own)
    this.#goOn(job, now)
  }

  #listOwn(job: ComparisonJob, listing: Listing): void {
    this.#options.scan(job.place.partition, listing.after, pageKeys, (entries, done, now) => {
      if (this.#jobs.get(job.peer) !== job || job.lists?.own !== listing) return
      this.#listed(job, listing, entries, done)
      if (!listing.done) return this.#listOwn(job, listing)
      this.#goOn(job, now)
    })
  }

  #listed(job: ComparisonJob, listing: Listing, entries: readonly ScanEntry[], done: boolean): void {
    const { bucketOf, process } = this.#options
    const { partition } = job.place
    listing.done = done || entries.length === 0
    for (const entry of entries) {
      const isInside =
        process.placeOf(entry.key).partition === partition && bucketOf(entry.key, partition) === job.bucket
      if (isInside) listing.entries.set(entry.key, entry)
      else listing.done = true
      listing.after = entry.key
    }
  }

  /** The next page, or both lists are there. */
  #goOn(job: ComparisonJob, now: Moment): void {
    if (job.lists === null) return
    const { own, theirs } = job.lists
    job.tries = 0
    if (!theirs.done) return this.#ask(job, now)
    job.dueMs = Number.POSITIVE_INFINITY
    if (!own.done) return
    job.lists = null
    job.phase = 'repairing'
    this.#match(job, own.entries, theirs.entries, now)
    this.#repair(job, now)
  }

  #match(
    job: ComparisonJob,
    own: ReadonlyMap<ContextKey, ScanEntry>,
    theirs: ReadonlyMap<ContextKey, ScanEntry>,
    now: Moment,
  ): void {
    const { settleMs } = this.#options.process.limits
    for (const key of new Set([...own.keys(), ...theirs.keys()])) {
      const here = own.get(key)
      const there = theirs.get(key)
      // A damaged record is healed by whose it is.
      if (here?.value === null || there?.value === null) continue
      const ballots: readonly [Ballot, Ballot] = [here?.accepted ?? noBallot, there?.accepted ?? noBallot]
      const newest = ballots[0] > ballots[1] ? ballots[0] : ballots[1]
      if (ballots[0] === ballots[1] || hlcMs(newest) + settleMs > now.wallMs) continue
      const isTheirs = ballots[1] > ballots[0]
      if (isTheirs) job.selfBehind += 1
      else job.peerBehind += 1
      job.replays.set(key, newReplay(key, isTheirs ? there! : null))
    }
  }

  #repair(job: ComparisonJob, now: Moment): void {
    this.#replays.work(job.replays, job.place, job.peer, now)
    if (job.replays.size === 0) return this.#nextBucket(job, now)
    wakeAt(this.#options.process, this.#replays.dueMs(job.replays))
  }

  #finish(job: ComparisonJob, now: Moment): void {
    const behind = job.peerBehind + job.selfBehind
    const left = job.left + behind - job.repaired
    this.#note(job, left > 0 ? 'left' : behind > 0 ? 'repaired' : 'equal', now)
    this.#jobs.delete(job.peer)
    const { repaired } = job
    this.#options.ended(job.task, { kind: 'compared', behind, repaired, left: job.left })
  }

  #silent(job: ComparisonJob, now: Moment): void {
    this.#note(job, 'silent', now)
    this.#jobs.delete(job.peer)
    this.#options.ended(job.task, { kind: 'waiting', peers: [job.peer] })
  }

  #refused(job: ComparisonJob, now: Moment): void {
    this.#note(job, 'refused', now)
    this.#jobs.delete(job.peer)
    this.#options.ended(job.task, { kind: 'waiting', peers: [job.peer] })
  }

  #note(job: ComparisonJob, outcome: Comparison['outcome'], now: Moment): void {
    const { partition } = job.place
    const name = `${job.peer} ${partition}`
    const before = this.#comparisons.get(name)
    // What could not be compared is as far apart as it was.
    const isCompared = outcome !== 'silent' && outcome !== 'refused'
    const { peerBehind, selfBehind, left } = isCompared || !before ? job : before
    const equalAtMs = outcome === 'equal' ? now.wallMs : (before?.equalAtMs ?? null)
    this.#comparisons.set(name, {
      partition,
      peer: job.peer,
      comparedAtMs: now.wallMs,
      equalAtMs,
      peerBehind,
      selfBehind,
      left,
      outcome,
    })
  }
}
