import type { Candidate, Statistics } from '../api.ts'

/** How much repetition counts, and how much the length of a document. */
export type Bm25 = { readonly k1: number; readonly b: number }
export const defaultBm25: Bm25 = { k1: 1.2, b: 0.75 }

/** Robertson and Spärck Jones, in the form of Lucene, which is never negative. */
export const rarity = (documents: number, frequency: number): number =>
  Math.log(1 + (documents - frequency + 0.5) / (frequency + 0.5))

/** The part of the weight that a document's length adds: `base + slope * length`. */
export function lengthNorm(statistics: Statistics, { k1, b }: Bm25): { base: number; slope: number } {
  const average = statistics.lengthSum / statistics.documents
  return { base: k1 * (1 - b), slope: average > 0 ? (k1 * b) / average : 0 }
}

/** Statistics of disjoint sets of documents as those of all of them. */
export function addStatistics(all: readonly Statistics[]): Statistics {
  const frequencies = all[0]?.frequencies.map((_, term) =>
    all.reduce((sum, one) => sum + one.frequencies[term]!, 0),
  )
  return {
    documents: all.reduce((sum, { documents }) => sum + documents, 0),
    lengthSum: all.reduce((sum, { lengthSum }) => sum + lengthSum, 0),
    frequencies: frequencies ?? [],
  }
}

/**
 * Relevance of a document under statistics, which may be those of a whole fleet: the same number, to the last bit, that
 * one index of all documents gives.
 *
 * @param boosts - of each term, as the ranking names them.
 */
export function relevance(
  { length, termFrequencies }: Pick<Candidate, 'length' | 'termFrequencies'>,
  statistics: Statistics,
  boosts: readonly number[],
  bm25: Bm25 = defaultBm25,
): number {
  const { base, slope } = lengthNorm(statistics, bm25)
  let sum = 0
  for (let term = 0; term < termFrequencies.length; term++) {
    const frequency = termFrequencies[term]!
    if (frequency === 0) continue
    const weight = rarity(statistics.documents, statistics.frequencies[term]!) * boosts[term]! * (bm25.k1 + 1)
    sum += (weight * frequency) / (frequency + (base + slope * length))
  }
  return sum
}
