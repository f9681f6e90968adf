import { startsPerDocument } from '../segment/columns.ts'
import { eachPosition, type Segment } from '../segment/segment.ts'
import { Found } from './found.ts'
import type { Resolved } from './lookup.ts'
import { addPostings } from './postings.ts'

// How many words of the phrase a document has; zero between uses.
let counts = new Uint8Array(0)
// Documents of one word.
const list = new Found()
// A document and a position in it as one number: 21 bits of position.
const positionsPerPlace = 2 ** 21

/**
 * Adds the visible documents in which the words stand one after the other, with how often they do. First the documents
 * that have all words are found, then their places are compared, rarest word first.
 */
export function findPhrase(
  segment: Segment,
  { term, slots }: Resolved,
  visible: Uint8Array,
  weights: readonly number[],
  found: Found,
): void {
  const words = slots
    .map(({ ids, offset }) => ({
      offset,
      packed: segment.slotsOf(ids),
    }))
    .map(word => ({ ...word, bytes: word.packed.reduce((sum, slot) => sum + bytesOf(segment, slot), 0) }))
    .sort((a, b) => a.bytes - b.bytes)
  if (words.some(({ packed }) => packed.length === 0)) return
  if (counts.length < segment.documents) counts = new Uint8Array(segment.documents)
  const candidates = withAllWords(segment, words, visible)
  if (candidates.length > 0) {
    let starts = startsOf(segment, words[0]!, words.length)
    for (const word of words.slice(1)) {
      if (starts.length === 0) break
      starts = inBoth(starts, startsOf(segment, word, words.length))
    }
    addStarts(segment, starts, term.field, weights, found)
  }
  for (const place of candidates) counts[place] = 0
}

type Word = { readonly offset: number; readonly packed: readonly number[] }

/** Leaves `counts` at the number of words for what is returned, and at zero for all others. */
function withAllWords(segment: Segment, words: readonly Word[], visible: Uint8Array): number[] {
  let candidates: number[] = []
  for (const [index, { packed }] of words.entries()) {
    list.length = 0
    for (const slot of packed) addPostings(segment, slot, visible, list)
    const having: number[] = []
    for (let i = 0; i < list.length; i++) {
      const place = list.places[i]!
      if (counts[place] !== index) continue
      counts[place] = index + 1
      having.push(place)
    }
    for (const place of candidates) if (counts[place] === index) counts[place] = 0
    if (having.length === 0) return []
    candidates = having
  }
  return candidates
}

/** Where the phrase would start for each place of this word in the candidates, ascending. */
function startsOf(segment: Segment, { packed, offset }: Word, all: number): number[] {
  const starts: number[] = []
  for (const slot of packed) {
    eachPosition(segment, slot, counts, all, (place, position) => {
      if (position >= offset) starts.push(place * positionsPerPlace + position - offset)
    })
  }
  return packed.length > 1 ? [...Float64Array.from(starts).sort()] : starts
}

function inBoth(a: readonly number[], b: readonly number[]): number[] {
  const both: number[] = []
  let j = 0
  for (const start of a) {
    while (j < b.length && b[j]! < start) j++
    if (j === b.length) break
    if (b[j] === start && both.at(-1) !== start) both.push(start)
  }
  return both
}

function addStarts(
  segment: Segment,
  starts: readonly number[],
  field: number | null,
  weights: readonly number[],
  found: Found,
): void {
  const { fieldStarts } = segment.columns
  let [last, weight] = [-1, 0]
  for (const start of starts) {
    const place = Math.floor(start / positionsPerPlace)
    const position = start % positionsPerPlace
    if (place !== last && weight > 0) found.add(last, weight)
    if (place !== last) weight = 0
    last = place
    let of = 0
    while (of + 1 < weights.length && position >= fieldStarts[place * startsPerDocument + of + 1]!) of++
    if (field === null || field === of) weight += weights[of]!
  }
  if (weight > 0) found.add(last, weight)
}

const bytesOf = ({ words }: Segment, slot: number): number =>
  words.postingStarts[slot + 1]! - words.postingStarts[slot]!
