import { PackedReader } from '../segment/packed-bytes.ts'
import type { Segment } from '../segment/segment.ts'
import type { Found } from './found.ts'

/** Adds the visible documents of one word. Most of the time of most questions is spent here. */
export function addPostings(segment: Segment, slot: number, visible: Uint8Array, found: Found): void {
  const { postings, postingStarts } = segment.words
  const end = postingStarts[slot + 1]!
  let at = postingStarts[slot]!
  // A document takes a byte at least.
  found.reserve(end - at)
  const { places, weights } = found
  let { length } = found
  let place = -1
  while (at < end) {
    let code = postings[at++]!
    if (code > 127) {
      code &= 127
      let shift = 7
      let byte: number
      do {
        byte = postings[at++]!
        code |= (byte & 127) << shift
        shift += 7
      } while (byte > 127)
    }
    place += code >>> 1
    let weight = 1
    if ((code & 1) === 0) {
      weight = postings[at++]!
      if (weight > 127) {
        const reader = new PackedReader(postings, at - 1)
        weight = reader.varint()
        at = reader.at
      }
    }
    // Written in any case, and kept when it is visible: quicker than to ask.
    places[length] = place
    weights[length] = weight
    length += visible[place]!
  }
  found.length = length
}
