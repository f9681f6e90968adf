import { type Filters, type ListField, listFields, type ValueField, valueFields } from '../api.ts'
import type { Segment } from '../segment/segment.ts'
import type { Strings } from '../segment/strings.ts'
import type { Shelf } from './shelf.ts'

type Kept = { readonly name: string; readonly mask: Uint8Array }
const keptMax = 8
// What a filter lets through never changes in a segment.
const kept = new WeakMap<Segment, Kept[]>()

/** 1 for each document that passes; null: all do. Cost: 3 ns a document and filter, the last few are kept. */
export function passing(shelf: Shelf, segment: Segment, filters: Filters): Uint8Array | null {
  const name = JSON.stringify(filters)
  if (name === '{}') return null
  const masks = kept.get(segment) ?? []
  const known = masks.find(one => one.name === name)
  if (known !== undefined) return known.mask
  const mask = new Uint8Array(segment.documents).fill(1)
  const asked = filters.role
  if (asked !== undefined && !shelf.roles.some(role => asked.includes(role))) mask.fill(0)
  for (const field of valueFields) {
    const values = filters[field]
    if (values !== undefined) keepValues(segment, field, wantedOf(shelf.tables[field], values), mask)
  }
  for (const field of listFields) {
    const values = filters[field]
    if (values !== undefined) keepListed(segment, field, wantedOf(shelf.tables[field], values), mask)
  }
  if (filters.pathPrefix !== undefined) {
    keepValues(segment, 'path', shelf.tables.path.below(filters.pathPrefix.replace(/\/+$/, '')), mask)
  }
  const { createdMs, writtenMs } = segment.columns
  keepTimes(createdMs, filters.createdFrom, filters.createdBefore, mask)
  keepTimes(writtenMs, filters.decidedFrom, filters.decidedBefore, mask)
  kept.set(segment, [{ name, mask }, ...masks].slice(0, keptMax))
  return mask
}

function wantedOf(table: Strings, values: readonly string[]): Uint8Array {
  const wanted = new Uint8Array(table.size)
  for (const value of values) {
    const id = table.find(value)
    if (id !== null && id !== 0) wanted[id] = 1
  }
  return wanted
}

function keepValues(segment: Segment, field: ValueField, wanted: Uint8Array, mask: Uint8Array): void {
  const ids = segment.columns.values[field]
  for (let place = 0; place < mask.length; place++) mask[place]! &= wanted[ids[place]!]!
}

function keepListed(segment: Segment, field: ListField, wanted: Uint8Array, mask: Uint8Array): void {
  const { starts, ids } = segment.columns.lists[field]
  for (let place = 0; place < mask.length; place++) {
    let found = 0
    for (let i = starts[place]!; i < starts[place + 1]!; i++) found |= wanted[ids[i]!]!
    mask[place]! &= found
  }
}

function keepTimes(
  times: Float64Array,
  from: number | undefined,
  before: number | undefined,
  mask: Uint8Array,
): void {
  if (from === undefined && before === undefined) return
  const [least, most] = [from ?? Number.NEGATIVE_INFINITY, before ?? Number.POSITIVE_INFINITY]
  for (let place = 0; place < mask.length; place++) {
    const time = times[place]!
    if (!(time >= least && time < most)) mask[place] = 0
  }
}
