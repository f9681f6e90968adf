import type { Ballot, ContextKey, PeerId } from '../base/ids.ts'
import { consider } from './acceptor.ts'
import { isOver } from './collection.ts'
import { type KeyPlace, type Moment, newId, type Process, send } from './context.ts'
import type { ReplicaMessage, ScanEntry, Value, VersionRecord } from './messages.ts'
import { type Acceptor, toPlace } from './partition-state.ts'
import type { Change } from './records.ts'

/** One key in which two owners differ. */
export type Replay = {
  readonly key: ContextKey
  /** What the other one has, where it is to come from there; null where this replica's own goes there. */
  readonly theirs: ScanEntry | null
  id: number
  tries: number
  dueMs: number
}

export type ReplaysOptions = {
  readonly process: Process
  readonly acceptor: Acceptor
  readonly save: (changes: readonly Change[]) => void
}

const atOnceMax = 16
const triesMax = 4

export const newReplay = (key: ContextKey, theirs: ScanEntry | null): Replay => ({
  key,
  theirs,
  id: 0,
  tries: 0,
  dueMs: 0,
})

/**
 * Brings the older of two owners up to what the newer has: an accept at its original ballot (rule 8), there or here, and
 * where that is refused a full round. At a bounded rate.
 */
export class Replays {
  readonly #options: ReplaysOptions
  /** Monotonic time at which the bytes that went to and fro so far are paid for. */
  #paidMs = 0

  constructor(options: ReplaysOptions) {
    this.#options = options
  }

  /** Sends what is due; what was tried often enough is given up. */
  work(open: Map<ContextKey, Replay>, place: KeyPlace, peer: PeerId, now: Moment): void {
    let running = 0
    for (const replay of [...open.values()]) {
      if (running++ >= atOnceMax || this.#paidMs > now.monotonicMs) return
      if (replay.dueMs > now.monotonicMs) continue
      const isSent = replay.tries < triesMax && this.#send(replay, place, peer, now)
      if (!isSent) open.delete(replay.key)
    }
  }

  /** When there is something to do again, Infinity for never. */
  dueMs(open: ReadonlyMap<ContextKey, Replay>): number {
    let dueMs = Number.POSITIVE_INFINITY
    for (const replay of open.values()) dueMs = Math.min(dueMs, Math.max(replay.dueMs, this.#paidMs))
    return dueMs
  }

  /** What became of one of these, null when the message answers none. */
  answered(
    open: Map<ContextKey, Replay>,
    place: KeyPlace,
    message: ReplicaMessage & { id: number },
    now: Moment,
  ): 'repaired' | 'refused' | null {
    const replay = [...open.values()].find(each => each.id === message.id)
    if (replay === undefined) return null
    const isRepaired = this.#isRepaired(replay, place, message, now)
    if (isRepaired === null) return null
    open.delete(replay.key)
    return isRepaired ? 'repaired' : 'refused'
  }

  /** False: what was to be sent is not here any more. */
  #send(replay: Replay, place: KeyPlace, peer: PeerId, now: Moment): boolean {
    const { acceptor, process } = this.#options
    const { key, theirs } = replay
    replay.id = newId(process)
    replay.tries += 1
    replay.dueMs = now.monotonicMs + process.limits.resendMs * 2
    if (theirs !== null) {
      send(process, peer, { kind: 'chainAsked', id: replay.id, key, from: theirs.value!.version, limit: 1 })
      return true
    }
    const head = acceptor.records.head(key)
    if (head === null || head === 'damaged') return false
    const record = acceptor.records.version(key, head.value.version)
    if (record === null || record === 'damaged') return false
    this.#pay(record.data, now)
    const value: Value = { ...head.value, data: record.data }
    const { epoch } = place.quorum
    send(process, peer, { kind: 'replay', id: replay.id, epoch, key, ballot: head.accepted, value })
    return true
  }

  #pay(data: Uint8Array | null, now: Moment): void {
    const bytes = data?.length ?? 0
    const { repairBytesPerSecond } = this.#options.process.limits
    this.#paidMs = Math.max(this.#paidMs, now.monotonicMs) + (bytes * 1_000) / repairBytesPerSecond
  }

  #isRepaired(
    { key, theirs }: Replay,
    place: KeyPlace,
    message: ReplicaMessage,
    now: Moment,
  ): boolean | null {
    if (theirs === null) {
      if (message.kind === 'refused') return false
      if (message.kind !== 'accepted') return null
      const head = this.#options.acceptor.records.head(key)
      if (!message.granted && head !== null && head !== 'damaged')
        this.#bringUp(key, head.accepted, head.value, now)
      return message.granted
    }
    if (message.kind !== 'chain' && message.kind !== 'refused') return null
    const isHere = message.kind === 'chain' && this.#install(theirs, message.records[0], place, now)
    if (!isHere) this.#bringUp(key, theirs.accepted, theirs.value!, now)
    return isHere
  }

  /** Something newer, or a promise, or the floor of a collection stands in the way, or the bytes are gone. */
  #bringUp(key: ContextKey, accepted: Ballot, value: Value, now: Moment): void {
    const { process } = this.#options
    // What is dead for long is left to collection: writing it anew would only begin its grace again.
    if (!isOver({ accepted, value }, process.limits, now.wallMs))
      process.wishes.push({ kind: 'bringUp', key })
  }

  #install(
    { key, accepted, value }: ScanEntry,
    record: VersionRecord | undefined,
    place: KeyPlace,
    now: Moment,
  ): boolean {
    const { acceptor, save } = this.#options
    if (record === undefined || record.version !== value!.version) return false
    this.#pay(record.data, now)
    const { epoch } = place.quorum
    const whole: Value = { ...value!, data: record.data }
    const ask = { kind: 'replay', id: 0, epoch, key, ballot: accepted, value: whole } as const
    const { changes, reply } = consider(acceptor, ask, toPlace(place), now.wallMs)
    if (changes.length > 0) save(changes)
    return reply.kind === 'accepted' && reply.granted
  }
}
