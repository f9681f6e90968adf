import { stemmer } from 'stemmer'
import { withinEdits } from './edit-distance.ts'
import { GrowingInts } from './growing-ints.ts'
import { notRecent, RecentWords } from './recent-words.ts'
import { stopWords } from './stop-words.ts'
import { TextTable } from './text-table.ts'
import { fold } from './tokens.ts'
import { WordShapes } from './word-shapes.ts'

const none = -1
/** What stands for the number of a word that is not indexed. */
export const notIndexed = -2

/** Whether a word is to be seen by who asks. */
export type Seen = (id: number) => boolean

/**
 * The words of all shelves, numbered in the order of their first occurrence, as they are written: a stem stands for all
 * words that have it. Words are found by stem, by beginning, middle and end, and by distance; which of them an asker
 * may know of says `seen`.
 */
export class Lexicon {
  readonly #words = new TextTable()
  /** Stems that were no word themselves when they came. */
  readonly #stems = new TextTable()
  /** The newest word of each stem, by number of the word that is the stem, or of the stem; `#sameStem` leads to the others. */
  readonly #newestOfWord = new GrowingInts()
  readonly #newestOfStem = new GrowingInts()
  readonly #sameStem = new GrowingInts()
  readonly #shapes = new WordShapes()
  readonly #recent = new RecentWords()

  get size(): number {
    return this.#words.size
  }

  /** Number of a word, or null when it occurs nowhere. */
  find(term: string): number | null {
    const id = this.#words.find(term)
    return id === none ? null : id
  }

  textOf(id: number): string {
    return this.#words.textOf(id)
  }

  /** Number of a word; a new one is added. */
  add(term: string): number {
    const id = this.#words.add(term)
    if (id < this.#sameStem.length) return id
    const text = this.textOf(id)
    const asStem = this.#stems.find(text)
    this.#newestOfWord.push(asStem === none ? none : this.#newestOfStem.at(asStem))
    const stem = stemmer(text)
    this.#sameStem.push(this.#newestWith(stem))
    this.#nameNewest(stem, id)
    this.#shapes.add(id, text)
    return id
  }

  /**
   * Number of the word that stands somewhere in a text; a new one is added.
   *
   * @param all - also when it is too common to say anything.
   * @returns `notIndexed` when it is, or when nothing is left of it.
   */
  addAt(text: string, start: number, end: number, all: boolean): number {
    const recent = this.#recent.find(text, start, end)
    if (recent >= 0 || (recent === notIndexed && !all)) return recent
    const term = fold(text, start, end)
    if (term === '') return notIndexed
    const isCommon = stopWords.has(term)
    const id = isCommon && !all ? notIndexed : this.add(term)
    if (recent === notRecent) {
      // A word that is too common stays so for the next place, although this one may be indexed.
      const [kept, number] = isCommon ? [term, notIndexed] : [this.textOf(id), id]
      this.#recent.keep(text, start, end, kept, number)
    }
    return id
  }

  /** Every word with the stem of this one. */
  sameStem(term: string): number[] {
    const ids: number[] = []
    let id = this.#newestWith(stemmer(term))
    while (id !== none) {
      ids.push(id)
      id = this.#sameStem.at(id)
    }
    return ids
  }

  /**
   * Words that are `parts` in this order with anything between: `['auth', '']` for `auth*`, `['', 'then', '']` for
   * `*then*`. Shortest first, then by alphabet.
   */
  matching(parts: readonly string[], seen: Seen): number[] {
    const found: Found[] = []
    this.#shapes.eachLike(parts, id => {
      if (!seen(id)) return
      const text = this.textOf(id)
      if (fitsPattern(text, parts)) found.push({ id, text })
    })
    return inOrder(found)
  }

  /**
   * Words within `edits` insertions, deletions, replacements or swaps of neighbours.
   *
   * @returns for each distance from 1 the words that far away, by alphabet.
   */
  near(term: string, edits: number, seen: Seen): number[][] {
    const rings: Found[][] = Array.from({ length: edits }, () => [])
    this.#shapes.eachNear(term, edits, id => {
      if (!seen(id)) return
      const text = this.textOf(id)
      const distance = withinEdits(term, text, edits)
      if (distance > 0 && distance <= edits) rings[distance - 1]!.push({ id, text })
    })
    return rings.map(inOrder)
  }

  #newestWith(stem: string): number {
    const word = this.#words.find(stem)
    if (word !== none) return this.#newestOfWord.at(word)
    const id = this.#stems.find(stem)
    return id === none ? none : this.#newestOfStem.at(id)
  }

  #nameNewest(stem: string, id: number): void {
    const word = this.#words.find(stem)
    if (word !== none) this.#newestOfWord.set(word, id)
    else {
      const at = this.#stems.add(stem)
      if (at === this.#newestOfStem.length) this.#newestOfStem.push(id)
      else this.#newestOfStem.set(at, id)
    }
  }
}

type Found = { readonly id: number; readonly text: string }

/** Shortest first, then by alphabet. */
const inOrder = (found: Found[]): number[] =>
  found.sort((a, b) => a.text.length - b.text.length || (a.text < b.text ? -1 : 1)).map(({ id }) => id)

function fitsPattern(text: string, parts: readonly string[]): boolean {
  const [start = '', ...rest] = parts
  const end = rest.pop() ?? ''
  if (!text.startsWith(start) || text.length < start.length + end.length) return false
  let at = start.length
  for (const part of rest) {
    const found = text.indexOf(part, at)
    if (found < 0) return false
    at = found + part.length
  }
  return text.length - end.length >= at && text.endsWith(end)
}
