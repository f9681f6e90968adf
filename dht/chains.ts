import { assert } from '../base/assert.ts'
import { fits, isBelow, put, replace, type Table } from './table.ts'

/**
 * Carries every place that is still free, and every partition that a member has above its target, to a member
 * below its target, along chains: one takes a place and gives up another, which the next one takes.
 *
 * Each chain is one with the fewest moves, where a member that is new to a partition may be replaced at no
 * cost and one in `kept` may not. This is the successive shortest path method for a flow of least cost; so if
 * each earlier new owner took the place of nobody or of a member above its target, as they did, then the whole
 * makes as few moves from `kept` to the targets as can be. The targets can always be met, as giving each member
 * target / partitions of every partition would meet them in fractions.
 *
 * Cost: members x partitions x replicas for each chain, and there are few.
 * Source: Ahuja, Magnanti and Orlin 1993, section 9.7.
 */
export function handOverInChains(table: Table, kept: readonly ReadonlySet<number>[]): void {
  for (const [partition, owners] of table.owners.entries()) {
    while (owners.length < table.replicas) follow(table, kept, { partition, giver: -1 })
  }
  for (const giver of table.targets.keys()) {
    while (table.loads[giver]! > table.targets[giver]!) follow(table, kept, { partition: -1, giver })
  }
}

/** A member takes the place of `giver` in `partition`; -1 for a free place. */
type Link = { readonly partition: number; readonly giver: number }

/** Moves count first, links second: among equally cheap chains, a shortest one never gets in its own way. */
const costOfMove = 1 << 16
const costOfLink = 1

/** Carries out the cheapest chain that starts with a free place of a partition or with any place of a giver. */
function follow(table: Table, kept: readonly ReadonlySet<number>[], start: Link): void {
  const count = table.targets.length
  const costs = new Array<number>(count).fill(Number.POSITIVE_INFINITY)
  const links = new Array<Link | undefined>(count)
  const waiting = new Set<number>()
  const reach = (partition: number, giver: number) => {
    const moved = giver >= 0 && !kept[partition]!.has(giver) ? -costOfMove : 0
    const before = giver < 0 ? 0 : costs[giver]!
    for (let member = 0; member < count; member++) {
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

  let end = -1
  for (const member of table.targets.keys()) {
    if (!isBelow(table, member) || links[member] === undefined) continue
    if (end < 0 || costs[member]! < costs[end]!) end = member
  }
  assert(end >= 0, 'the targets can be met')
  for (let member = end; member !== start.giver; ) {
    const link: Link = links[member]!
    if (link.giver < 0) put(table, link.partition, member)
    else replace(table, link.partition, link.giver, member)
    member = link.giver
  }
}
