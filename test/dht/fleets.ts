import { hash as digest } from 'node:crypto'
import fc from 'fast-check'
import type { ContextKey, PeerId } from '../../base/ids.ts'
import type { Member } from '../../dht/view.ts'

/** Members and parameters of a made-up fleet. */
export type Fleet = { members: Member[]; replicas: number; partitionCount: number }
export type Owners = PeerId[][]

const hashed = new Map<string, ContextKey>()

/** SHA-256 that remembers, as a property asks for the same points again and again. */
export function sha256(text: string): ContextKey {
  const known = hashed.get(text) ?? (digest('sha256', text) as ContextKey)
  if (hashed.size > 50_000) hashed.clear()
  hashed.set(text, known)
  return known
}

export const member = (name: string, weight = 1, zone = 'z0'): Member => ({
  id: `12D3KooW${name}` as PeerId,
  name,
  weight,
  zone,
})

/** Fleets of `least` to `most` members; `zones` and `weights` draw for one member, given a number to draw from. */
export function fleets(
  draw: { least?: number; most?: number; zones?: fc.Arbitrary<number>; weights?: fc.Arbitrary<number> } = {},
): fc.Arbitrary<Fleet> {
  const { least = 3, most = 200, zones = fc.constant(1), weights = fc.constant(1) } = draw
  return fc.integer({ min: least, max: most }).chain(size =>
    fc
      .record({
        weights: fc.array(weights, { minLength: size, maxLength: size }),
        zoneCount: zones,
        zoneDraws: fc.array(fc.nat(1000), { minLength: size, maxLength: size }),
        salt: fc.nat(1_000_000),
        replicas: fc.integer({ min: 1, max: 5 }),
        partitionCount: fc.constantFrom(16, 64, 128, 256),
      })
      .map(drawn => ({
        members: drawn.weights.map((weight, i) =>
          member(`${drawn.salt}-${i}`, weight, `z${drawn.zoneDraws[i]! % drawn.zoneCount}`),
        ),
        replicas: drawn.replicas,
        partitionCount: drawn.partitionCount,
      })),
  )
}

/** Partitions that each member owns. */
export function loadsOf(owners: Owners): Map<PeerId, number> {
  const loads = new Map<PeerId, number>()
  for (const owner of owners.flat()) loads.set(owner, (loads.get(owner) ?? 0) + 1)
  return loads
}

/** Copies that have to be made: owners that were none before. */
export const movesBetween = (before: Owners, after: Owners): number =>
  after.reduce(
    (sum, owners, partition) => sum + owners.filter(owner => !before[partition]!.includes(owner)).length,
    0,
  )

/**
 * The smallest possible largest load when every member weighs the same and each partition must use as many
 * zones as it can: found by trying, without the code under test.
 */
export function smallestLargestLoad(fleet: Fleet): number {
  const sizes = new Map<string, number>()
  for (const { zone } of fleet.members) sizes.set(zone, (sizes.get(zone) ?? 0) + 1)
  const partitions = fleet.partitionCount
  const replicas = Math.min(fleet.replicas, fleet.members.length)
  const spread = replicas <= sizes.size
  const mostOfZone = spread ? 1 : replicas - sizes.size + 1
  for (let load = 1; ; load++) {
    const capacities = [...sizes.values()].map(size => size * Math.min(load, partitions))
    const enough = capacities.reduce((sum, room) => sum + Math.min(room, mostOfZone * partitions), 0)
    const everyZone = spread || capacities.every(room => room >= partitions)
    if (enough >= partitions * replicas && everyZone) return load
  }
}
