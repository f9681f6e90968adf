import type { IndexDocument, TextField } from '../api.ts'
import { textFields } from '../api.ts'
import { searchLimits } from '../limits.ts'
import { type Analyzers, english, exactTerm } from './analyzers.ts'
import { notIndexed } from './lexicon.ts'
import type { ShelfWords } from './shelf-words.ts'
import { stopWords } from './stop-words.ts'
import { fold, tokenize } from './tokens.ts'

/** Places left free between fields and between entries of a list, so that no phrase reaches across. */
export const fieldGap = searchLimits.phraseWordsMax + 1
/** Parts of one identifier that are told apart. */
const partsMax = 64
// Of the places of one text that were told last; what is left of another text is not looked at.
const partStarts = new Int32Array(partsMax)

/** The texts of a field, in the order in which they are indexed; a path is searched with the title. */
export function textsOf(document: IndexDocument, field: TextField): readonly string[] {
  switch (field) {
    case 'title':
      return document.path === null ? [document.title] : [document.title, document.path]
    case 'tags':
    case 'technologies':
    case 'insights':
      return document[field]
    default:
      return [document[field]]
  }
}

/** A document as the words that it has. */
export type Analyzed = {
  /** Words by number, and where each stands: places grow through the document, one a word, stop words too. */
  readonly words: readonly number[]
  readonly positions: readonly number[]
  /** Where each field begins; one more for the end. */
  readonly fieldStarts: readonly number[]
  /** Words of each field that count for its length: no stop words, no identifiers beside their parts. */
  readonly fieldLengths: readonly number[]
}

/** @param vocabulary - gives a word its number. Cost: about 30 µs for 1 KB. */
export function analyze(
  document: IndexDocument,
  vocabulary: ShelfWords,
  analyzers: Analyzers = english,
): Analyzed {
  const words: number[] = []
  const positions: number[] = []
  const fieldStarts: number[] = []
  const fieldLengths: number[] = []
  let at = 0
  for (const [number, field] of textFields.entries()) {
    fieldStarts.push(at)
    let length = 0
    const note = (word: number, position: number, whole: boolean) => {
      if (word === notIndexed) return
      words.push(word)
      positions.push(position)
      if (!whole) length++
    }
    const exact = analyzers[number] === 'exact'
    for (const text of analyzers[number] === 'none' ? [] : textsOf(document, field)) {
      at = exact
        ? eachWord(
            text,
            at,
            (term, position, whole) => note(vocabulary.add(exactTerm(term)), position, whole),
            true,
          )
        : eachPlace(text, at, (start, end, position, whole) =>
            note(vocabulary.addAt(text, start, end, whole), position, whole),
          )
      at += fieldGap
    }
    fieldLengths.push(length)
  }
  fieldStarts.push(at)
  return { words, positions, fieldStarts, fieldLengths }
}

/** Tells a word that is indexed and its place; `whole`: an identifier beside its parts, at the place of its first one. */
export type OnWord = (term: string, position: number, whole: boolean) => void

/**
 * Tells the indexed words of a text with their places.
 *
 * @param all - also those that are too common to say anything.
 * @returns the first free place behind them.
 */
export function eachWord(text: string, from: number, onWord: OnWord, all = false): number {
  return eachPlace(text, from, (start, end, position, whole) => {
    const term = fold(text, start, end)
    if (term !== '' && (all || whole || !stopWords.has(term))) onWord(term, position, whole)
  })
}

/** Tells where every word is in a text, and its place in the index. @returns the first free place behind them. */
export function eachPlace(
  text: string,
  from: number,
  onPlace: (start: number, end: number, position: number, whole: boolean) => void,
): number {
  let at = from
  // Parts of an identifier stand right behind each other and are told before it.
  const starts = partStarts
  tokenize(text, (start, end, whole) => {
    if (at > searchLimits.positionsMax) return
    if (!whole) {
      starts[at % partsMax] = start
      onPlace(start, end, at++, false)
      return
    }
    let first = at - 1
    while (first > from && first > at - partsMax && starts[first % partsMax]! > start) first--
    onPlace(start, end, first, true)
  })
  return at
}
