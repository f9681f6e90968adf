import { assert } from '../base/assert.ts'

/**
 * Chooses who of a partition's owners stands first and is asked first, so that each member is first in its
 * load divided by the replicas, rounded up, at most. Who stood first before stays where possible.
 *
 * @param owners - of each partition, nearest first, equally many everywhere.
 * @param before - owners that stood before, the first in front.
 */
export function chooseFirsts(
  owners: readonly (readonly number[])[],
  before: readonly (readonly number[])[],
  memberCount: number,
): number[] {
  const loads = new Array<number>(memberCount).fill(0)
  for (const group of owners) for (const owner of group) loads[owner]!++
  const replicas = owners[0]?.length ?? 1
  const room = loads.map(load => Math.ceil(load / replicas))
  const firsts = new Array<number>(owners.length).fill(-1)
  const ledBy: Set<number>[] = loads.map(() => new Set())
  const settle = (partition: number, member: number) => {
    firsts[partition] = member
    ledBy[member]!.add(partition)
    room[member]!--
  }

  for (const [partition, group] of owners.entries()) {
    const stood = before[partition]![0]
    if (stood !== undefined && group.includes(stood) && room[stood]! > 0) settle(partition, stood)
  }
  for (const [partition, group] of owners.entries()) {
    if (firsts[partition]! >= 0) continue
    const nearest = group.find(owner => room[owner]! > 0)
    if (nearest !== undefined) settle(partition, nearest)
  }
  for (const [partition, first] of firsts.entries()) {
    if (first >= 0) continue
    // Everyone of the group is full: shift the lead along other partitions, as in a bipartite matching.
    const shifts = chainToRoom(owners, ledBy, room, partition)
    for (const { partition: shifted, member } of shifts) {
      const led = firsts[shifted]!
      if (led >= 0) {
        ledBy[led]!.delete(shifted)
        room[led]!++
      }
      settle(shifted, member)
    }
  }
  return firsts
}

type Shift = { readonly partition: number; readonly member: number }

/** The shortest list of new firsts that gives `start` one and ends at a member with room. */
function chainToRoom(
  owners: readonly (readonly number[])[],
  ledBy: readonly ReadonlySet<number>[],
  room: readonly number[],
  start: number,
): Shift[] {
  const reachedFrom = new Map<number, { partition: number; giver: number }>()
  const queue: { partition: number; giver: number }[] = [{ partition: start, giver: -1 }]
  for (const { partition, giver } of queue) {
    for (const member of owners[partition]!) {
      if (reachedFrom.has(member)) continue
      reachedFrom.set(member, { partition, giver })
      if (room[member]! > 0) return traced(reachedFrom, member)
      for (const led of ledBy[member]!) queue.push({ partition: led, giver: member })
    }
  }
  // Each owner leading its load / replicas would do, so a whole-numbered solution exists.
  assert(false, 'a first owner can be found for every partition')
}

function traced(
  reachedFrom: ReadonlyMap<number, { partition: number; giver: number }>,
  end: number,
): Shift[] {
  const shifts: Shift[] = []
  for (let member = end; member >= 0; ) {
    const { partition, giver } = reachedFrom.get(member)!
    shifts.push({ partition, member })
    member = giver
  }
  return shifts
}
