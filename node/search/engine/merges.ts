import type { Segment } from '../segment/segment.ts'

/** As many segments of one size as are made into one. */
export const fanIn = 8
/** Part of a segment that has ended or was removed, before it is written anew without that. */
const endedPartMax = 0.2
/** While nothing is handed in a segment joins smaller ones that have at least this part of its documents together. */
const calmPart = 0.25

/** Segments of about one size, of what holds or of what has ended, as soon as there are enough; or one that is half empty. */
export function nextMerge(segments: readonly Segment[]): readonly Segment[] | null {
  const groups = new Map<string, Segment[]>()
  for (const segment of segments) {
    const tier = Math.floor(Math.log(segment.documents) / Math.log(fanIn) + 1e-9)
    const name = `${segment.currentCount > 0}/${tier}`
    const group = groups.get(name) ?? []
    group.push(segment)
    groups.set(name, group)
    if (group.length >= fanIn) return group
  }
  const wasteful = segments.find(hasEnded)
  return wasteful === undefined ? null : [wasteful]
}

/**
 * What is made into one when there is time: every word of a question is looked up in each segment. A large one is left alone
 * while the smaller ones together are little beside it, so that an index into which little comes is not written anew
 * each time.
 */
export function nextCalmMerge(segments: readonly Segment[]): readonly Segment[] | null {
  const holding = segments.filter(({ currentCount }) => currentCount > 0)
  const ended = segments.filter(({ currentCount }) => currentCount === 0)
  return smallerOnes(holding) ?? smallerOnes(ended)
}

function smallerOnes(segments: readonly Segment[]): readonly Segment[] | null {
  const ascending = [...segments].sort((a, b) => a.documents - b.documents)
  let group: Segment[] = []
  let documents = 0
  for (const segment of ascending) {
    if (documents < segment.documents * calmPart) {
      if (group.length > 1) return group
      group = []
      documents = 0
    }
    group.push(segment)
    documents += segment.documents
  }
  return group.length > 1 ? group : null
}

/** Much of it has ended beside what holds, or was removed. */
export const hasEnded = (segment: Segment): boolean => {
  const ended = segment.currentCount > 0 ? segment.documents - segment.currentCount : segment.removedCount
  return ended > segment.documents * endedPartMax
}
