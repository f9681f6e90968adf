import type { Shelf } from '../rank/shelf.ts'
import type { Segment } from '../segment/segment.ts'

// What is in a segment never changes.
const newest = new WeakMap<Segment, number>()

/**
 * When the newest version of some shelves was written, in milliseconds, 0 for none: what the pages of an answer hold on to.
 * Of the shelves of who asks alone: it is in the cursor, and says when something was written.
 */
export function newestIn(shelves: readonly Shelf[]): number {
  let found = 0
  for (const { segments } of shelves) {
    for (const segment of segments) {
      const known = newest.get(segment) ?? newestOf(segment)
      if (known > found) found = known
    }
  }
  return found
}

function newestOf(segment: Segment): number {
  let found = 0
  for (const writtenMs of segment.columns.writtenMs) if (writtenMs > found) found = writtenMs
  newest.set(segment, found)
  return found
}
