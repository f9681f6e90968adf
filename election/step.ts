import type { Version } from '../base/ids.ts'

/**
 * The moment of a step: the monotonic clock of this process, which is all that a lease knows of time. It must go on
 * while the process is stopped, and must not jump.
 */
export type Moment = { readonly monotonicMs: number }

/** What a linearizable read of the register gave. The register is never deleted; `absent`: it was never written. */
export type ReadOutcome =
  | { readonly kind: 'found'; readonly version: Version; readonly data: Uint8Array }
  | { readonly kind: 'absent' }
  | { readonly kind: 'unreached' }

export type SwapOutcome =
  /** This operation, through one of its attempts, was carried out. `version` is what it wrote. */
  | { readonly kind: 'success'; readonly version: Version }
  /** Something else than the expected version stands; this attempt was not and will not be carried out. */
  | { readonly kind: 'conflict' }
  /** It may have been, or may yet be, carried out. */
  | { readonly kind: 'unknown' }
  /** This attempt was not and will not be carried out, as nobody took it. */
  | { readonly kind: 'unreached' }

/** Past events. At start a lease wants one `timePassed`. */
export type LeaseInput =
  | { readonly kind: 'timePassed' }
  | { readonly kind: 'readAnswered'; readonly request: number; readonly outcome: ReadOutcome }
  | {
      readonly kind: 'swapAnswered'
      readonly operation: number
      readonly attempt: number
      readonly outcome: SwapOutcome
    }
  /** A holder is to let go; without effect on any other. */
  | { readonly kind: 'stepDownAsked' }

/** Why a holder is one no more: its time ran out, somebody else wrote the register, or it was asked to. */
export type DeposedReason = 'lapsed' | 'replaced' | 'steppedDown'

/** Imperatives, carried out in their order: duties stop at `deposed` before a later `swap` leaves. */
export type LeaseEffect =
  /** An answer after `timeoutMs` is of little use; none at all is well too. */
  | { readonly kind: 'read'; readonly request: number; readonly timeoutMs: number }
  /**
   * Compare-and-set of the register from the version seen to `data`; null: from a register never written. The
   * carrier draws one operation id for all attempts of one `operation` (rule 5). Only the newest is ever attempted.
   */
  | {
      readonly kind: 'swap'
      readonly operation: number
      /** From 1. */
      readonly attempt: number
      readonly expected: Version | null
      readonly data: Uint8Array
      readonly timeoutMs: number
    }
  /** One timer a lease: `timePassed` is wanted at or after this monotonic time; replaces the one before. */
  | { readonly kind: 'wake'; readonly atMs: number }
  /** Duties may start. Whoever acts asks `actingToken` right before each effect, and sends the token along. */
  | { readonly kind: 'elected'; readonly token: number }
  | { readonly kind: 'deposed'; readonly token: number; readonly reason: DeposedReason }
