import { setTimeout as delay } from 'node:timers/promises'
import { seeded } from '../../../base/random.ts'
import type { ChaosFleet } from '../fleet/fleet.ts'
import type { PlannedFault } from './schedule.ts'

/** A fault as it came to pass. `endMs`: when it was undone. */
export type FaultRecord = {
  readonly kind: string
  readonly what: string
  readonly startMs: number
  readonly endMs: number
}

export type StormOptions = {
  readonly fleet: ChaosFleet
  readonly plan: readonly PlannedFault[]
  readonly nowMs: () => number
  /** Something was done or undone. */
  readonly told: (what: string) => void
  /** Ends the storm; what stands then is undone at once. */
  readonly stopped: AbortSignal
}

/** Between two faults of a lane, when undoing the first took longer than planned. */
const calmMsLeast = 500

/** Carries a plan out, every lane by itself. @throws ChaosFailure when the fleet cannot go on. */
export async function storm(options: StormOptions): Promise<FaultRecord[]> {
  const lanes = new Set(options.plan.map(({ kind }) => kind.lane))
  const records = await Promise.all(
    [...lanes].map(lane =>
      rage(
        options,
        options.plan.filter(({ kind }) => kind.lane === lane),
      ),
    ),
  )
  return records.flat().sort((a, b) => a.startMs - b.startMs)
}

async function rage(options: StormOptions, plan: readonly PlannedFault[]): Promise<FaultRecord[]> {
  const { fleet, nowMs, told, stopped } = options
  const records: FaultRecord[] = []
  let calmUntilMs = 0
  for (const { kind, atMs, forMs, seed } of plan) {
    await wait(Math.max(atMs, calmUntilMs) - nowMs(), stopped)
    if (stopped.aborted) break
    const startMs = nowMs()
    const struck = await kind.strike(fleet, seeded(seed))
    if (struck === null) continue
    told(`${struck.what}, for ${Math.round(forMs)} ms`)
    await wait(forMs, stopped)
    await struck.heal()
    told(`over: ${struck.what}`)
    records.push({ kind: kind.name, what: struck.what, startMs, endMs: nowMs() })
    calmUntilMs = nowMs() + calmMsLeast
  }
  return records
}

/** Ends early, without a failure, when the storm is stopped. */
async function wait(ms: number, stopped: AbortSignal): Promise<void> {
  try {
    if (ms > 0) await delay(ms, undefined, { signal: stopped })
  } catch {
    // Stopped: the caller looks.
    return
  }
}
