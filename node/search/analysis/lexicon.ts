import { stemmer } from 'stemmer'
import { withinEdits } from './edit-distance.ts'
import { GrowingInts } from './growing-ints.ts'
import { notRecent, RecentWords } from './recent-words.ts'
import { stopWords } from './stop-words.ts'
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
  readonly #texts: string[] = []
  readonly #ids = new Map<string, number>()
  /** The newest word of each stem; `#sameStem` leads to the others. A stem that is a word itself is named by its number. */
  readonly #newest = new GrowingInts()
  readonly #newestOfOther = new Map<string, number>()
  readonly #sameStem = new GrowingInts()
  readonly #shapes = new WordShapes()
  readonly #recent = new RecentWords()

  get size(): number {
    return this.#texts.length
  }

  /** Number of a word, or null when it occurs nowhere. */
  find(term: string): number | null {
    return this.#ids.get(term) ?? null
  }

  textOf(id: number): string {
    return this.#texts[id]!
  }

  /** Number of a word; a new one is added. */
  add(term: string): number {
    const known = this.#ids.get(term)
    if (known !== undefined) return known
    // A piece of a text would keep all of the text in memory.
    const text = Buffer.from(term).toString()
    const id = this.#texts.length
    this.#texts.push(text)
    this.#ids.set(text, id)
    this.#newest.push(this.#newestOfOther.get(text) ?? none)
    this.#newestOfOther.delete(text)
    const stem = stemmer(text)
    this.#sameStem.push(this.#newestWith(stem))
    const ofStem = this.#ids.get(stem)
    if (ofStem === undefined) this.#newestOfOther.set(stem, id)
    else this.#newest.set(ofStem, id)
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
      const [kept, number] = isCommon ? [term, notIndexed] : [this.#texts[id]!, id]
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
    const ids: number[] = []
    this.#shapes.eachLike(parts, id => {
      if (seen(id) && fitsPattern(this.#texts[id]!, parts)) ids.push(id)
    })
    return this.#sorted(ids)
  }

  /**
   * Words within `edits` insertions, deletions, replacements or swaps of neighbours.
   *
   * @returns for each distance from 1 the words that far away, by alphabet.
   */
  near(term: string, edits: number, seen: Seen): number[][] {
    const rings: number[][] = Array.from({ length: edits }, () => [])
    this.#shapes.eachNear(term, edits, id => {
      if (!seen(id)) return
      const distance = withinEdits(term, this.#texts[id]!, edits)
      if (distance > 0 && distance <= edits) rings[distance - 1]!.push(id)
    })
    return rings.map(ids => this.#sorted(ids))
  }

  #newestWith(stem: string): number {
    const id = this.#ids.get(stem)
    return id === undefined ? (this.#newestOfOther.get(stem) ?? none) : this.#newest.at(id)
  }

  #sorted(ids: number[]): number[] {
    const texts = this.#texts
    return ids.sort((a, b) => texts[a]!.length - texts[b]!.length || (texts[a]! < texts[b]! ? -1 : 1))
  }
}

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
