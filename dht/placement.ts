import { assert } from '../base/assert.ts'
import type { ContextKey, PartitionId, PeerId } from '../base/ids.ts'
import { handOverInChains, restoreInChains } from './chains.ts'
import { chooseFirsts } from './firsts.ts'
import { keyBytes, partitionCentre } from './keyspace.ts'
import { type Points, virtualPoints, visitNearest } from './points.ts'
import { fairShares, loadLimits, type Shape, wholeTargets } from './shares.ts'
import { emptyTable, fits, isBelow, put, remove, replace, type Table } from './table.ts'
import type { Member } from './view.ts'

export type PlacementQuestion = {
  /** Distinct ids, weights above 0; in any order. */
  readonly members: readonly Member[]
  /** Owners wanted for each partition; with fewer members, all of them are owners. */
  readonly replicas: number
  readonly partitionCount: number
  /** SHA-256, from the caller. */
  readonly hash: (text: string) => ContextKey
  /** The owners that stand now, one list a partition: the answer changes as few of them as it can. */
  readonly previous?: readonly (readonly PeerId[])[]
}

/**
 * The owners of every partition: distinct members, nearest to the partition's centre first, except that the
 * very first, who is asked first, is chosen so that being first is spread like the load.
 *
 * - Loads are exact: each member's number of partitions is its fair share, rounded down or up. A share is
 *   proportional to the weight unless a member would own more than all partitions or the zones forbid it.
 * - The owners of a partition sit in min(zones, replicas) distinct zones.
 * - The same members, in whatever order, give the same answer.
 * - From a balanced `previous`, a join moves what the new member has to own and a leave what the old one
 *   owned, within a few partitions; moves are counted in owners that were none before.
 *
 * How: fill free places nearest first among the members below their target, then hand over from those above
 * to those below, nearest first, and last along the cheapest chains of handing over (chains.ts).
 *
 * Cost: about 0.1 s for 200 members and 256 partitions.
 * Source: Maymounkov and Mazières 2002, section 2; Mirrokni et al. 2016 for skipping full members.
 */
export function placeReplicas(question: PlacementQuestion): PeerId[][] {
  const { partitionCount, previous } = question
  const members = [...question.members].sort((a, b) => (a.id < b.id ? -1 : 1))
  assert(members.length > 0 && question.replicas >= 1, 'placement needs a member and a replica')
  assert(
    previous === undefined || previous.length === partitionCount,
    'previous owners, partition by partition',
  )
  const zoneNames = [...new Set(members.map(member => member.zone))].sort()
  const zoneNumbers = new Map(zoneNames.map((name, number) => [name, number]))
  const shape: Shape = {
    weights: members.map(member => member.weight),
    zones: members.map(member => zoneNumbers.get(member.zone)!),
    zoneCount: zoneNames.length,
    partitions: partitionCount,
    replicas: Math.min(question.replicas, members.length),
  }
  const numbers = new Map(members.map((member, number) => [member.id, number]))
  const before = Array.from({ length: partitionCount }, (_, partition) => [
    ...new Set((previous?.[partition] ?? []).flatMap(id => numbers.get(id) ?? [])),
  ])
  const shares = fairShares(shape)
  const table = emptyTable(shape, loadLimits(shape, shares))
  keep(table, before, shares)
  table.targets.set(wholeTargets(shape, shares, table.loads))

  const points = virtualPoints(members, question.hash)
  const centres = before.map((_, partition) =>
    keyBytes(partitionCentre(partition as PartitionId, partitionCount)),
  )
  const known = before.map(owners => new Set(owners))
  restoreInChains(table, known)
  fillNearest(table, points, centres)
  handOverNearest(table, points, centres)
  handOverInChains(table, known)
  assert(
    table.owners.every(owners => owners.length === shape.replicas),
    'every partition has all its owners',
  )

  const nearestFirst = table.owners.map((owners, partition) =>
    byDistance(owners, points, centres[partition]!),
  )
  const firsts = chooseFirsts(nearestFirst, before, members.length)
  return nearestFirst.map((owners, partition) => {
    const first = firsts[partition]!
    return [first, ...owners.filter(owner => owner !== first)].map(owner => members[owner]!.id)
  })
}

/** Takes over the owners of before, without those that the zones or the number of replicas forbid now. */
function keep(table: Table, before: readonly (readonly number[])[], shares: readonly number[]): void {
  for (const [partition, owners] of before.entries()) {
    for (const owner of owners) put(table, partition, owner)
  }
  const excess = (member: number) => table.loads[member]! - shares[member]!
  for (const [partition, owners] of table.owners.entries()) {
    for (;;) {
      const surplus = owners.filter(owner => mustShrink(table, partition, table.zones[owner]!))
      if (surplus.length === 0) break
      const worst = surplus.reduce((worst, owner) => (excess(owner) >= excess(worst) ? owner : worst))
      remove(table, partition, worst)
    }
  }
}

/** Whether the partition has too many owners, and `zone` is one that can do with fewer. */
function mustShrink(table: Table, partition: number, zone: number): boolean {
  const here = table.zoneOwners[partition * table.zoneCount + zone]!
  if (here > table.most) return true
  const missing = table.replicas - table.owners[partition]!.length
  return here > table.least && missing < table.emptyZones[partition]!
}

/** Fills free places rank by rank, each with the nearest member that is not full. */
function fillNearest(table: Table, points: Points, centres: readonly Uint8Array[]): void {
  let filled = true
  while (filled) {
    filled = false
    for (const [partition, owners] of table.owners.entries()) {
      if (owners.length === table.replicas) continue
      visitNearest(points, centres[partition]!, member => {
        const taken = isBelow(table, member) && fits(table, partition, -1, member)
        if (taken) {
          put(table, partition, member)
          filled = true
        }
        return taken
      })
    }
  }
}

/** Gives places of members above their target directly to members below it, the nearest pairs first. */
function handOverNearest(table: Table, points: Points, centres: readonly Uint8Array[]): void {
  const wanting = [...table.targets.keys()].filter(member => isBelow(table, member))
  const pairs = wanting.flatMap(member => {
    const own = points.filter(point => point.member === member)
    return centres.map((centre, partition) => ({ member, partition, distance: nearness(own, centre) }))
  })
  pairs.sort((a, b) => a.distance - b.distance || a.partition - b.partition || a.member - b.member)
  const excess = (member: number) => table.loads[member]! - table.targets[member]!
  for (const { member, partition } of pairs) {
    if (!isBelow(table, member)) continue
    const givers = table.owners[partition]!.filter(
      owner => excess(owner) > 0 && fits(table, partition, owner, member),
    )
    if (givers.length === 0) continue
    const giver = givers.reduce((most, owner) => (excess(owner) > excess(most) ? owner : most))
    replace(table, partition, giver, member)
  }
}

/** The first 32 bits of the distance from `centre` to the nearest of `points`. */
function nearness(points: Points, centre: Uint8Array): number {
  let nearest = Number.POSITIVE_INFINITY
  for (const { bytes } of points) nearest = Math.min(nearest, prefix32(bytes, centre))
  return nearest
}

const prefix32 = (a: Uint8Array, b: Uint8Array): number =>
  (((a[0]! ^ b[0]!) << 24) | ((a[1]! ^ b[1]!) << 16) | ((a[2]! ^ b[2]!) << 8) | (a[3]! ^ b[3]!)) >>> 0

function byDistance(owners: readonly number[], points: Points, centre: Uint8Array): number[] {
  const wanted = new Set(owners)
  const order: number[] = []
  visitNearest(points, centre, member => {
    if (wanted.delete(member)) order.push(member)
    return wanted.size === 0
  })
  return order
}
