import { stemmer } from 'stemmer'
import { withinEdits } from './edit-distance.ts'
import { GrowingInts } from './growing-ints.ts'

const none = -1
/** Marks the beginning and the end of a word in its trigrams. */
const edge = '\u0000'

/**
 * The words of a shelf, numbered in the order of their first occurrence, as they are written: a stem stands for all
 * words that have it. Words are found by stem, by beginning, middle and end, and by distance.
 */
export class Lexicon {
  readonly #texts: string[] = []
  readonly #ids = new Map<string, number>()
  /** The newest word of each stem; `#sameStem` leads to the others. */
  readonly #stems = new Map<string, number>()
  readonly #sameStem = new GrowingInts()
  /** Words by the three characters that they contain. */
  readonly #grams = new Map<number, GrowingInts>()
  #shared = new Uint8Array(0)
  /** The set of letters of each word, one of 32 bits a letter. */
  readonly #letters = new GrowingInts()

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
    const stem = stemmer(text)
    this.#sameStem.push(this.#stems.get(stem) ?? none)
    this.#stems.set(stem, id)
    for (const gram of gramsOf(`${edge}${text}${edge}`)) {
      const list = this.#list(gram)
      if (list.length === 0 || list.at(list.length - 1) !== id) list.push(id)
    }
    this.#letters.push(lettersOf(text))
    return id
  }

  /** Every word with the stem of this one. */
  sameStem(term: string): number[] {
    const ids: number[] = []
    let id = this.#stems.get(stemmer(term)) ?? none
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
  matching(parts: readonly string[]): number[] {
    const pattern = `${edge}${parts.join('*')}${edge}`
    const grams = pattern.split('*').flatMap(gramsOf)
    const fits = (id: number) => fitsPattern(this.#texts[id]!, parts)
    return this.#sorted(this.#withAll(grams).filter(fits))
  }

  /**
   * Words within `edits` insertions, deletions, replacements or swaps of neighbours.
   *
   * @returns for each distance from 1 the words that far away, by alphabet.
   */
  near(term: string, edits: number): number[][] {
    const rings: number[][] = Array.from({ length: edits }, () => [])
    for (const id of this.#nearCandidates(term, edits)) {
      const distance = withinEdits(term, this.#texts[id]!, edits)
      if (distance > 0 && distance <= edits) rings[distance - 1]!.push(id)
    }
    return rings.map(ids => this.#sorted(ids))
  }

  /** An edit destroys four trigrams at most, so what is near has the others; a short word is compared with all. */
  #nearCandidates(term: string, edits: number): number[] {
    const grams = new Set(gramsOf(`${edge}${term}${edge}`))
    const needed = grams.size - 4 * edits
    const letters = lettersOf(term)
    // An edit changes two letters of the set at most.
    const isLike = (id: number) => bitsOf(letters ^ this.#letters.at(id)) <= 2 * edits
    const candidates: number[] = []
    if (needed < 1) {
      for (let id = 0; id < this.#texts.length; id++) if (isLike(id)) candidates.push(id)
      return candidates
    }
    const shared = this.#marks()
    const lists = [...grams].flatMap(gram => this.#grams.get(gram) ?? [])
    for (const list of lists) {
      for (let i = 0; i < list.length; i++) {
        const id = list.at(i)
        if (++shared[id]! === needed && isLike(id)) candidates.push(id)
      }
    }
    for (const list of lists) for (let i = 0; i < list.length; i++) shared[list.at(i)] = 0
    return candidates
  }

  /** Words that have all of these trigrams, the rarest list checked against the next two. */
  #withAll(grams: readonly number[]): number[] {
    const lists = grams.map(gram => this.#grams.get(gram))
    if (lists.some(list => list === undefined)) return []
    if (lists.length === 0) return this.#texts.map((_, id) => id)
    const [first, ...others] = (lists as GrowingInts[]).sort((a, b) => a.length - b.length)
    let ids = first!.toArray()
    for (const list of others.slice(0, 2)) {
      if (list.length > 8 * ids.length) break
      const shared = this.#marks()
      for (let i = 0; i < list.length; i++) shared[list.at(i)] = 1
      ids = ids.filter(id => shared[id] === 1)
      for (let i = 0; i < list.length; i++) shared[list.at(i)] = 0
    }
    return ids
  }

  /** A byte for each word, all 0; who uses them leaves them so. */
  #marks(): Uint8Array {
    if (this.#shared.length < this.#texts.length) this.#shared = new Uint8Array(this.#texts.length * 2)
    return this.#shared
  }

  #list(gram: number): GrowingInts {
    const known = this.#grams.get(gram)
    if (known !== undefined) return known
    const list = new GrowingInts()
    this.#grams.set(gram, list)
    return list
  }

  #sorted(ids: number[]): number[] {
    const texts = this.#texts
    return ids.sort((a, b) => texts[a]!.length - texts[b]!.length || (texts[a]! < texts[b]! ? -1 : 1))
  }
}

/** Every three characters of a text as a number; what has the same number is told apart when it is compared. */
function gramsOf(text: string): number[] {
  const grams: number[] = []
  for (let i = 0; i + 3 <= text.length; i++) {
    const [a, b, c] = [text.charCodeAt(i), text.charCodeAt(i + 1), text.charCodeAt(i + 2)]
    grams.push(((a << 20) ^ (b << 10) ^ c) & 0x3fffffff)
  }
  return grams
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

function lettersOf(text: string): number {
  let letters = 0
  for (let i = 0; i < text.length; i++) letters |= 1 << (text.charCodeAt(i) & 31)
  return letters
}

/** Source: Warren, Hacker's Delight, section 5-1. */
function bitsOf(value: number): number {
  let v = value - ((value >>> 1) & 0x55555555)
  v = (v & 0x33333333) + ((v >>> 2) & 0x33333333)
  return Math.imul((v + (v >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24
}
