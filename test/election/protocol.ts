import type * as fencing from '../../election/fence.ts'
import type * as leasing from '../../election/lease.ts'

/** The machines under test: those of the project, or of a copy with a rule broken. */
export type Protocol = {
  readonly newLease: typeof leasing.newLease
  readonly step: typeof leasing.step
  readonly actingToken: typeof leasing.actingToken
  readonly restoreFence: typeof fencing.restoreFence
  readonly admit: typeof fencing.admit
  readonly raise: typeof fencing.raise
}

export type Verdict = {
  readonly violations: readonly string[]
  /** Of everything that happened, in order. */
  readonly traceHash: string
  readonly elections: number
  readonly effectsDone: number
  readonly effectsRefused: number
  /** Wakes that were due already: a peer that asks for them spins. */
  readonly lateWakes: number
  /** From the end of the faults to the last change of the leader. */
  readonly settledMs: number
  /** From the loss of a healthy leader to the next one's election; null where nobody was left to follow. */
  readonly failoverMs: number | null
}

export const leaseMs = 2_000
/**
 * Once the faults stop, somebody leads for good within this time: the last late message may change the register 1.5 T
 * later; a contender sees that within 0.3 T and takes over 1.25 T after, by a clock whose rate may be 0.89. That is
 * 3.25 T; the rest is for the way of the messages.
 */
export const settledWithinMs = 3.5 * leaseMs
/** A leader that is killed or stopped is followed within this time at the default lease. */
export const failoverWithinMs = 4_000
