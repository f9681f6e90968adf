import type { ContextKey } from '../base/ids.ts'
import { keyBytes } from './keyspace.ts'
import type { Member } from './view.ts'

/** Virtual points of a member of weight 1. More points bring the nearest-first choice closer to the fair share. */
export const pointsPerWeight = 64
/** So that one heavy member cannot make placement slow; its share of the load follows its weight all the same. */
export const pointsPerMemberMax = 1024

/** Points of the key space in key order; `member` is an index into the list they were made from. */
export type Points = readonly { readonly bytes: Uint8Array; readonly member: number }[]

/** The virtual points of `members`: the hash of `id/index`. Cost: one hash a point. */
export function virtualPoints(members: readonly Member[], hash: (text: string) => ContextKey): Points {
  const made = members.flatMap((member, index) => {
    const wanted = Math.round(pointsPerWeight * member.weight)
    const count = Math.min(Math.max(wanted, 1), pointsPerMemberMax)
    return Array.from({ length: count }, (_, number) => {
      const key = hash(`${member.id}/${number}`)
      // Numbers compare several times as fast as text, and few keys share so much of their start.
      return { key, start: Number.parseInt(key.slice(0, 12), 16), member: index }
    })
  })
  made.sort((a, b) => a.start - b.start || (a.key < b.key ? -1 : a.key > b.key ? 1 : a.member - b.member))
  return made.map(({ key, member }) => ({ bytes: keyBytes(key), member }))
}

/**
 * Visits points from the nearest to `target` outwards, until `visit` returns true.
 *
 * The points of one subtree of the key space lie side by side in key order, and the half that shares the next
 * bit with the target is nearer as a whole. Cost: O(log points) for each point visited.
 * Source: Maymounkov and Mazières 2002, section 2.3.
 */
export function visitNearest(points: Points, target: Uint8Array, visit: (member: number) => boolean): void {
  const walk = (from: number, to: number, bit: number): boolean => {
    if (from === to) return false
    if (to - from === 1 || bit === 256) {
      for (let i = from; i < to; i++) if (visit(points[i]!.member)) return true
      return false
    }
    const middle = firstWithBit(points, from, to, bit)
    return bitAt(target, bit) === 0
      ? walk(from, middle, bit + 1) || walk(middle, to, bit + 1)
      : walk(middle, to, bit + 1) || walk(from, middle, bit + 1)
  }
  walk(0, points.length, 0)
}

const bitAt = (bytes: Uint8Array, bit: number): number => (bytes[bit >> 3]! >> (7 - (bit & 7))) & 1

/** The first of points[from..to) whose `bit` is set; all of them agree on the bits before. */
function firstWithBit(points: Points, from: number, to: number, bit: number): number {
  let low = from
  let high = to
  while (low < high) {
    const middle = (low + high) >> 1
    if (bitAt(points[middle]!.bytes, bit) === 0) low = middle + 1
    else high = middle
  }
  return low
}
