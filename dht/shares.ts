import { assert } from '../base/assert.ts'

/** What placement has to divide, with members and zones as numbers from 0. */
export type Shape = {
  readonly weights: readonly number[]
  /** Zone of each member. */
  readonly zones: readonly number[]
  readonly zoneCount: number
  readonly partitions: number
  /** Owners of each partition, at most the number of members. */
  readonly replicas: number
}

/**
 * Owners that one zone may give to one partition. With zones enough: one at most. With fewer zones than
 * replicas: every zone gives at least one, so that all zones are used.
 */
export function zoneLimits(shape: Shape): { least: number; most: number } {
  const spare = shape.replicas - shape.zoneCount
  return spare <= 0 ? { least: 0, most: 1 } : { least: 1, most: spare + 1 }
}

/**
 * Partitions that each member should own: in proportion to its weight as far as the zones and the number of
 * partitions allow (water-filling). The largest load per weight is then as small as any placement that
 * spreads over zones can make it, and the shares add up to partitions x replicas.
 */
export function fairShares(shape: Shape): number[] {
  const { partitions, replicas, weights, zones } = shape
  const limits = zoneLimits(shape)
  const membersOf: number[][] = Array.from({ length: shape.zoneCount }, () => [])
  for (const [member, zone] of zones.entries()) membersOf[zone]!.push(member)

  const atLevel = (level: number, member: number) => Math.min(level * weights[member]!, partitions)
  const poured = (level: number, zone: number) =>
    membersOf[zone]!.reduce((sum, member) => sum + atLevel(level, member), 0)
  const held = (level: number, zone: number) =>
    Math.min(Math.max(poured(level, zone), limits.least * partitions), limits.most * partitions)

  const full = partitions / Math.min(...weights)
  const allZones = membersOf.map((_, zone) => zone)
  const level = levelFor(partitions * replicas, full, at =>
    allZones.reduce((sum, zone) => sum + held(at, zone), 0),
  )
  const shares = weights.map(() => 0)
  for (const zone of allZones) {
    const inside = levelFor(held(level, zone), full, at => poured(at, zone))
    for (const member of membersOf[zone]!) shares[member] = atLevel(inside, member)
  }
  return shares
}

/** The level from 0 to `most` at which the growing function `poured` reaches `wanted`. */
function levelFor(wanted: number, most: number, poured: (level: number) => number): number {
  let low = 0
  let high = most
  for (let i = 0; i < 100; i++) {
    const middle = (low + high) / 2
    if (poured(middle) < wanted) low = middle
    else high = middle
  }
  return high
}

/** How far a load may be above the fair share where that saves moves (Mirrokni et al. 2016). */
const slack = 0.1

/** Partitions that each member may own at most: the fair share and a tenth, rounded up, never more than all. */
export const loadLimits = (shape: Shape, shares: readonly number[]): Int32Array =>
  Int32Array.from(shares, share => Math.min(Math.ceil((1 + slack) * share - rounding), shape.partitions))

/** Farther than any rounding of the shares, nearer than any difference that counts. */
const rounding = 1e-6

/**
 * Whole partitions for each member: its share rounded down or up, so that all add up and the zones fit.
 * Those who already hold the rounded-up number (`loads`) come first, as they need no move, then the largest
 * remainders.
 */
export function wholeTargets(shape: Shape, shares: readonly number[], loads: ArrayLike<number>): Int32Array {
  const { partitions, replicas, zones } = shape
  const limits = zoneLimits(shape)
  const targets = Int32Array.from(shares, share => Math.floor(share + rounding))
  const zoneTotals = new Int32Array(shape.zoneCount)
  for (const [member, zone] of zones.entries()) zoneTotals[zone]! += targets[member]!
  let open = partitions * replicas - targets.reduce((sum, target) => sum + target, 0)

  const needsMove = (member: number) => (loads[member]! > targets[member]! ? 0 : 1)
  const remainder = (member: number) => shares[member]! - targets[member]!
  const candidates = [...shares.keys()].filter(member => remainder(member) > rounding)
  candidates.sort((a, b) => needsMove(a) - needsMove(b) || remainder(b) - remainder(a) || a - b)

  const roundUpWhile = (wanted: (zone: number) => boolean) => {
    for (const [at, member] of candidates.entries()) {
      const zone = zones[member]!
      if (member < 0 || open === 0 || !wanted(zone)) continue
      candidates[at] = -1
      targets[member]!++
      zoneTotals[zone]!++
      open--
    }
  }
  roundUpWhile(zone => zoneTotals[zone]! < limits.least * partitions)
  roundUpWhile(zone => zoneTotals[zone]! < limits.most * partitions)
  assert(open === 0, 'the rounded shares add up')
  return targets
}
