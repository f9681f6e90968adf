import { termCharsMax } from './tokens.ts'

/** What stands for a word that was not met lately. */
export const notRecent = -1

const slots = 2 ** 15
const lastAscii = 0x7f
const toLower = 0x20

/**
 * Words that were met lately, with a number each, found by their letters where they stand in a text: to make a string of each
 * word of a text and to look that up takes longer than all else that is done with it. A slot is for one word, the last
 * that came, so this stays as small as it is whatever the texts are. Words of ASCII alone: others are folded first.
 */
export class RecentWords {
  readonly #terms: string[] = new Array<string>(slots).fill('')
  readonly #numbers = new Int32Array(slots)

  /** @param start - of a word in a text; `end` is behind it. @returns what was kept for it, or `notRecent`. */
  find(text: string, start: number, end: number): number {
    const slot = slotOf(text, start, end)
    if (slot < 0) return notRecent
    const term = this.#terms[slot]!
    if (term.length !== end - start) return notRecent
    for (let at = 0; at < term.length; at++) {
      if (term.charCodeAt(at) !== lower(text.charCodeAt(start + at))) return notRecent
    }
    return this.#numbers[slot]!
  }

  /** @param term - the word that stands there, as `fold` makes it. */
  keep(text: string, start: number, end: number, term: string, number: number): void {
    const slot = slotOf(text, start, end)
    if (slot < 0) return
    this.#terms[slot] = term
    this.#numbers[slot] = number
  }
}

/** @returns −1 for a word that is none of ASCII, or too long to stand in the index as it is. */
function slotOf(text: string, start: number, end: number): number {
  if (end - start > termCharsMax) return -1
  let hash = 0
  for (let at = start; at < end; at++) {
    const code = text.charCodeAt(at)
    if (code > lastAscii) return -1
    // FNV-1a: http://www.isthe.com/chongo/tech/comp/fnv/
    hash = Math.imul(hash ^ lower(code), 0x01000193)
  }
  return (hash ^ (hash >>> 15)) & (slots - 1)
}

const lower = (code: number): number => (code >= 0x41 && code <= 0x5a ? code | toLower : code)
