import { LRUCache } from 'lru-cache'
import { unreachable } from '../../base/assert.ts'
import { SlurpError } from '../../base/errors.ts'
import { type Clock, mergeHlc, nextHlc } from '../../base/hlc.ts'
import { type ContextKey, isVersion, type Version } from '../../base/ids.ts'
import { type Random, seeded } from '../../base/random.ts'
import type { SealedEnvelope } from '../../crypto/envelope.ts'
import type { Expected, Outcome, ValueKind } from '../../replication/messages.ts'
import type { Submitter } from './api.ts'
import type { Deadline, StoreClock } from './deadline.ts'
import { conflict, gaveUp, nothingThere, writeUnknown, writeUnreached } from './failures.ts'
import { shownBy } from './folding.ts'
import type { StoreLimits } from './limits.ts'
import type { ReplicaReader } from './replica-reader.ts'
import { Turns } from './turns.ts'
import { isGone } from './version-opener.ts'

export type WriteAsk = {
  readonly key: ContextKey
  readonly kind: ValueKind
  readonly expect: Expected
  /** Only over what stands, whatever that is: with `any`. */
  readonly overStanding?: boolean
  readonly expiresAtMs: number
  readonly deadline: Deadline
  /** Makes the envelope of this version over this parent; called again when another version came first. */
  seal(version: Version, parent: Version | null): Promise<SealedEnvelope>
}

export type Written = {
  readonly version: Version
  readonly parent: Version | null
  /** As readers see it: where it is a reseal, what that stands for. */
  readonly shownParent: Version | null
  readonly sealed: SealedEnvelope
  readonly acks: number
  readonly replicas: number
}

/** `shown`: where the version is a reseal, what it stands for. `stands`: somebody has just said that it is live. */
type Guess = { readonly version: Version | null; readonly shown: Version | null; readonly stands: boolean }

type Parts = {
  readonly submitter: Submitter
  readonly reader: ReplicaReader
  readonly clock: StoreClock
  readonly hlc: Clock
  readonly limits: StoreLimits
}

/** The owner that coordinates keeps the place of a write that is sealed again; one that loses more often meets two of them. */
const sealsInTurn = 3
/** First pause, in milliseconds, of a write that lost so often; doubled up to four times, with jitter. */
const pauseMs = 4
const pauseDoublingsMax = 4

/**
 * Writes versions. Sealed bytes are bound to the version that they replace, so the writer guesses it (what it saw
 * last, else nothing), and seals again when the owners name another one.
 */
export class Writer {
  readonly #parts: Parts
  readonly #turns: Turns
  /** The version last seen at a key, a tombstone's too. */
  readonly #guesses: LRUCache<ContextKey, Guess>
  /** Only spreads pauses; what it draws is seen nowhere. */
  readonly #random: Random
  #replicasSeen = 1
  readonly counters = { sealsInVain: 0, unknownSettled: 0, unknownLeft: 0 }

  constructor(parts: Parts) {
    this.#parts = parts
    this.#turns = new Turns(parts.clock, parts.limits.waitingPerKeyMax)
    this.#guesses = new LRUCache({ max: parts.limits.guessesMax })
    this.#random = seeded(Number.parseInt(parts.hlc.tag, 16))
  }

  /** The version last seen at a key; undefined when none was, null for an absent key. */
  guess(key: ContextKey): Version | null | undefined {
    return this.#guesses.get(key)?.version
  }

  /** What is known of the replicas of a version that a read has settled. */
  get quorum(): { acks: number; replicas: number } {
    const replicas = this.#replicasSeen
    return { acks: Math.floor(replicas / 2) + 1, replicas }
  }

  /** Notes what was read at a key. @param shown - what readers see of it. */
  saw(key: ContextKey, version: Version | null, shown: Version | null, stands = false): void {
    const before = this.#guesses.peek(key)?.version
    if (version !== null && before !== undefined && before !== null && before > version) return
    this.#guesses.set(key, { version, shown, stands })
  }

  /**
   * @throws SlurpError VERSION_CONFLICT, QUORUM_UNREACHED with the words "outcome unknown", TOO_MANY when nothing
   * was written because others always came first, NOT_FOUND where it has to be over what stands and nothing does,
   * SHUTTING_DOWN, and what `seal` throws.
   */
  async write(ask: WriteAsk): Promise<Written> {
    const end = await this.#turns.take(ask.key, ask.deadline)
    if (end === null) throw writeUnreached(ask.deadline.timeoutMs)
    try {
      return await this.#sealAndSubmit(ask)
    } finally {
      end()
    }
  }

  async #sealAndSubmit(ask: WriteAsk): Promise<Written> {
    const { limits } = this.#parts
    let { expect } = ask
    for (let seals = 0; seals < limits.sealsMax; seals++) {
      if (seals > sealsInTurn) await ask.deadline.pause(this.#pauseMs(seals))
      // Work of another turn may have taken the rest: nothing of this one has been sent by then.
      if (seals > 0 && ask.deadline.leftMs === 0) break
      const tried = await this.#tryOnce({ ...ask, expect: this.#standingFor(ask.key, expect) })
      if (tried !== null && 'sealed' in tried) return tried
      if (tried !== null) expect = await this.#resealOf(ask, tried.current)
      this.counters.sealsInVain += 1
    }
    throw new SlurpError('TOO_MANY', 'Other writers of this address always came first; nothing was written.')
  }

  /** Of a version that is known to be sealed anew, what stands in its place. */
  #standingFor(key: ContextKey, expect: Expected): Expected {
    const guess = this.#guesses.peek(key)
    return isVersion(expect) && guess?.shown === expect && guess.version !== null ? guess.version : expect
  }

  /**
   * Another version stands than the one that was expected. Where it is that one sealed anew nothing has changed for who
   * read it, and the write is one over the reseal.
   *
   * @throws SlurpError VERSION_CONFLICT.
   */
  async #resealOf({ key, expect, deadline }: WriteAsk, current: Version | null): Promise<Expected> {
    if (current === null || deadline.leftMs === 0) throw this.#conflict(key, expect, current)
    const head = await this.#parts.reader.head(key, deadline, writeUnreached)
    if (head === null) throw this.#conflict(key, expect, null)
    const { version } = shownBy(head)
    this.saw(key, head.version, version)
    if (head.kind === 'live' && version === expect && head.version !== expect) return head.version
    throw this.#conflict(key, expect, current, version)
  }

  /** Null: nothing was written, and never will be under this version; seal again. So it is with another one that stands. */
  async #tryOnce(ask: WriteAsk): Promise<Written | { readonly current: Version | null } | null> {
    const { submitter, clock, hlc } = this.#parts
    const { key, expect, kind, expiresAtMs, deadline } = ask
    const parent = await this.#parentOf(ask)
    if (parent !== null) this.#merge(parent)
    const id = nextHlc(hlc, clock.wallMs())
    const sealed = await ask.seal(id, parent)
    if (deadline.leftMs === 0) throw writeUnreached(deadline.timeoutMs)
    const value = { kind, expiresAtMs, hash: sealed.hash, data: sealed.data }
    const outcome = await submitter.submit(
      { kind: 'write', id, attempt: 1, key, expect, parent, value, epoch: null },
      deadline.leftMs,
    )
    switch (outcome.kind) {
      case 'written':
        this.#replicasSeen = outcome.replicas
        return this.#noted(key, {
          version: id,
          parent,
          sealed,
          acks: outcome.acks,
          replicas: outcome.replicas,
        })
      case 'conflict':
        return { current: outcome.current }
      case 'moved':
        this.#follow(key, id, outcome)
        return null
      case 'unknown':
        return this.#settle(ask, id, parent, sealed)
      case 'unreached':
        this.#guesses.delete(key)
        throw writeUnreached(deadline.timeoutMs)
      case 'elsewhere':
        this.#guesses.delete(key)
        throw gaveUp(outcome, writeUnreached(deadline.timeoutMs))
      case 'found':
      case 'absent':
      case 'versions':
      case 'trimmed':
        // An answer to another kind of question says nothing about this one.
        this.#guesses.delete(key)
        throw writeUnknown(deadline.timeoutMs)
      default:
        return unreachable(outcome)
    }
  }

  async #parentOf({ key, expect, overStanding, deadline }: WriteAsk): Promise<Version | null> {
    if (isVersion(expect)) return expect
    const guess = this.#guesses.get(key)
    if (overStanding !== true || guess?.stands) return guess?.version ?? null
    // `moved` claims nothing about what stands, so that nothing does is for a read to say.
    const head = await this.#parts.reader.head(key, deadline, writeUnreached)
    if (head === null || isGone(head, this.#parts.clock.wallMs())) throw nothingThere()
    this.saw(key, head.version, shownBy(head).version, true)
    return head.version
  }

  #noted(key: ContextKey, written: Omit<Written, 'shownParent'>): Written {
    const { version, parent } = written
    const before = this.#guesses.peek(key)
    const shownParent = before?.version === parent ? (before?.shown ?? null) : parent
    this.#guesses.set(key, { version, shown: version, stands: false })
    return { ...written, shownParent }
  }

  /** @param shown - what readers see of the version that stands. */
  #conflict(key: ContextKey, expect: Expected, current: Version | null, shown = current): SlurpError {
    if (current === null) this.#guesses.delete(key)
    else this.saw(key, current, shown, true)
    if (expect === 'none')
      return conflict('Something is stored at this address already; nothing was written.', shown)
    return conflict(
      current === null
        ? 'Nothing is stored at this address, so no version of it is the current one; nothing was written.'
        : 'Another version is the current one; nothing was written.',
      shown,
    )
  }

  /** Takes note of what stands, so that the next version is above it (rule 13). */
  #follow(key: ContextKey, id: Version, moved: Extract<Outcome, { kind: 'moved' }>): void {
    this.#guesses.set(key, { version: moved.current, shown: moved.current, stands: moved.live })
    const met = moved.current === null || moved.floor > moved.current ? moved.floor : moved.current
    if (!this.#merge(met) && met >= id) {
      throw new SlurpError(
        'QUORUM_UNREACHED',
        'The current version is from a clock far ahead of this one; nothing was written.',
        { hint: 'Compare the clocks of the peers.' },
      )
    }
  }

  #merge(met: Version): boolean {
    const { clock, hlc, limits } = this.#parts
    return mergeHlc(hlc, met, clock.wallMs(), limits.clockDriftMaxMs)
  }

  /**
   * The owners cannot say what became of a write, as its id left their window. Every version stays in the history
   * and ids only grow along it, so the history can: once something newer stands, the write is in it or it never
   * will be (rules 5 and 13). A history that was trimmed cannot say so of what came before its end.
   */
  async #settle(
    ask: WriteAsk,
    id: Version,
    parent: Version | null,
    sealed: SealedEnvelope,
  ): Promise<Written | null> {
    const { key, deadline } = ask
    this.#guesses.delete(key)
    const found = deadline.leftMs === 0 ? 'unknown' : await this.#lookFor(key, id, deadline)
    if (found === 'unknown') {
      this.counters.unknownLeft += 1
      throw writeUnknown(deadline.timeoutMs)
    }
    this.counters.unknownSettled += 1
    if (found === 'never') return null
    return this.#noted(key, { version: id, parent, sealed, ...this.quorum })
  }

  async #lookFor(key: ContextKey, id: Version, deadline: Deadline): Promise<'written' | 'never' | 'unknown'> {
    try {
      let newest: Version | null = null
      let isTrimmed = false
      for await (const { version, parent } of this.#parts.reader.walk(key, null, deadline)) {
        newest ??= version
        if (version === id) return 'written'
        isTrimmed = version > id && parent !== null
        if (version < id) break
      }
      if (newest !== null) this.saw(key, newest, newest)
      return newest !== null && newest > id && !isTrimmed ? 'never' : 'unknown'
    } catch (thrown) {
      // Whatever hinders the look, the write stays unknown, and that is what the caller has to hear.
      if (thrown instanceof SlurpError) return 'unknown'
      throw thrown
    }
  }

  #pauseMs(seals: number): number {
    return pauseMs * 2 ** Math.min(seals - sealsInTurn - 1, pauseDoublingsMax) * this.#random.next()
  }
}
