import { isExactTerm } from '../analysis/analyzers.ts'
import type { Lexicon, Seen } from '../analysis/lexicon.ts'
import { searchLimits } from '../limits.ts'
import type { Term } from '../query/plan.ts'
import { startsPerDocument } from '../segment/columns.ts'
import { eachPosition, type Segment } from '../segment/segment.ts'
import type { Found } from './found.ts'
import { findPhrase } from './phrase.ts'
import { addPostings } from './postings.ts'

/** The words that a term stands for: one set, or one for each word of a phrase. */
export type Resolved = {
  readonly term: Term
  readonly slots: readonly {
    /** Ascending. */
    readonly ids: readonly number[]
    readonly offset: number
  }[]
  /** It stands for more words than are looked at. */
  readonly cut: boolean
}

/**
 * The words that the terms of a plan stand for.
 *
 * @param seen - whether a word occurs on a shelf of the asker: patterns and misspellings stand for no other.
 */
export function resolveTerms(lexicon: Lexicon, seen: Seen, terms: readonly Term[]): Resolved[] {
  const rings = ringsAround(lexicon, seen, terms)
  return terms.map(term => resolveTerm(lexicon, seen, term, rings))
}

/** For each misspelt word what is near to it, by distance: looked for once, however many distances are wanted. */
function ringsAround(lexicon: Lexicon, seen: Seen, terms: readonly Term[]): Map<string, number[][]> {
  const edits = new Map<string, number>()
  for (const { what } of terms)
    if (what.kind === 'near') edits.set(what.word, Math.max(what.edits, edits.get(what.word) ?? 0))
  return new Map([...edits].map(([word, most]) => [word, lexicon.near(word, most, seen)]))
}

function resolveTerm(
  lexicon: Lexicon,
  seen: Seen,
  term: Term,
  rings: ReadonlyMap<string, readonly number[][]>,
): Resolved {
  const { what } = term
  const one = (ids: readonly number[], most = Number.POSITIVE_INFINITY): Resolved => ({
    term,
    slots: [{ ids: ascending(ids.length > most ? ids.slice(0, most) : ids), offset: 0 }],
    cut: ids.length > most,
  })
  switch (what.kind) {
    case 'stem':
      return one(lexicon.sameStem(what.word))
    case 'exact': {
      const id = lexicon.find(what.word)
      return one(id === null ? [] : [id])
    }
    case 'pattern':
      return one(lexicon.matching(what.parts, seen), searchLimits.patternWordsMax)
    case 'near': {
      const kin = new Set(lexicon.sameStem(what.word))
      const ring = rings.get(what.word)![what.edits - 1]!
      const isExact = isExactTerm(what.word)
      return one(
        ring.filter(id => !kin.has(id) && isExactTerm(lexicon.textOf(id)) === isExact),
        searchLimits.fuzzyWordsMax,
      )
    }
    case 'phrase': {
      const slots = what.words.map(({ word, offset }) => ({
        ids: ascending(lexicon.sameStem(word)),
        offset,
      }))
      return { term, slots, cut: false }
    }
  }
}

const ascending = (ids: readonly number[]): number[] => [...ids].sort((a, b) => a - b)

// Weights of the documents of a segment while several words are added up; zero between uses.
let sums = new Uint32Array(0)

/** Adds the visible documents of a segment that have a term. */
export function lookUp(
  segment: Segment,
  resolved: Resolved,
  visible: Uint8Array,
  weights: readonly number[],
  found: Found,
): void {
  const { term, slots } = resolved
  if (slots.length > 1) {
    findPhrase(segment, resolved, visible, weights, found)
    return
  }
  const packed = segment.slotsOf(slots[0]!.ids)
  const start = found.length
  for (const slot of packed) {
    if (term.field === null) addPostings(segment, slot, visible, found)
    else addInField(segment, slot, visible, term.field, weights[term.field]!, found)
  }
  if (packed.length > 1) addUp(segment, found, start)
}

/** Makes one entry of all that a document has from `start` on. */
function addUp(segment: Segment, found: Found, start: number): void {
  if (sums.length < segment.documents) sums = new Uint32Array(segment.documents)
  const { places, weights, length } = found
  const added = sums
  let end = start
  for (let i = start; i < length; i++) {
    const place = places[i]!
    const before = added[place]!
    if (before === 0) places[end++] = place
    added[place] = before + weights[i]!
  }
  for (let i = start; i < end; i++) {
    const place = places[i]!
    weights[i] = added[place]!
    added[place] = 0
  }
  found.length = end
}

function addInField(
  segment: Segment,
  slot: number,
  visible: Uint8Array,
  field: number,
  fieldWeight: number,
  found: Found,
): void {
  const { fieldStarts } = segment.columns
  let [last, weight] = [-1, 0]
  eachPosition(segment, slot, visible, 1, (place, position) => {
    if (place !== last) {
      if (weight > 0) found.add(last, weight)
      last = place
      weight = 0
    }
    const start = place * startsPerDocument + field
    if (position >= fieldStarts[start]! && position < fieldStarts[start + 1]!) weight += fieldWeight
  })
  if (weight > 0) found.add(last, weight)
}
