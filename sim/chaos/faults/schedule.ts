import { type Random, seeded } from '../../../base/random.ts'
import type { FaultKind } from './fault.ts'

/** One fault of the plan. */
export type PlannedFault = {
  readonly kind: FaultKind
  /** Milliseconds since the start of the load. */
  readonly atMs: number
  readonly forMs: number
  /** Of the randomness that it draws its victims from. */
  readonly seed: number
}

/** From the end of one fault to the start of the next one in its lane. */
const pauseMeanMs = 3_500
const pauseMaxMs = 10_000
/** Half of the faults are short: what heals while others still notice is the harder case. */
const shortShare = 0.5

/**
 * The faults of a run, in the order of their lanes: one after the other in each lane. Every kind comes up once
 * before any comes up again by its weight, so that short runs have seen all of them.
 *
 * @param endMs - no fault is planned to last beyond it.
 * @returns the same for the same seed, kinds and times.
 */
export function planFaults(
  seed: number,
  kinds: readonly FaultKind[],
  startMs: number,
  endMs: number,
): PlannedFault[] {
  const lanes = [...new Set(kinds.map(kind => kind.lane))]
  return lanes.flatMap((lane, at) => {
    const random = seeded(seed * 31 + at)
    return planLane(
      random,
      kinds.filter(kind => kind.lane === lane),
      startMs,
      endMs,
    )
  })
}

function planLane(
  random: Random,
  kinds: readonly FaultKind[],
  startMs: number,
  endMs: number,
): PlannedFault[] {
  const planned: PlannedFault[] = []
  let unseen: FaultKind[] = []
  let atMs = startMs + random.next() * pauseMeanMs
  let round = 0
  while (atMs < endMs) {
    if (unseen.length === 0 && round === 0) unseen = shuffled(random, kinds)
    round += 1
    const kind = unseen.pop() ?? weighted(random, kinds)
    const [least, most] = kind.lastsMs
    const share = random.chance(shortShare) ? random.next() * 0.2 : random.next()
    const forMs = Math.min(endMs - atMs, least + share * (most - least))
    planned.push({ kind, atMs: Math.round(atMs), forMs: Math.round(forMs), seed: random.below(2 ** 32) })
    atMs += forMs + kind.healsMs + Math.min(pauseMaxMs, -Math.log(1 - random.next()) * pauseMeanMs)
  }
  return planned
}

function weighted(random: Random, kinds: readonly FaultKind[]): FaultKind {
  let left = random.next() * kinds.reduce((sum, kind) => sum + kind.weight, 0)
  for (const kind of kinds) {
    left -= kind.weight
    if (left < 0) return kind
  }
  return kinds.at(-1)!
}

function shuffled<T>(random: Random, items: readonly T[]): T[] {
  const left = [...items]
  return items.map(() => left.splice(random.below(left.length), 1)[0]!)
}
