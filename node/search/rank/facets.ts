import { SlurpError } from '../../../base/errors.ts'
import type { RoleName } from '../../../base/ids.ts'
import {
  type FacetField,
  type Facets,
  type ListField,
  listFields,
  type ValueField,
  valueFields,
} from '../api.ts'
import { searchLimits } from '../limits.ts'
import type { Segment } from '../segment/segment.ts'
import type { Shelf } from './shelf.ts'

const isValueField = (name: string): name is ValueField => (valueFields as readonly string[]).includes(name)
const isListField = (name: string): name is ListField => (listFields as readonly string[]).includes(name)

/** @throws SlurpError USAGE for what hits cannot be counted by. */
export function checkFacets(names: readonly string[]): void {
  const unknown = names.find(name => !isValueField(name) && !isListField(name) && name !== 'role')
  if (unknown !== undefined || names.length > searchLimits.facetsMax) {
    throw new SlurpError(
      'USAGE',
      unknown === undefined
        ? `Hits are counted by at most ${searchLimits.facetsMax} facets.`
        : 'Hits cannot be counted by this facet.',
      { hint: `Facets are ${[...valueFields, ...listFields, 'role'].join(', ')}.` },
    )
  }
}

/** Counts the values of matching documents, first in numbers shelf by shelf, then in texts. */
export class FacetCounts {
  readonly #counts: ReadonlyMap<string, Map<string, number>>
  readonly #roles: ReadonlySet<RoleName>
  #shelf: Shelf | null = null
  #numbers: { name: FacetField; counts: Uint32Array }[] = []
  #matched = 0

  /** @param roles - of the asker; others are not counted. */
  constructor(names: readonly string[], roles: ReadonlySet<RoleName>) {
    this.#counts = new Map(names.map(name => [name, new Map<string, number>()]))
    this.#roles = roles
  }

  begin(shelf: Shelf): void {
    this.#shelf = shelf
    this.#matched = 0
    this.#numbers = [...this.#counts.keys()]
      .filter(name => name !== 'role')
      .map(name => ({
        name: name as FacetField,
        counts: new Uint32Array(shelf.tables[name as FacetField].size),
      }))
  }

  count(segment: Segment, place: number): void {
    this.#matched++
    for (const { name, counts } of this.#numbers) {
      if (isValueField(name)) counts[segment.columns.values[name][place]!]!++
      else {
        const { starts, ids } = segment.columns.lists[name]
        for (let i = starts[place]!; i < starts[place + 1]!; i++) counts[ids[i]!]!++
      }
    }
  }

  end(): void {
    const shelf = this.#shelf
    if (shelf === null) return
    for (const { name, counts } of this.#numbers) {
      const texts = this.#counts.get(name)!
      for (let id = 1; id < counts.length; id++) {
        if (counts[id]! > 0) add(texts, shelf.tables[name].textOf(id), counts[id]!)
      }
    }
    const ofRoles = this.#counts.get('role')
    if (ofRoles === undefined || this.#matched === 0) return
    for (const role of shelf.roles) if (this.#roles.has(role)) add(ofRoles, role, this.#matched)
  }

  /** Most frequent first, then by alphabet. */
  facets(): Facets {
    const entries = [...this.#counts].map(([name, texts]) => {
      const counts = [...texts].map(([value, count]) => ({ value, count }))
      counts.sort((a, b) => b.count - a.count || (a.value < b.value ? -1 : 1))
      return [name, counts.slice(0, searchLimits.facetValuesMax)] as const
    })
    return Object.fromEntries(entries)
  }
}

const add = (counts: Map<string, number>, value: string, count: number): void => {
  counts.set(value, (counts.get(value) ?? 0) + count)
}
