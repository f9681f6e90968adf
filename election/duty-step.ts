import type { PeerId, Version } from '../base/ids.ts'
import type { RunOutcome } from './duty-record.ts'
import type { ReadOutcome, SwapOutcome } from './step.ts'

/** The moment of a step. */
export type DutyMoment = {
  /** Never goes back, and goes on while the process is stopped. */
  readonly monotonicMs: number
  /** Only compared with what a former leader wrote: may jump, and be wrong. */
  readonly wallMs: number
  /** Drawn for this step from [0, 1): spreads what is tried again. */
  readonly jitter: number
}

/** Past events. At start no input is needed: duties begin with `elected`. */
export type DutyInput =
  | { readonly kind: 'timePassed' }
  /** From the lease. A token above every one before. */
  | { readonly kind: 'elected'; readonly token: number }
  | { readonly kind: 'deposed' }
  /** A linearizable read of the register of a duty. */
  | {
      readonly kind: 'dutyLoaded'
      readonly name: string
      readonly call: number
      readonly outcome: ReadOutcome
    }
  | {
      readonly kind: 'dutySaved'
      readonly name: string
      readonly call: number
      readonly outcome: SwapOutcome
    }
  /** The end of a run, told by whoever carried it out. Ends of other runs than the one under way change nothing. */
  | {
      readonly kind: 'runEnded'
      /** Who tells it; null: this process. */
      readonly peer: PeerId | null
      readonly name: string
      readonly token: number
      readonly run: number
      readonly outcome: RunOutcome
      /** Where to go on; without, where the run began. */
      readonly state?: Uint8Array
    }
  /** Operators' wishes, each answered once. A pause stops a run that is under way. */
  | { readonly kind: WishKind; readonly request: number; readonly name: string }
  /** All peers that a round goes over: the members of the view, this one too. */
  | { readonly kind: 'peersChanged'; readonly peers: readonly PeerId[] }

export type WishKind = 'runAsked' | 'pauseAsked' | 'resumeAsked'

/**
 * What became of a wish. `done`: it is durable, for every leader to come. `unsettled`: this process leads no more, and
 * whether a pause or resumption was recorded shows with the next leader. `superseded`: by the opposite wish.
 */
export type WishOutcome =
  | 'done'
  | 'started'
  | 'running'
  | 'paused'
  | 'notLeader'
  | 'noSuchDuty'
  | 'busy'
  | 'unreadable'
  | 'superseded'
  | 'unsettled'

/** One run of a duty. `run` counts the runs of the duty; with the token it names this one and no other. */
type RunOrder = {
  readonly name: string
  readonly token: number
  readonly run: number
  readonly state: Uint8Array
  /** Whoever carries it out stops by itself after so long. */
  readonly timeoutMs: number
}

/**
 * Imperatives, carried out in their order. Whoever carries out a `run`, `runAt` or `save` asks the lease right before
 * whether the token may still act, and drops it if not. Every effect of a run passes the guard of fence.ts with name
 * and token.
 */
export type DutyEffect =
  | {
      readonly kind: 'load'
      readonly name: string
      readonly token: number
      readonly call: number
      readonly timeoutMs: number
    }
  /** Compare-and-set from the version seen; null: from a register never written. A new operation each. */
  | {
      readonly kind: 'save'
      readonly name: string
      readonly token: number
      readonly call: number
      readonly expected: Version | null
      readonly data: Uint8Array
      readonly timeoutMs: number
    }
  /** To be carried out here; ends with one `runEnded`, soon after a `stop`. */
  | ({ readonly kind: 'run' } & RunOrder)
  /** To be carried out at a peer; its `runEnded` may be lost. */
  | ({ readonly kind: 'runAt'; readonly peer: PeerId } & RunOrder)
  | { readonly kind: 'stop'; readonly name: string; readonly token: number; readonly run: number }
  | {
      readonly kind: 'stopAt'
      readonly peer: PeerId
      readonly name: string
      readonly token: number
      readonly run: number
    }
  /** A run does not heed its stop: only a higher token may run its duty again, so let go of the lease. */
  | { readonly kind: 'stepDown'; readonly name: string; readonly token: number }
  | { readonly kind: 'answered'; readonly request: number; readonly outcome: WishOutcome }
  /** One timer for all duties: `timePassed` is wanted at or after this monotonic time; replaces the one before. */
  | { readonly kind: 'wake'; readonly atMs: number }
