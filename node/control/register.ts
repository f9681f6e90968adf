import { type Clock as HlcClock, mergeHlc, nextHlc } from '../../base/hlc.ts'
import type { ContextKey, OperationId, Version } from '../../base/ids.ts'
import type { Operation, Outcome, WriteOperation } from '../../replication/messages.ts'
import type { Clock, ControlSealer } from '../ports/ports.ts'

/** What a control register holds: the bytes that were put into it, and the version that they have. */
export type Found = { readonly version: Version; readonly body: Uint8Array }

export type ReadAnswer =
  | { readonly kind: 'found'; readonly found: Found }
  | { readonly kind: 'absent' }
  | { readonly kind: 'unreached' }

export type SwapAnswer =
  | { readonly kind: 'swapped'; readonly version: Version }
  /** Something else stands; nothing was written by this attempt, and never will be. */
  | { readonly kind: 'conflict' }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'unreached' }

export type RegisterParts = {
  readonly hlc: HlcClock
  readonly clock: Clock
  readonly sealer: ControlSealer
  readonly submit: (operation: Operation, timeoutMs: number, done: (outcome: Outcome) => void) => void
}

/** A compare-and-set that may be attempted several times: one id for all attempts (rule 5). */
export type Swap = { readonly operation: WriteOperation }

/** One control register, by the same operations as any context. */
export class ControlRegister {
  readonly #parts: RegisterParts
  readonly #key: ContextKey

  constructor(parts: RegisterParts, key: ContextKey) {
    this.#parts = parts
    this.#key = key
  }

  /** A linearizable read. */
  read(timeoutMs: number, done: (answer: ReadAnswer) => void): void {
    const { submit, sealer, hlc, clock } = this.#parts
    submit({ kind: 'read', key: this.#key }, timeoutMs, outcome => {
      if (outcome.kind === 'absent') return done({ kind: 'absent' })
      if (outcome.kind !== 'found' || outcome.value.data === null) return done({ kind: 'unreached' })
      const { version, data } = outcome.value
      mergeHlc(hlc, version, clock.wallMs(), driftMaxMs)
      done({ kind: 'found', found: { version, body: sealer.open(data) } })
    })
  }

  /**
   * Prepares a compare-and-set from `expected` (null: never written) to `body`.
   *
   * @param epoch - of the control partition, in which alone it may be carried out; null for any.
   */
  swap(expected: Version | null, body: Uint8Array, epoch: number | null): Swap {
    const { hlc, clock, sealer } = this.#parts
    if (expected !== null) mergeHlc(hlc, expected, clock.wallMs(), driftMaxMs)
    const id: OperationId = nextHlc(hlc, clock.wallMs())
    const key = this.#key
    const { data, hash } = sealer.seal({ key, version: id, parent: expected }, body)
    const value = { kind: 'live', expiresAtMs: 0, hash, data } as const
    const expect = expected ?? 'none'
    return { operation: { kind: 'write', id, attempt: 1, key, expect, parent: expected, value, epoch } }
  }

  /** @param attempt - from 1; each is higher than those before, also where nothing was heard of them. */
  attempt({ operation }: Swap, attempt: number, timeoutMs: number, done: (answer: SwapAnswer) => void): void {
    // One attempt of ours may become several on its way: they must not take a number of the next one.
    const numbered = { ...operation, attempt: 1 + (attempt - 1) * attemptsOnTheWay }
    this.#parts.submit(numbered, timeoutMs, outcome => done(answerOf(outcome)))
  }
}

const driftMaxMs = 10_000
const attemptsOnTheWay = 1_000

function answerOf(outcome: Outcome): SwapAnswer {
  switch (outcome.kind) {
    case 'written':
      return { kind: 'swapped', version: outcome.version }
    case 'conflict':
    case 'moved':
      return { kind: 'conflict' }
    case 'elsewhere':
    case 'unreached':
      return { kind: 'unreached' }
    default:
      return { kind: 'unknown' }
  }
}
