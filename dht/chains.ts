import { assert } from '../base/assert.ts'
import { fits, put, replace, type Table } from './table.ts'

/**
 * Carries every place that is still free, and every partition that a member has above its target, to a member
 * below its target, along chains: one takes a place and gives up another, which the next one takes.
 *
 * Each chain is one with the fewest moves, where a member that is new to a partition may be replaced at no
 * cost and one in `kept` may not (successive shortest paths for a flow of least cost). The targets could always
 * be met, as giving each member target / partitions of every partition meets them in fractions; but tight zones
 * can make a chain move several partitions to even out one. Then a member below its limit takes the place, or
 * the member that is above its target, but not above its limit, stays so.
 *
 * Cost: members x partitions x replicas for each chain, and there are few.
 * Source: Ahuja, Magnanti and Orlin 1993, section 9.7.
 */
export function handOverInChains(table: Table, kept: readonly ReadonlySet<number>[]): void {
  const all = [...table.targets.keys()]
  carry(table, start => follow(table, kept, start, () => all))
}

/**
 * The same with owners of before only, who cost no move: those that had to leave because of a zone may come
 * back where another one of the zone, with too much elsewhere, leaves instead. Has to come before the moves.
 */
export function restoreInChains(table: Table, before: readonly ReadonlySet<number>[]): void {
  carry(table, start => follow(table, before, start, partition => before[partition]!))
}

function carry(table: Table, fromThere: (start: Link) => boolean): void {
  for (const [partition, owners] of table.owners.entries()) {
    while (owners.length < table.replicas && fromThere({ partition, giver: -1 }));
  }
  for (const giver of table.targets.keys()) {
    while (table.loads[giver]! > table.targets[giver]! && fromThere({ partition: -1, giver }));
  }
}

/** A member takes the place of `giver` in `partition`; -1 for a free place. */
type Link = { readonly partition: number; readonly giver: number }

/** Moves count first, links second: among equally cheap chains, a shortest one never gets in its own way. */
const costOfMove = 1 << 16
const costOfLink = 1
/** A chain that ends at a member above its target loses against one of as many moves that ends below. */
const costOfSlack = costOfMove / 2

/**
 * Carries out the cheapest chain that starts with a free place of a partition or with any place of a giver.
 *
 * @param candidates - members that may take a place of the partition.
 * @returns false when there is none, or when the giver had better keep what it has.
 */
function follow(
  table: Table,
  kept: readonly ReadonlySet<number>[],
  start: Link,
  candidates: (partition: number) => Iterable<number>,
): boolean {
  const count = table.targets.length
  const costs = new Array<number>(count).fill(Number.POSITIVE_INFINITY)
  const links = new Array<Link | undefined>(count)
  const waiting = new Set<number>()
  const reach = (partition: number, giver: number) => {
    const moved = giver >= 0 && !kept[partition]!.has(giver) ? -costOfMove : 0
    const before = giver < 0 ? 0 : costs[giver]!
    for (const member of candidates(partition)) {
      const move = kept[partition]!.has(member) ? 0 : costOfMove
      const cost = before + moved + move + costOfLink
      if (cost >= costs[member]! || !fits(table, partition, giver, member)) continue
      costs[member] = cost
      links[member] = { partition, giver }
      waiting.add(member)
    }
  }
  if (start.giver < 0) reach(start.partition, -1)
  else {
    costs[start.giver] = 0
    waiting.add(start.giver)
  }
  let visits = 0
  for (const giver of waiting) {
    waiting.delete(giver)
    assert(++visits <= count * count + 1, 'no chain gets cheaper by going round in a circle')
    for (const partition of table.held[giver]!) reach(partition, giver)
  }

  const { loads, targets, limits } = table
  let end = -1
  let least = Number.POSITIVE_INFINITY
  for (const member of targets.keys()) {
    if (links[member] === undefined || member === start.giver || loads[member]! >= limits[member]!) continue
    const cost = costs[member]! + (loads[member]! < targets[member]! ? 0 : costOfSlack)
    if (cost >= least) continue
    end = member
    least = cost
  }
  const mayStay = start.giver >= 0 && loads[start.giver]! <= limits[start.giver]!
  if (end < 0 || (mayStay && least >= costOfMove + costOfSlack)) return false
  for (let member = end; member !== start.giver; ) {
    const link: Link = links[member]!
    if (link.giver < 0) put(table, link.partition, member)
    else replace(table, link.partition, link.giver, member)
    member = link.giver
  }
  return true
}
