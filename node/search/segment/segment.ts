import type { Columns } from './columns.ts'
import { compareBytes, keyBytes } from './columns.ts'
import { PackedReader } from './packed-bytes.ts'

/** Words of a segment's documents. `slots` leads from the order of numbers to the order in which words are packed. */
export type Words = {
  /** Numbers in the lexicon, ascending. */
  readonly ids: Uint32Array
  readonly slots: Uint32Array
  /** Where the documents of slot `s` lie in `postings`: from `postingStarts[s]` to `postingStarts[s + 1]`. */
  readonly postingStarts: Uint32Array
  readonly positionStarts: Uint32Array
  /**
   * Documents in ascending order: the distance to the one before, doubled, and 1 more when the word's weight in it is
   * 1; else the weight follows. The weight is how often the word occurs, each time as much as its field weighs.
   */
  readonly postings: Uint8Array
  /** For each document of the word its places: the distance to the one before, doubled, 1 more when another follows. */
  readonly positions: Uint8Array
}

export type Stored = {
  readonly id: number
  readonly chunks: number
  /** Number of the piece that says what has ended; null: nothing had. */
  readonly state: number | null
  /** What `changes` was then. */
  readonly changes: number
}

/** Some documents and their words; only what became of the documents since can change. */
export class Segment {
  readonly documents: number
  readonly words: Words
  readonly columns: Columns
  /** Until when each document held, in milliseconds: infinite while it holds, 0 when it was removed for good. */
  readonly until: Float64Array
  /** 1 for each document that holds. */
  readonly current: Uint8Array
  currentCount: number
  /** Length of all documents that hold. */
  currentLength: number
  removedCount = 0
  /** Length of the shortest document, whether it holds or not. */
  readonly shortest: number
  /** Grows with every change of `until`. */
  changes = 0
  /** Where it lies on disk, and which state of it; null: in memory only, and in the log. */
  stored: Stored | null = null
  readonly #places: Int32Array

  constructor(words: Words, columns: Columns, until: Float64Array) {
    this.documents = columns.lengths.length
    this.words = words
    this.columns = columns
    this.until = until
    this.current = new Uint8Array(this.documents)
    this.currentCount = 0
    this.currentLength = 0
    let shortest = Number.POSITIVE_INFINITY
    for (let place = 0; place < this.documents; place++) {
      if (columns.lengths[place]! < shortest) shortest = columns.lengths[place]!
      if (until[place] === Number.POSITIVE_INFINITY) {
        this.current[place] = 1
        this.currentCount++
        this.currentLength += columns.lengths[place]!
      } else if (until[place] === 0) this.removedCount++
    }
    this.shortest = shortest
    this.#places = placesByKey(columns.keys, this.documents)
  }

  get bytes(): number {
    const { ids, postings, positions } = this.words
    const perDocument = 32 + 12 + 8 * 3 + 4 * 3 + 2 + 32 + 24 + 8 + 1 + 16
    return ids.length * 16 + postings.length + positions.length + this.documents * perDocument
  }

  /** Slots of those words that occur here. @param wanted - ascending. Cost: by how far they are apart. */
  slotsOf(wanted: readonly number[]): number[] {
    const { ids, slots } = this.words
    const found: number[] = []
    let at = 0
    for (const id of wanted) {
      let step = 1
      while (at + step < ids.length && ids[at + step]! <= id) step *= 2
      let high = Math.min(at + step, ids.length)
      while (at < high) {
        const middle = (at + high) >> 1
        if (ids[middle]! < id) at = middle + 1
        else high = middle
      }
      if (at === ids.length) break
      if (ids[at] === id) found.push(slots[at]!)
    }
    return found
  }

  /** Places of all versions of a key that were not removed for good. */
  placesOf(key: Uint8Array): number[] {
    const found: number[] = []
    const table = this.#places
    for (let at = hashOf(key, 0) & (table.length - 1); table[at]! >= 0; at = (at + 1) & (table.length - 1)) {
      const place = table[at]!
      if (
        this.until[place] !== 0 &&
        compareBytes(key, 0, this.columns.keys, place * keyBytes, keyBytes) === 0
      ) {
        found.push(place)
      }
    }
    return found
  }

  /** A document holds no longer than `untilMs`; 0: it is removed for good. Never makes it hold longer. */
  end(place: number, untilMs: number): void {
    if (this.until[place]! <= untilMs) return
    if (this.current[place] === 1) {
      this.current[place] = 0
      this.currentCount--
      this.currentLength -= this.columns.lengths[place]!
    }
    if (untilMs === 0) this.removedCount++
    this.until[place] = untilMs
    this.changes++
  }
}

/** Reads the documents of one word one after the other; `seek` says of which. */
export class PostingCursor {
  place = -1
  weight = 0
  readonly #words: Words
  readonly #reader: PackedReader
  #end = 0

  constructor(words: Words) {
    this.#words = words
    this.#reader = new PackedReader(words.postings)
  }

  /** Begins with the documents of a word. */
  seek(slot: number): void {
    this.place = -1
    this.#reader.at = this.#words.postingStarts[slot]!
    this.#end = this.#words.postingStarts[slot + 1]!
  }

  next(): boolean {
    if (this.#reader.at >= this.#end) return false
    const code = this.#reader.varint()
    this.place += code >>> 1
    this.weight = (code & 1) === 1 ? 1 : this.#reader.varint()
    return true
  }
}

/** Tells all places of one word in the documents that have this mark, document by document. */
export function eachPosition(
  { words }: Segment,
  slot: number,
  marks: Uint8Array,
  mark: number,
  onPosition: (place: number, position: number) => void,
): void {
  const cursor = new PostingCursor(words)
  cursor.seek(slot)
  const reader = new PackedReader(words.positions, words.positionStarts[slot]!)
  while (cursor.next()) {
    if (marks[cursor.place] !== mark) {
      reader.skipRow()
      continue
    }
    let position = 0
    let code: number
    do {
      code = reader.varint()
      position += code >>> 1
      onPosition(cursor.place, position)
    } while ((code & 1) === 1)
  }
}

/** Open addressing, at most half full, by the first bytes of the key, which are as good as random. */
function placesByKey(keys: Uint8Array, documents: number): Int32Array {
  let size = 2
  while (size < documents * 2) size *= 2
  const table = new Int32Array(size).fill(-1)
  for (let place = 0; place < documents; place++) {
    let at = hashOf(keys, place * keyBytes) & (size - 1)
    while (table[at]! >= 0) at = (at + 1) & (size - 1)
    table[at] = place
  }
  return table
}

const hashOf = (bytes: Uint8Array, at: number): number =>
  bytes[at + 4]! | (bytes[at + 5]! << 8) | (bytes[at + 6]! << 16) | ((bytes[at + 7]! & 127) << 24)
