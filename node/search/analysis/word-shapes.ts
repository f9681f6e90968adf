import { GrowingInts } from './growing-ints.ts'

/**
 * What a word looks like, in 96 bits: one of 32 for each letter that it has, one of 64 for each pair of neighbours, its edges
 * included. What a pattern names is in the shape of all words that fit; a mistake changes few bits. So nearly all words
 * are ruled out without a look at their letters.
 */
export type Shape = { readonly letters: number; readonly pairs: readonly [number, number] }

/** How many characters of a word are digits: a store has more numbers than words. */
const [noDigit, someDigits, allDigits] = [0, 1, 2]
const digitKinds = 3

/** Words of one length that begin with one letter (of 32) and are as much of digits: their numbers and shapes. */
class Kin {
  readonly ids = new GrowingInts()
  readonly letters = new GrowingInts()
  readonly pairsLow = new GrowingInts()
  readonly pairsHigh = new GrowingInts()
}

/** A mistake adds or removes two letters and, when neighbours are swapped, six pairs. */
const lettersPerEdit = 2
const pairsPerEdit = 6
const starts = 32

/** All words by shape. */
export class WordShapes {
  /** By length, first letter and digits. */
  readonly #kin: (Kin | undefined)[] = []

  add(id: number, text: string): void {
    const digits = digitsIn(text)
    const kind = digits === 0 ? noDigit : digits === text.length ? allDigits : someDigits
    const at = kinAt(text.length, text.charCodeAt(0) & 31, kind)
    this.#kin[at] ??= new Kin()
    const kin = this.#kin[at]
    const { letters, pairs } = shapeOf(edged(text))
    kin.ids.push(id)
    kin.letters.push(letters)
    kin.pairsLow.push(pairs[0])
    kin.pairsHigh.push(pairs[1])
  }

  /**
   * Tells the words that may be `parts` in this order with anything between. Cost: about 2 ns for each word that may begin
   * like that.
   */
  eachLike(parts: readonly string[], onWord: (id: number) => void): void {
    const [start = ''] = parts
    const least = parts.reduce((sum, part) => sum + part.length, 0)
    const wanted = joined(edged(parts.join('*')).split('*').map(shapeOf))
    const digits = parts.reduce((sum, part) => sum + digitsIn(part), 0)
    const mayBe = [digits === 0, true, digits === least]
    const first = start === '' ? null : start.charCodeAt(0) & 31
    for (const { kin } of this.#from(least, Number.POSITIVE_INFINITY, first, mayBe)) {
      const [letters, low, high] = [kin.letters.values, kin.pairsLow.values, kin.pairsHigh.values]
      const { length } = kin.ids
      for (let i = 0; i < length; i++) {
        const lacks =
          (wanted.letters & ~letters[i]!) | (wanted.pairs[0] & ~low[i]!) | (wanted.pairs[1] & ~high[i]!)
        if (lacks === 0) onWord(kin.ids.at(i))
      }
    }
  }

  /** Tells the words that may be within so many edits. Cost: about 2 ns for each word of such a length. */
  eachNear(text: string, edits: number, onWord: (id: number) => void): void {
    const wanted = shapeOf(edged(text))
    const digits = digitsIn(text)
    // An edit makes one character a digit, or no digit.
    const mayBe = [digits <= edits, true, text.length - digits <= edits]
    const wantedStart = text.charCodeAt(0) & 31
    const pairsMost = pairsPerEdit * edits
    for (const { kin, start } of this.#from(text.length - edits, text.length + edits, null, mayBe)) {
      const [letters, low, high] = [kin.letters.values, kin.pairsLow.values, kin.pairsHigh.values]
      const { length } = kin.ids
      // Of two words that begin differently one edit is at the beginning: it changes none but these two letters.
      const other = start !== wantedStart
      const counted = other ? ~((1 << start) | (1 << wantedStart)) : -1
      const lettersMost = lettersPerEdit * (other ? edits - 1 : edits)
      for (let i = 0; i < length; i++) {
        // Most words have many other letters: to take away as many bits as may be there is quicker than to count them.
        let others = (letters[i]! ^ wanted.letters) & counted
        for (let bits = 0; bits < lettersMost; bits++) others &= others - 1
        if (others !== 0) continue
        const pairs = bitsOf(low[i]! ^ wanted.pairs[0]) + bitsOf(high[i]! ^ wanted.pairs[1])
        if (pairs <= pairsMost) onWord(kin.ids.at(i))
      }
    }
  }

  /** @param only - the letter that they begin with; null: any. `kinds`: by kind of digits, whether they are wanted. */
  *#from(
    least: number,
    most: number,
    only: number | null,
    kinds: readonly boolean[],
  ): Generator<{ kin: Kin; start: number }> {
    const end = Math.min(this.#kin.length, kinAt(most + 1, 0, 0))
    for (let at = kinAt(Math.max(0, least), 0, 0); at < end; at++) {
      const kin = this.#kin[at]
      const start = Math.floor(at / digitKinds) % starts
      if (kin !== undefined && kinds[at % digitKinds] && (only === null || only === start))
        yield { kin, start }
    }
  }
}

const kinAt = (length: number, start: number, digits: number): number =>
  (length * starts + start) * digitKinds + digits

function digitsIn(text: string): number {
  let digits = 0
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code >= 48 && code <= 57) digits++
  }
  return digits
}

/** Marks the beginning and the end of a word. */
const edge = '\u0000'
const edged = (text: string): string => `${edge}${text}${edge}`

function shapeOf(text: string): Shape {
  let [letters, low, high] = [0, 0, 0]
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code !== 0) letters |= 1 << (code & 31)
    if (i === 0) continue
    // Spreads pairs evenly over 64: Knuth, The Art of Computer Programming, volume 3, section 6.4.
    const pair = Math.imul((text.charCodeAt(i - 1) << 8) ^ code, 0x9e3779b1) >>> 26
    if (pair < 32) low |= 1 << pair
    else high |= 1 << (pair - 32)
  }
  return { letters, pairs: [low, high] }
}

const joined = (shapes: readonly Shape[]): Shape =>
  shapes.reduce((all, { letters, pairs }) => ({
    letters: all.letters | letters,
    pairs: [all.pairs[0] | pairs[0], all.pairs[1] | pairs[1]],
  }))

/** Source: Warren, Hacker's Delight, section 5-1. */
function bitsOf(value: number): number {
  let v = value - ((value >>> 1) & 0x55555555)
  v = (v & 0x33333333) + ((v >>> 2) & 0x33333333)
  return Math.imul((v + (v >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24
}
