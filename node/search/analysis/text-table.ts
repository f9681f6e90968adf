import { randomBytes } from 'node:crypto'
import { GrowingInts } from './growing-ints.ts'

const none = -1
const lastAscii = 0x7f
const slash = '/'.charCodeAt(0)

/**
 * Short texts, numbered in the order in which they came, outside the heap: as strings and keys of a map, a hundred thousand of them would
 * be gone through by each collection of garbage, which holds up whoever waits for a search meanwhile.
 *
 * Takes the bytes of UTF-8 and about 20 more for each.
 */
export class TextTable {
  #bytes = Buffer.alloc(256)
  /** Where each ends. */
  readonly #ends = new GrowingInts()
  readonly #hashes = new GrowingInts()
  /** Numbers by hash, each in the first free place from its own on; at most half of them are taken. */
  #places = new Int32Array(64).fill(none)
  /** Who chooses words does not know which of them meet in one place. */
  readonly #seed = randomBytes(4).readInt32LE()

  get size(): number {
    return this.#ends.length
  }

  /** @returns its number, or −1 when it is not there. */
  find(text: string): number {
    return this.#places[this.#placeOf(text, this.#hashOf(text))]!
  }

  /** @returns its number: that of before, or the next one. */
  add(text: string): number {
    const hash = this.#hashOf(text)
    const place = this.#placeOf(text, hash)
    const known = this.#places[place]!
    if (known !== none) return known
    const id = this.size
    this.#places[place] = id
    this.#hashes.push(hash)
    this.#ends.push(this.#write(text))
    if (this.size * 2 > this.#places.length) this.#spread()
    return id
  }

  /** A new string each time. */
  textOf(id: number): string {
    return this.#bytes.toString('utf8', this.#startOf(id), this.#ends.at(id))
  }

  /** @param folder - the bytes of a path without a slash at its end; of none: everything is below it. */
  isBelow(id: number, folder: Uint8Array): boolean {
    const start = this.#startOf(id)
    const length = this.#ends.at(id) - start
    if (length < folder.length) return false
    const bytes = this.#bytes
    for (let at = 0; at < folder.length; at++) if (bytes[start + at] !== folder[at]) return false
    return folder.length === 0 || length === folder.length || bytes[start + folder.length] === slash
  }

  #startOf(id: number): number {
    return id === 0 ? 0 : this.#ends.at(id - 1)
  }

  #placeOf(text: string, hash: number): number {
    const places = this.#places
    const last = places.length - 1
    let place = hash & last
    for (let id = places[place]!; id !== none; id = places[place]!) {
      if (this.#hashes.at(id) === hash && this.#is(id, text)) break
      place = (place + 1) & last
    }
    return place
  }

  #is(id: number, text: string): boolean {
    const start = this.#startOf(id)
    // As many bytes as characters: all of them are ASCII.
    if (this.#ends.at(id) - start !== text.length) return this.textOf(id) === asKept(text)
    const bytes = this.#bytes
    for (let at = 0; at < text.length; at++) if (bytes[start + at] !== text.charCodeAt(at)) return false
    return true
  }

  #write(text: string): number {
    const start = this.#ends.length === 0 ? 0 : this.#ends.at(this.#ends.length - 1)
    const mostBytes = text.length * 3
    if (start + mostBytes > this.#bytes.length) {
      const larger = Buffer.alloc(start + mostBytes + (start >> 1))
      larger.set(this.#bytes)
      this.#bytes = larger
    }
    const bytes = this.#bytes
    for (let at = 0; at < text.length; at++) {
      const code = text.charCodeAt(at)
      if (code > lastAscii) return start + bytes.write(text, start)
      bytes[start + at] = code
    }
    return start + text.length
  }

  #spread(): void {
    const places = new Int32Array(this.#places.length * 2).fill(none)
    const last = places.length - 1
    for (let id = 0; id < this.size; id++) {
      let place = this.#hashes.at(id) & last
      while (places[place] !== none) place = (place + 1) & last
      places[place] = id
    }
    this.#places = places
  }

  #hashOf(text: string): number {
    let hash = this.#seed
    for (let at = 0; at < text.length; at++) {
      // MurmurHash3, four bytes a character: https://github.com/aappleby/smhasher/wiki/MurmurHash3
      const mixed = Math.imul(text.charCodeAt(at), 0xcc9e2d51)
      hash ^= Math.imul((mixed << 15) | (mixed >>> 17), 0x1b873593)
      hash = (Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64) | 0
    }
    hash ^= text.length
    hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
    return hash ^ (hash >>> 16)
  }
}

/** Half a character, which a cut may leave, is kept as U+FFFD. */
const asKept = (text: string): string => Buffer.from(text).toString()
