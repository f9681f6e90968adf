import { compareBytes, keyBytes, versionBytes } from '../segment/columns.ts'
import type { Segment } from '../segment/segment.ts'
import type { Shelf } from './shelf.ts'

/** A document that matched, and by what it is sorted: higher first, then by key and version. */
export type Match = {
  readonly value: number
  readonly shelf: Shelf
  readonly segment: Segment
  readonly place: number
}

/** Before which place the answer begins: what a cursor says. */
export type Position = { readonly value: number; readonly key: Uint8Array; readonly version: Uint8Array }

/** @returns below 0 when `a` comes first. */
export function compareMatches(a: Match, b: Match): number {
  if (a.value !== b.value) return b.value - a.value
  return compareIds(
    a,
    b.segment.columns.keys,
    b.place * keyBytes,
    b.segment.columns.versions,
    b.place * versionBytes,
  )
}

/** Whether a match comes behind a position. */
export function isBehind(match: Match, position: Position): boolean {
  if (match.value !== position.value) return match.value < position.value
  return compareIds(match, position.key, 0, position.version, 0) > 0
}

function compareIds(
  { segment, place }: Match,
  keys: Uint8Array,
  keyAt: number,
  versions: Uint8Array,
  versionAt: number,
): number {
  const { columns } = segment
  return (
    compareBytes(columns.keys, place * keyBytes, keys, keyAt, keyBytes) ||
    compareBytes(columns.versions, place * versionBytes, versions, versionAt, versionBytes)
  )
}

/** The first few of many matches: a heap with the last of them on top. */
export class Best {
  readonly #most: number
  readonly #heap: Match[] = []

  constructor(most: number) {
    this.#most = most
  }

  /** The least value that is worth offering. */
  get threshold(): number {
    return this.#heap.length < this.#most ? Number.NEGATIVE_INFINITY : this.#heap[0]!.value
  }

  offer(match: Match): void {
    const heap = this.#heap
    if (heap.length < this.#most) {
      heap.push(match)
      this.#up(heap.length - 1)
    } else if (compareMatches(match, heap[0]!) < 0) {
      heap[0] = match
      this.#down()
    }
  }

  sorted(): Match[] {
    return [...this.#heap].sort(compareMatches)
  }

  #up(from: number): void {
    const heap = this.#heap
    let at = from
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (compareMatches(heap[at]!, heap[parent]!) <= 0) return
      swap(heap, at, parent)
      at = parent
    }
  }

  #down(): void {
    const heap = this.#heap
    let at = 0
    for (;;) {
      let last = at
      for (const child of [2 * at + 1, 2 * at + 2]) {
        if (child < heap.length && compareMatches(heap[child]!, heap[last]!) > 0) last = child
      }
      if (last === at) return
      swap(heap, at, last)
      at = last
    }
  }
}

function swap(heap: Match[], a: number, b: number): void {
  const kept = heap[a]!
  heap[a] = heap[b]!
  heap[b] = kept
}
