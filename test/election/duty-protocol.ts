import type * as dutying from '../../election/duties.ts'
import type { DutySpec } from '../../election/duty-state.ts'
import type * as fencing from '../../election/fence.ts'

/** The machines under test: those of the project, or of a copy with a sentence broken. */
export type DutyProtocol = {
  readonly newDuties: typeof dutying.newDuties
  readonly step: typeof dutying.step
  readonly restoreFence: typeof fencing.restoreFence
  readonly admit: typeof fencing.admit
}

export type DutyVerdict = {
  readonly violations: readonly string[]
  readonly traceHash: string
  readonly elections: number
  readonly runs: number
  /** Saves that met a record of a higher token, and orders that met a guard that had seen one. */
  readonly refused: number
  readonly pauses: number
  readonly rounds: number
}

/** What every process of a schedule has registered. Runs of `fragile` fail always. */
export const specs: readonly DutySpec[] = [
  { name: 'repair', where: 'leader', intervalMs: 1_000, timeoutMs: 1_500 },
  { name: 'fragile', where: 'leader', intervalMs: 500, timeoutMs: 1_500 },
  { name: 'compaction', where: 'staggered', intervalMs: 2_000, timeoutMs: 1_500 },
]

export const faultyMs = 25_000
/** Longer than the longest backoff that the faults can leave behind, and two rounds with peers that never answer. */
export const quietMs = 90_000
