import type { Statistics } from '../api.ts'
import type { Plan } from '../query/plan.ts'
import type { Segment } from '../segment/segment.ts'
import type { Best } from './best.ts'
import { type Bm25, lengthNorm, rarity } from './bm25.ts'
import { Found } from './found.ts'
import type { Shelf } from './shelf.ts'
import type { Visible } from './view.ts'

/** One segment within a query: what is visible of it and where its documents lie in `found`, term by term. */
export type Part = {
  readonly shelf: Shelf
  readonly segment: Segment
  readonly visible: Visible
  /** For term `t` from `bounds[t]` to `bounds[t + 1]`. */
  readonly bounds: number[]
}

// Reused by every query of the thread.
export const found = new Found()
/** Matching documents of one segment, and by document how relevant each is: good until the next segment is scored. */
export const matching = { places: new Uint32Array(0), scores: new Float64Array(0), count: 0 }
// Zero between uses.
let conditions = new Int32Array(0)
// Of the documents of the rarest term: how many of all terms each has, zero between uses, and how often each.
let had = new Uint8Array(0)
let frequencies = new Uint32Array(0)
const touchedBit = 1 << 31

/** Fills `matching` for one segment. Cost: about 5 ns for each document of each term. */
export function score(part: Part, plan: Plan, statistics: Statistics, bm25: Bm25): void {
  makeRoom(part.segment)
  const weights = weightsOf(plan, statistics, bm25)
  const norm = lengthNorm(statistics, bm25)
  if (plan.any && weights.length === 1) scoreOne(part, weights[0]!, norm)
  else if (plan.any) scoreAny(part, weights, norm)
  else if (plan.each) scoreEach(part, weights, norm)
  else scoreMatching(part, plan, weights, norm)
}

function makeRoom({ documents }: Segment): void {
  if (conditions.length >= documents) return
  matching.places = new Uint32Array(documents)
  matching.scores = new Float64Array(documents)
  conditions = new Int32Array(documents)
  had = new Uint8Array(documents)
}

const weightsOf = (plan: Plan, statistics: Statistics, { k1 }: Bm25): number[] =>
  plan.terms.map(
    ({ boost }, term) => rarity(statistics.documents, statistics.frequencies[term]!) * boost * (k1 + 1),
  )

/** Less than rounding moves the number of occurrences at which a document is as good as the last of the best. */
const roundingPart = 1e-9

/**
 * Offers the documents of a single term. Which of them cannot be among the best is told by how often it occurs, without a
 * look at the document: none is shorter than the shortest of the segment. @returns how many there are.
 */
export function offerOne(part: Part, plan: Plan, statistics: Statistics, bm25: Bm25, best: Best): number {
  const { shelf, segment, bounds } = part
  const [weight] = weightsOf(plan, statistics, bm25) as [number]
  const { base, slope } = lengthNorm(statistics, bm25)
  const { lengths } = segment.columns
  const { places, weights } = found
  const shortest = base + slope * segment.shortest
  const leastFor = (value: number): number =>
    value > 0 && value < weight ? ((value * shortest) / (weight - value)) * (1 - roundingPart) : 0
  let { threshold } = best
  let least = leastFor(threshold)
  const [from, end] = [bounds[0]!, bounds[1]!]
  for (let i = from; i < end; i++) {
    const frequency = weights[i]!
    if (frequency < least) continue
    const place = places[i]!
    const value = (weight * frequency) / (frequency + (base + slope * lengths[place]!))
    if (value < threshold) continue
    best.offer({ value, shelf, segment, place })
    threshold = best.threshold
    least = leastFor(threshold)
  }
  return end - from
}

type Norm = { readonly base: number; readonly slope: number }

/** A single term has no document twice. */
function scoreOne({ segment, bounds }: Part, weight: number, { base, slope }: Norm): void {
  const { lengths } = segment.columns
  const { places, weights } = found
  const { places: matched, scores } = matching
  const from = bounds[0]!
  const count = bounds[1]! - from
  for (let i = 0; i < count; i++) {
    const place = places[from + i]!
    const frequency = weights[from + i]!
    matched[i] = place
    scores[place] = (weight * frequency) / (frequency + (base + slope * lengths[place]!))
  }
  matching.count = count
}

/** Whatever has any of the terms matches. */
function scoreAny({ segment, bounds }: Part, termWeights: readonly number[], { base, slope }: Norm): void {
  const { lengths } = segment.columns
  const { places, weights } = found
  const { places: matched, scores } = matching
  const touched = conditions
  let count = 0
  for (let term = 0; term < termWeights.length; term++) {
    const weight = termWeights[term]!
    const end = bounds[term + 1]!
    for (let i = bounds[term]!; i < end; i++) {
      const place = places[i]!
      const frequency = weights[i]!
      const value = (weight * frequency) / (frequency + (base + slope * lengths[place]!))
      if (touched[place] === 0) {
        touched[place] = touchedBit
        matched[count++] = place
        scores[place] = value
      } else scores[place]! += value
    }
  }
  for (let i = 0; i < count; i++) touched[matched[i]!] = 0
  matching.count = count
}

/** Whatever has all of the terms matches. The others are looked through for the documents of the rarest alone. */
function scoreEach({ segment, bounds }: Part, termWeights: readonly number[], { base, slope }: Norm): void {
  const { lengths } = segment.columns
  const { places, weights } = found
  const { places: matched, scores } = matching
  const rows = conditions
  const terms = termWeights.length
  const countOf = (term: number) => bounds[term + 1]! - bounds[term]!
  let rarest = 0
  for (let term = 1; term < terms; term++) if (countOf(term) < countOf(rarest)) rarest = term
  const [first, last] = [bounds[rarest]!, bounds[rarest + 1]!]
  const size = last - first
  if (frequencies.length < terms * size) frequencies = new Uint32Array(terms * size)
  for (let i = first; i < last; i++) rows[places[i]!] = i - first + 1
  for (let term = 0; term < terms; term++) {
    const end = bounds[term + 1]!
    const behind = term * size - 1
    for (let i = bounds[term]!; i < end; i++) {
      const row = rows[places[i]!]!
      if (row === 0) continue
      had[row - 1]! += 1
      frequencies[behind + row] = weights[i]!
    }
  }
  let count = 0
  for (let row = 0; row < size; row++) {
    const place = places[first + row]!
    rows[place] = 0
    const hasAll = had[row] === terms
    had[row] = 0
    if (!hasAll) continue
    const norm = base + slope * lengths[place]!
    let value = 0
    for (let term = 0; term < terms; term++) {
      const frequency = frequencies[term * size + row]!
      value += (termWeights[term]! * frequency) / (frequency + norm)
    }
    matched[count++] = place
    scores[place] = value
  }
  matching.count = count
}

/** First what matches is found, then that alone is weighed. */
function scoreMatching(part: Part, plan: Plan, termWeights: readonly number[], { base, slope }: Norm): void {
  const { segment, bounds } = part
  const { lengths } = segment.columns
  const { places, weights } = found
  const { places: matched, scores } = matching
  const count = findMatching(part, plan)
  for (let term = 0; term < termWeights.length; term++) {
    const weight = termWeights[term]!
    const end = bounds[term + 1]!
    for (let i = bounds[term]!; i < end; i++) {
      const place = places[i]!
      if (conditions[place] === 0) continue
      const frequency = weights[i]!
      scores[place]! += (weight * frequency) / (frequency + (base + slope * lengths[place]!))
    }
  }
  for (let i = 0; i < count; i++) conditions[matched[i]!] = 0
  matching.count = count
}

/** Leaves `conditions` other than zero, and `scores` zero, for what matches. @returns how many do. */
function findMatching({ segment, visible, bounds }: Part, plan: Plan): number {
  const { places } = found
  const { places: touched, scores } = matching
  const fulfilled = conditions
  let count = 0
  for (const { term, bits, isFirst } of rarestFirst(plan, bounds)) {
    const end = bounds[term + 1]!
    for (let i = bounds[term]!; i < end; i++) {
      const place = places[i]!
      const before = fulfilled[place]!
      if (before === 0) {
        if (!isFirst) continue
        touched[count++] = place
      }
      fulfilled[place] = before | bits
    }
  }
  if (plan.all) {
    for (let place = 0; place < segment.documents; place++) {
      if (visible.mask[place] !== 1 || fulfilled[place] !== 0) continue
      touched[count++] = place
      fulfilled[place] = touchedBit
    }
  }
  const { required } = plan
  let kept = 0
  for (let i = 0; i < count; i++) {
    const place = touched[i]!
    const bits = fulfilled[place]! & ~touchedBit
    if ((bits & required) === required && plan.matches(bits)) {
      touched[kept++] = place
      scores[place] = 0
    } else fulfilled[place] = 0
  }
  return kept
}

/** Terms in the order in which they are looked through; what no first one has matches nothing. */
function rarestFirst(plan: Plan, bounds: readonly number[]) {
  const rarest = rarestRequired(plan, bounds)
  return plan.terms
    .map(({ condition }, term) => ({
      term,
      bits: touchedBit | (condition === null ? 0 : 1 << condition),
      isFirst: rarest === null || condition === rarest,
    }))
    .sort((a, b) => Number(b.isFirst) - Number(a.isFirst))
}

/** Of the conditions that whatever matches fulfils, the one that the fewest documents do; null where there is none. */
function rarestRequired({ all, required, terms }: Plan, bounds: readonly number[]): number | null {
  if (all || required === 0) return null
  const counts = new Map<number, number>()
  for (const [term, { condition }] of terms.entries()) {
    if (condition === null || (required & (1 << condition)) === 0) continue
    counts.set(condition, (counts.get(condition) ?? 0) + bounds[term + 1]! - bounds[term]!)
  }
  let rarest: number | null = null
  for (const [condition, count] of counts) {
    if (rarest === null || count < counts.get(rarest)!) rarest = condition
  }
  return rarest
}

/** Finds out again how often each term occurs in the few documents that are returned. */
export function noteFrequencies(
  { segment, bounds }: Part,
  wanted: ReadonlyMap<number, number>,
  frequencies: number[][],
): void {
  makeRoom(segment)
  for (const place of wanted.keys()) conditions[place] = touchedBit
  for (let term = 0; term + 1 < bounds.length; term++) {
    for (let i = bounds[term]!; i < bounds[term + 1]!; i++) {
      const place = found.places[i]!
      if (conditions[place] !== 0) frequencies[wanted.get(place)!]![term] = found.weights[i]!
    }
  }
  for (const place of wanted.keys()) conditions[place] = 0
}
