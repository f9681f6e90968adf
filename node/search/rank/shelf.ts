import type { RoleName } from '../../../base/ids.ts'
import type { Lexicon } from '../analysis/lexicon.ts'
import { ShelfWords } from '../analysis/shelf-words.ts'
import { listFields, valueFields } from '../api.ts'
import { compareBytes, type ValueTables, versionBytes } from '../segment/columns.ts'
import type { Segment } from '../segment/segment.ts'
import { Strings } from '../segment/strings.ts'

/** A version of a key that a shelf has. */
export type Place = { readonly segment: Segment; readonly at: number }

/**
 * All documents that are sealed to exactly the same roles, with the words that occur in them and the values that occur in
 * them and nowhere else. Who holds one of the roles may see all of it.
 */
export class Shelf {
  readonly id: string
  readonly roles: readonly RoleName[]
  readonly words: ShelfWords
  readonly tables = Object.fromEntries(
    [...valueFields, ...listFields].map(name => [name, new Strings()]),
  ) as ValueTables
  segments: readonly Segment[] = []

  /** @param lexicon - that of all shelves that are searched together. */
  constructor(id: string, roles: readonly RoleName[], lexicon: Lexicon) {
    this.id = id
    this.roles = roles
    this.words = new ShelfWords(lexicon)
  }

  get documents(): number {
    return this.segments.reduce((sum, { currentCount }) => sum + currentCount, 0)
  }

  /** All versions of a key that were not removed. */
  placesOf(key: Uint8Array): Place[] {
    const places: Place[] = []
    for (const segment of this.segments) {
      for (const at of segment.placesOf(key)) places.push({ segment, at })
    }
    return places
  }

  /** Puts segments in the place of others, in one step. */
  replace(old: readonly Segment[], by: readonly Segment[]): void {
    this.segments = [...this.segments.filter(segment => !old.includes(segment)), ...by]
  }
}

/** Order of the version at a place and of another. */
export const compareVersion = ({ segment, at }: Place, version: Uint8Array): number =>
  compareBytes(segment.columns.versions, at * versionBytes, version, 0, versionBytes)
