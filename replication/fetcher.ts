import { type ContextKey, isControlKey, type PeerId, type Version } from '../base/ids.ts'
import { consider } from './acceptor.ts'
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
import type { Change } from './records.ts'
import { saveVersion } from './versions.ts'

/** One key that is brought up to what another owner has. */
type KeyPull = {
  readonly entry: ScanEntry
  from: PeerId
  /** Owners that had not what was asked for last, or did not answer. */
  readonly tried: Set<PeerId>
  /** Times that nobody had it. */
  rounds: number
  /** The version that is asked for next; null while a round settles the key. */
  hole: Version | null
  id: number
  dueMs: number
}

/** What is fetched for one partition. */
export type Fetches = {
  readonly place: KeyPlace
  /** For a joint stage: it is not throttled, and what a promise forbids to install is settled by a round. */
  readonly isSync: boolean
  readonly open: Map<ContextKey, KeyPull>
}

export type FetcherOptions = {
  readonly process: Process
  readonly acceptor: Acceptor
  readonly save: (changes: readonly Change[]) => void
  /** A full round that writes back whatever stands; its outcome comes to `settled`. */
  readonly confirm: (key: ContextKey, now: Moment) => void
  /** Bytes a second that may be copied before a joint stage; 0 while moves are paused. */
  readonly bytesPerSecond: () => number
}

/** Keys that are fetched at once for one partition. */
export const fetchesMax = 64
/** Times that every owner is asked for a version of the history that none of them had. */
const historyRoundsMax = 10

/** Until what one step saved is read in another one. */
const savedAfterMs = 1

/** The version before; of a control register only what stands is kept. */
const parentOf = (key: ContextKey, record: VersionRecord): Version | null =>
  isControlKey(key) ? null : record.parent

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

  constructor(options: FetcherOptions) {
    this.#options = options
  }

  /** Looks at one key that another owner has; nothing is to be done where this replica is as far. */
  take(fetches: Fetches, from: PeerId, entry: ScanEntry, now: Moment): void {
    const open = fetches.open.get(entry.key)
    if (open && open.entry.accepted >= entry.accepted && open.entry.value !== null) return
    const pull: KeyPull = {
      entry,
      from,
      tried: new Set(),
      rounds: 0,
      hole: null,
      id: 0,
      dueMs: now.monotonicMs,
    }
    if (entry.value !== null) {
      pull.hole = this.#holeOf(entry)
      if (pull.hole === null && !this.#isBehind(entry)) return
    }
    fetches.open.set(entry.key, pull)
  }

  /** Asks for what is due, or installs it. */
  work(fetches: Fetches, now: Moment): void {
    const { process } = this.#options
    let running = 0
    for (const pull of fetches.open.values()) {
      if (running++ >= fetchesMax) return
      if (pull.dueMs > now.monotonicMs) continue
      if (pull.hole === null) {
        pull.dueMs = Number.POSITIVE_INFINITY
        if (!this.#install(fetches, pull, now)) this.#options.confirm(pull.entry.key, now)
        continue
      }
      if (!fetches.isSync && !this.#mayCopy(now)) return
      if (pull.id !== 0) this.#turnAway(fetches, pull, now)
      pull.id = newId(process)
      pull.dueMs = now.monotonicMs + process.limits.resendMs
      const { key } = pull.entry
      send(process, pull.from, { kind: 'chainAsked', id: pull.id, key, from: pull.hole, limit: 16 })
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
    this.#fetched(fetches, pull, message, now)
    return true
  }

  /** A round for a key that could not simply be installed is over. False: it is none of these. */
  settled(fetches: Fetches, key: ContextKey, outcome: Outcome, now: Moment): boolean {
    const pull = fetches.open.get(key)
    if (!pull || pull.hole !== null) return false
    if (outcome.kind === 'found' || outcome.kind === 'absent') fetches.open.delete(key)
    else pull.dueMs = now.monotonicMs + this.#options.process.limits.resendMs
    return true
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
    const { records } = this.#options.acceptor
    let at: Version | null = value?.version ?? null
    const head = records.head(key)
    if (head !== null && head !== 'damaged' && at !== null && head.value.version > at) at = head.value.version
    return this.#missingFrom(key, at)
  }

  #missingFrom(key: ContextKey, from: Version | null): Version | null {
    let at = from
    while (at !== null) {
      const found = this.#options.acceptor.records.version(key, at)
      if (found === null || found === 'damaged') return at
      at = parentOf(key, found)
    }
    return null
  }

  #mayCopy(now: Moment): boolean {
    if (this.#options.bytesPerSecond() === 0) return false
    if (this.#paidMs <= now.monotonicMs) return true
    wakeAt(this.#options.process, this.#paidMs)
    return false
  }

  #pay(bytes: number, now: Moment): void {
    this.copiedBytes += bytes
    const rate = this.#options.bytesPerSecond()
    if (rate > 0) this.#paidMs = Math.max(this.#paidMs, now.monotonicMs) + (bytes * 1_000) / rate
  }

  #fetched(
    fetches: Fetches,
    pull: KeyPull,
    message: Extract<ReplicaMessage, { kind: 'chain' }>,
    now: Moment,
  ): void {
    const { acceptor, process, save } = this.#options
    const changes: Change[] = []
    let wanted: Version | null = pull.hole
    for (const record of message.records) {
      // Only the chain that was asked for: a peer cannot slip in another version.
      if (record.version !== wanted || record.data === null) break
      saveVersion(acceptor.records, message.key, record, changes)
      this.#pay(record.data.length, now)
      wanted = parentOf(message.key, record)
    }
    if (changes.length > 0) save(changes)
    const before = pull.hole
    // What is saved here can be read from the next step on: the way back goes on behind it, and it is installed later.
    pull.hole = this.#missingFrom(message.key, wanted)
    pull.id = 0
    pull.dueMs = now.monotonicMs + (changes.length > 0 ? savedAfterMs : 0)
    wakeAt(process, pull.dueMs)
    if (pull.hole !== before) pull.tried.clear()
    if (pull.hole === before && before !== null) this.#stuck(fetches, pull, now)
    else if (pull.hole === null && !this.#isBehind(pull.entry)) fetches.open.delete(pull.entry.key)
  }

  /** Whoever was asked has it not: the others are asked, then a while later all of them again. */
  #stuck(fetches: Fetches, pull: KeyPull, now: Moment): void {
    const { acceptor, process } = this.#options
    const { key, value } = pull.entry
    if (this.#turnAway(fetches, pull, now)) return
    const current = acceptor.records.version(key, value!.version)
    const isWhole = current !== null && current !== 'damaged' && !this.#isBehind(pull.entry)
    if (isWhole && pull.rounds >= (fetches.isSync ? 1 : historyRoundsMax)) {
      // It may be gone for good; what was asked for longer than anybody is away is not waited for.
      fetches.open.delete(key)
      return
    }
    // Without the bytes of the current version only a round can tell.
    if (!isWhole) pull.hole = null
    pull.dueMs = now.monotonicMs + (isWhole ? process.limits.resendMs * 2 : 0)
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

  /** Rule 8: an accept at its original ballot. False: a promise or missing bytes stand in the way. */
  #install(fetches: Fetches, pull: KeyPull, now: Moment): boolean {
    const { acceptor, save } = this.#options
    const { key, accepted, value } = pull.entry
    if (!this.#isBehind(pull.entry) && value !== null) {
      fetches.open.delete(key)
      return true
    }
    const stored = value === null ? null : acceptor.records.version(key, value.version)
    if (value === null || stored === null || stored === 'damaged') return false
    const whole: Value = { ...value, data: stored.data }
    const { epoch } = fetches.place.quorum
    const ask = { kind: 'replay', id: 0, epoch, key, ballot: accepted, value: whole } as const
    const considered = consider(acceptor, ask, toPlace(fetches.place), now.wallMs)
    const granted = considered.reply.kind === 'accepted' && considered.reply.granted
    if (considered.changes.length > 0) save(considered.changes)
    // Before the joint stage this replica has no vote: what it cannot take over now, the sync brings.
    if (granted || !fetches.isSync) fetches.open.delete(key)
    return granted || !fetches.isSync
  }
}
