import type { Random } from '../base/random.ts'
import type { Limits } from '../replication/limits.ts'
import type { FaultPlan } from './faults.ts'
import type { FleetPlan } from './fleet.ts'
import type { SimOptions } from './scenario.ts'

/** What is given goes before what is drawn, which is drawn all the same: the rest of the world stays as it is. */
export const chosen = (given: number | undefined, drawn: number): number => given ?? drawn

/** Draws the fleet of one seed. What it draws does not hang on what is given. */
export function drawFleet(random: Random, faults: FaultPlan, options: SimOptions, moves: boolean): FleetPlan {
  const drawnPeers = 3 + random.below(7)
  const peers = chosen(options.peers, drawnPeers)
  const limits: { -readonly [Name in keyof Limits]?: Limits[Name] } = {}
  if (random.chance(0.2)) limits.promisesMax = 3 + random.below(3)
  if (random.chance(0.15)) limits.cachedBallotsMax = 1
  if (random.chance(0.3)) limits.hedgeMs = 10
  if (random.chance(0.3)) limits.resendMs = 60
  if (random.chance(0.3)) limits.attemptMaxMs = 250
  limits.beatMs = moves ? random.pick([250, 250, 1_000]) : random.pick([1_000, 5_000, 20_000])
  limits.silentMs = limits.beatMs * 1.6
  limits.steadyMs = limits.beatMs * 4
  limits.dropAfterMs = random.pick([0, 1_000, 60_000])
  const skew = faults.get('skew') ?? 0
  return {
    peers,
    spares: moves ? 3 : 0,
    controls: moves,
    replaceAfterMs: moves ? random.pick([4_000, 30_000, 900_000]) : 900_000,
    replicas: drawnPeers >= 5 && random.chance(0.25) && peers >= 5 ? 5 : 3,
    partitions: random.pick([1, 2, 8]),
    limits: { ...limits, ...options.limits },
    skewMs: 20 + skew * 3_000,
    drift: 0.0002 + skew * 0.05,
  }
}

/** The same fleet with short graces, so that what is deleted is collected while it matters. */
export function withGraces(plan: FleetPlan, random: Random, options: SimOptions): FleetPlan {
  const collectAfterMs = random.pick([0, 100, 500, 2_000])
  const settleMs = random.pick([0, 500, 3_000])
  return { ...plan, limits: { ...plan.limits, collectAfterMs, settleMs, ...options.limits } }
}
