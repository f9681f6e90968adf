import { type ContextKey, isControlKey, noHlc, type PeerId, type Version } from '../base/ids.ts'
import { consider, copyIn } from './acceptor.ts'
import {
  byPromise,
  isReachable,
  type KeyPlace,
  type Moment,
  newId,
  type Process,
  send,
  wakeAt,
} from './context.ts'
import type { Outcome, ReplicaMessage, ScanEntry, Value, VersionRecord } from './messages.ts'
import { type Acceptor, toPlace } from './partition-state.ts'
import { isVoter } from './quorum.ts'
import type { Change } from './records.ts'
import { keptFromOf } from './register.ts'
import { oldestKept, saveVersion } from './versions.ts'

/** One key that is brought up to what another owner has: its head, and every version that leads to it. */
type KeyPull = {
  readonly entry: ScanEntry
  from: PeerId
  /** Owners that had not what was asked for last, or did not answer. */
  readonly tried: Set<PeerId>
  /** Times that nobody had it. */
  rounds: number
  /** `settling`: a round of all owners is under way, as it could not simply be installed. */
  head: 'wanted' | 'settling' | 'here'
  /** The version that is asked for next; null for none. */
  hole: Version | null
  /** The current version, if it arrived: what a step saves, it does not see itself. */
  current: VersionRecord | null
  id: number
  dueMs: number
}

/** What is fetched for one partition. */
export type Fetches = {
  readonly place: KeyPlace
  /** For a joint stage: it is not throttled, and what a promise forbids to install is settled by a round. */
  readonly isSync: boolean
  /** For an owner to be; else what an owner lacks, and that is no matter of moves. */
  readonly isMove: boolean
  readonly open: Map<ContextKey, KeyPull>
}

export type FetcherOptions = {
  readonly process: Process
  readonly acceptor: Acceptor
  readonly save: (changes: readonly Change[]) => void
  /** A full round that writes back whatever stands; its outcome comes to `settled`. */
  readonly confirm: (key: ContextKey, now: Moment) => void
  /** Bytes a second that may be copied but for a joint stage. */
  readonly bytesPerSecond: () => number
  /** Nothing is copied for a move until it is carried on. */
  readonly arePaused: () => boolean
}

/** Keys that are fetched at once for one partition. */
export const fetchesMax = 64
/**
 * Questions for versions that are under way at once, of all partitions together: owners have others to serve. Twice as
 * many copy a quarter faster, and clients meanwhile wait up to twice as long (decision 065).
 */
const asksAtOnceMax = 32
/** Times that every owner is asked for a version of the history that none of them had. */
const historyRoundsMax = 10

/**
 * Brings single keys up to what another owner listed: the bytes of their versions back to where they are here
 * already, then the head by an accept at its original ballot (rule 8), or by a full round where that is refused.
 */
export class Fetcher {
  /** Bytes of versions that were copied since the start. */
  copiedBytes = 0
  readonly #options: FetcherOptions
  /** Monotonic time at which the bytes that were copied so far are paid for. */
  #paidMs = 0
  /** Questions under way, oldest first, and when each is given up. */
  readonly #asks = new Map<number, number>()
  /** Somebody waits for one of them to be over. */
  #isWaiting = false

  constructor(options: FetcherOptions) {
    this.#options = options
  }

  /** Looks at one key that another owner has; nothing is to be done where this replica is as far. */
  take(fetches: Fetches, from: PeerId, entry: ScanEntry, now: Moment): void {
    const open = fetches.open.get(entry.key)
    if (open && open.entry.accepted >= entry.accepted && open.entry.value !== null) return
    const head = entry.value === null || this.#isBehind(entry) ? 'wanted' : 'here'
    const hole = this.#holeOf(entry)
    if (head === 'here' && hole === null) return
    const due = { id: 0, dueMs: now.monotonicMs }
    fetches.open.set(entry.key, {
      entry,
      from,
      tried: new Set(),
      rounds: 0,
      head,
      hole,
      current: null,
      ...due,
    })
  }

  /** Asks for what is due, or installs it. */
  work(fetches: Fetches, now: Moment): void {
    let running = 0
    for (const pull of [...fetches.open.values()]) {
      if (running++ >= fetchesMax) return
      if (pull.dueMs > now.monotonicMs) continue
      if (pull.head === 'wanted' && this.#currentOf(pull) !== null) {
        if (!this.#install(fetches, pull, now)) {
          this.#settle(pull, now)
          continue
        }
        pull.head = 'here'
      }
      if (pull.hole === null) {
        if (pull.head === 'here') fetches.open.delete(pull.entry.key)
        else this.#settle(pull, now)
      } else if (!this.#ask(fetches, pull, pull.hole, now)) return
    }
  }

  /** False: it answers none of these fetches. */
  answered(
    fetches: Fetches,
    from: PeerId,
    message: Extract<ReplicaMessage, { kind: 'chain' }>,
    now: Moment,
  ): boolean {
    const pull = fetches.open.get(message.key)
    if (pull?.id !== message.id || pull.from !== from) return false
    this.#askEnded(pull.id, now)
    this.#fetched(fetches, pull, message, now)
    return true
  }

  /** A round for a key that could not simply be installed is over. False: it is none of these. */
  settled(fetches: Fetches, key: ContextKey, outcome: Outcome, now: Moment): boolean {
    const pull = fetches.open.get(key)
    if (pull?.head !== 'settling') return false
    const isSettled = outcome.kind === 'found' || outcome.kind === 'absent'
    pull.head = isSettled ? 'here' : 'wanted'
    pull.hole = isSettled ? this.#holeOf(pull.entry) : null
    pull.dueMs = now.monotonicMs + (isSettled ? 0 : this.#options.process.limits.resendMs)
    return true
  }

  #settle(pull: KeyPull, now: Moment): void {
    pull.head = 'settling'
    pull.dueMs = Number.POSITIVE_INFINITY
    this.#options.confirm(pull.entry.key, now)
  }

  /** False: nothing more may be copied for now. */
  #ask(fetches: Fetches, pull: KeyPull, hole: Version, now: Moment): boolean {
    const { process } = this.#options
    if (!fetches.isSync && !this.#mayCopy(fetches, now)) return false
    this.#asks.delete(pull.id)
    if (!this.#mayAsk(now)) return false
    if (pull.id !== 0) this.#turnAway(fetches, pull, now)
    pull.id = newId(process)
    pull.dueMs = now.monotonicMs + process.limits.resendMs
    this.#asks.set(pull.id, pull.dueMs)
    const { key } = pull.entry
    send(process, pull.from, { kind: 'chainAsked', id: pull.id, key, from: hole, limit: 16 })
    return true
  }

  #mayAsk({ monotonicMs }: Moment): boolean {
    for (const [id, dueMs] of this.#asks) {
      if (dueMs > monotonicMs) break
      this.#asks.delete(id)
    }
    if (this.#asks.size < asksAtOnceMax) return true
    this.#isWaiting = true
    wakeAt(this.#options.process, this.#asks.values().next().value ?? monotonicMs)
    return false
  }

  #askEnded(id: number, { monotonicMs }: Moment): void {
    if (!this.#asks.delete(id) || !this.#isWaiting) return
    this.#isWaiting = false
    wakeAt(this.#options.process, monotonicMs)
  }

  #isBehind(entry: ScanEntry): boolean {
    const head = this.#options.acceptor.records.head(entry.key)
    return head === null || head === 'damaged' || head.accepted < entry.accepted
  }

  /**
   * The first version on the way back that is not here. The current one is on a majority of those before, its ancestors
   * may be on few of them: so that no move loses history, every next owner looks for it.
   */
  #holeOf({ key, value }: ScanEntry): Version | null {
    const head = this.#options.acceptor.records.head(key)
    const at = value?.version ?? null
    const isPast = head !== null && head !== 'damaged' && at !== null && head.value.version > at
    return this.#firstMissing(key, isPast ? head.value.version : at, value)
  }

  /** What was trimmed on either side is not missed. */
  #firstMissing(key: ContextKey, from: Version | null, value: Value | null): Version | null {
    const { records } = this.#options.acceptor
    const here = oldestKept(records, key)
    const there = value === null ? noHlc : keptFromOf(value)
    let at = from
    while (at !== null && at >= here && at >= there) {
      const found = records.version(key, at)
      if (found === null || found === 'damaged') return at
      // Of a control register only what stands is kept.
      if (isControlKey(key)) return null
      at = found.parent
    }
    return null
  }

  #mayCopy({ isMove }: Fetches, now: Moment): boolean {
    if (isMove && this.#options.arePaused()) return false
    if (this.#paidMs <= now.monotonicMs) return true
    wakeAt(this.#options.process, this.#paidMs)
    return false
  }

  #pay(bytes: number, now: Moment): void {
    this.copiedBytes += bytes
    const rate = Math.max(1, this.#options.bytesPerSecond())
    this.#paidMs = Math.max(this.#paidMs, now.monotonicMs) + (bytes * 1_000) / rate
  }

  #fetched(
    fetches: Fetches,
    pull: KeyPull,
    message: Extract<ReplicaMessage, { kind: 'chain' }>,
    now: Moment,
  ): void {
    const { acceptor, save } = this.#options
    const { key, value } = pull.entry
    const changes: Change[] = []
    let wanted = pull.hole
    for (const record of message.records) {
      // Only the chain that was asked for: a peer cannot slip in another version.
      if (record.version !== wanted) break
      saveVersion(acceptor.records, key, record, changes)
      this.#pay(record.data?.length ?? 0, now)
      if (record.version === value?.version) pull.current = record
      wanted = record.parent
    }
    if (changes.length > 0) save(changes)
    pull.id = 0
    pull.dueMs = now.monotonicMs
    if (pull.hole === null) return
    if (wanted === pull.hole) return this.#stuck(fetches, pull, now)
    pull.tried.clear()
    pull.hole = isControlKey(key) ? null : this.#firstMissing(key, wanted, value)
  }

  /** Whoever was asked has it not: the others are asked, then a while later all of them again. */
  #stuck(fetches: Fetches, pull: KeyPull, now: Moment): void {
    if (this.#turnAway(fetches, pull, now)) return
    // Without the bytes of the current version only a round can tell.
    if (pull.head === 'wanted' && this.#currentOf(pull) === null) return this.#settle(pull, now)
    // It may be gone for good; what was asked for longer than anybody is away is not waited for.
    if (pull.rounds >= (fetches.isSync ? 1 : historyRoundsMax)) pull.hole = null
    else pull.dueMs = now.monotonicMs + this.#options.process.limits.resendMs * 2
  }

  /** Turns to an owner that was not tried yet; false when there is none, and all of them may be tried again. */
  #turnAway(fetches: Fetches, pull: KeyPull, now: Moment): boolean {
    const { process } = this.#options
    pull.tried.add(pull.from)
    const owners = byPromise(process, fetches.place.quorum.groups[0]!, now.monotonicMs)
    const next = owners.find(
      peer => peer !== process.self && !pull.tried.has(peer) && isReachable(process, peer),
    )
    if (next !== undefined) {
      pull.from = next
      return true
    }
    pull.tried.clear()
    pull.rounds += 1
    return false
  }

  /** The current version with its bytes, null while they are not here. */
  #currentOf({ entry: { key, value }, current }: KeyPull): VersionRecord | null {
    if (value === null || current !== null) return current
    const stored = this.#options.acceptor.records.version(key, value.version)
    return stored === 'damaged' ? null : stored
  }

  /** Rule 8: an accept at its original ballot. False: a promise stands in the way. */
  #install(fetches: Fetches, pull: KeyPull, now: Moment): boolean {
    const { acceptor, process, save } = this.#options
    const { key, accepted, value } = pull.entry
    if (value === null) return false
    if (!this.#isBehind(pull.entry)) return true
    const place = toPlace(fetches.place)
    if (!isVoter(fetches.place.quorum, process.self)) {
      save(copyIn(acceptor, place, key, accepted, value, now.wallMs))
      return true
    }
    const whole: Value = { ...value, data: this.#currentOf(pull)?.data ?? null }
    const ask = { kind: 'replay', id: 0, epoch: place.epoch, key, ballot: accepted, value: whole } as const
    const considered = consider(acceptor, ask, place, now.wallMs)
    // The bytes were saved when they arrived.
    save(considered.changes.filter(change => change.kind !== 'version'))
    return considered.reply.kind === 'accepted' && considered.reply.granted
  }
}
