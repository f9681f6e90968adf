import { setTimeout as delay } from 'node:timers/promises'
import { LRUCache } from 'lru-cache'
import type { SlurpError } from '../../base/errors.ts'
import { type Clock as HlcClock, mergeHlc } from '../../base/hlc.ts'
import type { ContextKey, PeerId, Version } from '../../base/ids.ts'
import type { Operation, Outcome } from '../../replication/messages.ts'
import type { Log } from '../running-peer.ts'
import type { Submitter } from '../store/api.ts'
import type { FleetLinks, Refusal } from './fleet-links.ts'
import type { Provenance } from './provenance.ts'
import { type AgentAnswer, decodeOutcome, recordsIn } from './wire.ts'

export type RemoteSubmitterParts = {
  readonly links: FleetLinks
  readonly provenance: Provenance
  /** What a grant is refused with. */
  readonly denied: (refusal: Refusal) => SlurpError
  readonly hlc: HlcClock
  readonly wallMs: () => number
  readonly monotonicMs: () => number
  readonly log: Log
}

/** A member that is silent for so long is left alone, and another one is asked. */
const attemptMs = 2_000
const pauseMs = 50
/** A denial may come from a member that is behind, or lies: so many have to agree. */
const denialsWanted = 3
const clockDriftMaxMs = 10_000
const seenMax = 65_536

type Tried =
  | { readonly kind: 'outcome'; readonly outcome: Outcome }
  | { readonly kind: 'denied'; readonly refusal: Refusal }
  /** Nothing that can be used; another member may do better. */
  | { readonly kind: 'nothing'; readonly mayBeCarriedOut: boolean }
  | { readonly kind: 'busy'; readonly afterMs: number }

/**
 * Has members carry out operations, one after the other until one of them answers. Bytes that come back are checked as a
 * member checks them: signed by their author, for this key, under a grant that allowed it; and none that are older than what was
 * seen before.
 */
export class RemoteSubmitter implements Submitter {
  readonly counters = { asked: 0, askedAnew: 0, refusedAnswers: 0 }
  readonly #parts: RemoteSubmitterParts
  readonly #seen = new LRUCache<ContextKey, Version>({ max: seenMax })

  constructor(parts: RemoteSubmitterParts) {
    this.#parts = parts
  }

  /** @throws SlurpError GRANT_DENIED. */
  async submit(operation: Operation, timeoutMs: number): Promise<Outcome> {
    const { links, monotonicMs, denied } = this.#parts
    const untilMs = monotonicMs() + timeoutMs
    const leftMs = () => untilMs - monotonicMs()
    const silent = new Set<PeerId>()
    const denials = new Map<PeerId, Refusal>()
    let attempt = operation.kind === 'write' ? operation.attempt : 1
    let mayBeCarriedOut = false
    while (leftMs() > 0) {
      const ready = links.ready()
      const peer = ready.find(each => !silent.has(each) && !denials.has(each))
      const isDenied = denials.size >= denialsWanted || (peer === undefined && denials.size > 0)
      if (isDenied && !mayBeCarriedOut) throw denied([...denials.values()].at(-1)!)
      const refusals = ready.length === 0 ? links.refusals() : []
      if (refusals.length > 0 && !mayBeCarriedOut) throw denied(refusals[0]!)
      if (peer === undefined) {
        silent.clear()
        await Promise.race([links.nextChange(), delay(Math.min(pauseMs, Math.max(1, leftMs())))])
        continue
      }
      const tried = await this.#try(peer, withAttempt(operation, attempt), Math.ceil(leftMs()))
      if (tried.kind === 'outcome') return tried.outcome
      if (tried.kind === 'busy') {
        await delay(Math.min(tried.afterMs, Math.max(1, leftMs())))
        continue
      }
      this.counters.askedAnew += 1
      if (tried.kind === 'denied') denials.set(peer, tried.refusal)
      else {
        silent.add(peer)
        // The operation may be on its way there: whoever has it next has to know (rule 5).
        if (tried.mayBeCarriedOut) attempt += 1
        mayBeCarriedOut ||= tried.mayBeCarriedOut
      }
    }
    return operation.kind === 'write' && mayBeCarriedOut ? { kind: 'unknown' } : { kind: 'unreached' }
  }

  async #try(peer: PeerId, operation: Operation, leftMs: number): Promise<Tried> {
    const { links } = this.#parts
    this.counters.asked += 1
    const timeoutMs = Math.min(attemptMs, leftMs)
    const answer = await links.ask(peer, { kind: 'operate', operation, timeoutMs }, timeoutMs + pauseMs)
    if (answer === null) return { kind: 'nothing', mayBeCarriedOut: operation.kind === 'write' }
    return await this.#judge(peer, operation, answer)
  }

  async #judge(peer: PeerId, operation: Operation, answer: AgentAnswer): Promise<Tried> {
    switch (answer.kind) {
      case 'denied':
        return { kind: 'denied', refusal: answer }
      case 'busy':
        return { kind: 'busy', afterMs: Math.max(1, answer.afterMs) }
      case 'unable':
        return { kind: 'nothing', mayBeCarriedOut: false }
      case 'done': {
        const told = decodeOutcome(answer.body)
        if (told === null) return { kind: 'nothing', mayBeCarriedOut: operation.kind === 'write' }
        const { outcome, clock } = told
        mergeHlc(this.#parts.hlc, clock, this.#parts.wallMs(), clockDriftMaxMs)
        if (outcome.kind === 'elsewhere' && outcome.reason !== 'overloaded')
          return { kind: 'nothing', mayBeCarriedOut: false }
        if (operation.kind === 'write') return { kind: 'outcome', outcome }
        if (await this.#isGenuine(peer, operation.key, outcome)) return { kind: 'outcome', outcome }
        this.counters.refusedAnswers += 1
        this.#parts.log.warn(
          { peer },
          'a member answered with what its author did not write, or with an older version',
        )
        return { kind: 'nothing', mayBeCarriedOut: false }
      }
    }
  }

  async #isGenuine(peer: PeerId, key: ContextKey, outcome: Outcome): Promise<boolean> {
    if (outcome.kind === 'absent') return true
    if (!(await this.#parts.provenance.isGenuine(peer, key, recordsIn(outcome)))) return false
    if (outcome.kind !== 'found') return true
    const { version } = outcome.value
    const before = this.#seen.get(key)
    if (before !== undefined && before > version) return false
    this.#seen.set(key, version)
    return true
  }
}

const withAttempt = (operation: Operation, attempt: number): Operation =>
  operation.kind === 'write' ? { ...operation, attempt } : operation
