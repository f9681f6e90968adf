import { textFields } from '../api.ts'

/**
 * What is made of the words of a field. `english`: words that are too common are left out, and a word stands for all that
 * have its stem. `exact`: every word, and for itself alone. `none`: the field is not searched.
 */
export const analyzerNames = ['english', 'exact', 'none'] as const
export type Analyzer = (typeof analyzerNames)[number]

/** One for each field, in the order of the fields. */
export type Analyzers = readonly Analyzer[]

export const english: Analyzers = textFields.map(() => 'english')

/** Marks a word that stands for itself alone: no stem, no other word is the same. No text has this character in a word. */
const exactMark = '\u0001'

export const exactTerm = (term: string): string => term + exactMark
export const isExactTerm = (term: string): boolean => term.endsWith(exactMark)
/** The word as it stands in a text. */
export const plainTerm = (term: string): string => (isExactTerm(term) ? term.slice(0, -1) : term)
