import { type Lexicon, notIndexed } from './lexicon.ts'

const bitsPerByte = 8

/** Which words of a lexicon occur on one shelf. */
export class ShelfWords {
  readonly lexicon: Lexicon
  #bits = new Uint8Array(0)
  #size = 0

  constructor(lexicon: Lexicon) {
    this.lexicon = lexicon
  }

  get size(): number {
    return this.#size
  }

  textOf(id: number): string {
    return this.lexicon.textOf(id)
  }

  /** Number of a word, which occurs here from now on. */
  add(term: string): number {
    return this.#occurs(this.lexicon.add(term))
  }

  /** The same for the word that stands somewhere in a text: `Lexicon.addAt`. */
  addAt(text: string, start: number, end: number, all: boolean): number {
    const id = this.lexicon.addAt(text, start, end, all)
    return id === notIndexed ? id : this.#occurs(id)
  }

  has(id: number): boolean {
    const byte = this.#bits[id >>> 3]
    return byte !== undefined && (byte & (1 << (id % bitsPerByte))) !== 0
  }

  #occurs(id: number): number {
    const at = id >>> 3
    if (at >= this.#bits.length) this.#grow(at)
    const bit = 1 << (id % bitsPerByte)
    if ((this.#bits[at]! & bit) === 0) {
      this.#bits[at]! |= bit
      this.#size++
    }
    return id
  }

  #grow(at: number): void {
    const larger = new Uint8Array(at + 1 + (at >> 2))
    larger.set(this.#bits)
    this.#bits = larger
  }
}
