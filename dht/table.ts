import { type Shape, zoneLimits } from './shares.ts'

/**
 * An assignment in the making. Changed in place, as placement is one long computation; nothing else sees it.
 * Members, zones and partitions are numbers from 0.
 */
export type Table = {
  readonly owners: number[][]
  /** Partitions of each member. */
  readonly held: Set<number>[]
  readonly loads: Int32Array
  /** Partitions that each member should own; it is full when it has them. */
  readonly targets: Int32Array
  /** Partitions that it may own where that saves moves; never below the target. */
  readonly limits: Int32Array
  readonly zones: readonly number[]
  readonly zoneCount: number
  readonly replicas: number
  /** Owners that one zone gives to one partition: at least, at most. */
  readonly least: number
  readonly most: number
  /** Owners by partition and zone: index partition * zoneCount + zone. */
  readonly zoneOwners: Uint16Array
  /** Zones that still have to give the partition an owner; always 0 where none has to. */
  readonly emptyZones: Int32Array
}

export function emptyTable(shape: Shape, limits: Int32Array): Table {
  const { least, most } = zoneLimits(shape)
  return {
    owners: Array.from({ length: shape.partitions }, () => []),
    held: shape.weights.map(() => new Set()),
    loads: new Int32Array(shape.weights.length),
    targets: new Int32Array(shape.weights.length),
    limits,
    zones: shape.zones,
    zoneCount: shape.zoneCount,
    replicas: shape.replicas,
    least,
    most,
    zoneOwners: new Uint16Array(shape.partitions * shape.zoneCount),
    emptyZones: new Int32Array(shape.partitions).fill(least * shape.zoneCount),
  }
}

/**
 * Whether `entering` may own `partition` in the place of `leaving` (-1: in a free place), so that the partition
 * can still be completed with its zones spread. Loads are not looked at.
 */
export function fits(table: Table, partition: number, leaving: number, entering: number): boolean {
  if (table.held[entering]!.has(partition)) return false
  const row = partition * table.zoneCount
  const zone = table.zones[entering]!
  const inZone = table.zoneOwners[row + zone]!
  if (leaving < 0) {
    if (inZone >= table.most) return false
    const missing = table.replicas - table.owners[partition]!.length - 1
    const empty = table.emptyZones[partition]! - (inZone < table.least ? 1 : 0)
    return missing >= 0 && empty <= missing
  }
  const leftZone = table.zones[leaving]!
  if (leftZone === zone) return true
  if (inZone >= table.most) return false
  const missing = table.replicas - table.owners[partition]!.length
  const emptied = table.zoneOwners[row + leftZone]! <= table.least ? table.least : 0
  const filled = inZone < table.least ? 1 : 0
  return table.emptyZones[partition]! + emptied - filled <= missing
}

/** Whether the member still has to get a partition. */
export const isBelow = (table: Table, member: number): boolean =>
  table.loads[member]! < table.targets[member]!

export function put(table: Table, partition: number, member: number): void {
  const at = partition * table.zoneCount + table.zones[member]!
  if (table.zoneOwners[at]! < table.least) table.emptyZones[partition]!--
  table.zoneOwners[at]!++
  table.loads[member]!++
  table.held[member]!.add(partition)
  table.owners[partition]!.push(member)
}

export function remove(table: Table, partition: number, member: number): void {
  const at = partition * table.zoneCount + table.zones[member]!
  table.zoneOwners[at]!--
  if (table.zoneOwners[at]! < table.least) table.emptyZones[partition]!++
  table.loads[member]!--
  table.held[member]!.delete(partition)
  const owners = table.owners[partition]!
  owners.splice(owners.indexOf(member), 1)
}

export function replace(table: Table, partition: number, leaving: number, entering: number): void {
  remove(table, partition, leaving)
  put(table, partition, entering)
}
