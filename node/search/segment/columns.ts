import { fromHex, toHex } from '../../../base/bytes.ts'
import type { ContextKey, Version } from '../../../base/ids.ts'
import {
  type IndexDocument,
  type ListField,
  listFields,
  textFields,
  type ValueField,
  valueFields,
} from '../api.ts'
import type { Strings } from './strings.ts'

export const keyBytes = 32
export const versionBytes = 12
/** Where each field begins, and where the last one ends. */
export const startsPerDocument = textFields.length + 1

/** Values of several for each document: those of document `i` lie from `starts[i]` to `starts[i + 1]`. */
export type ListColumn = { readonly starts: Uint32Array; readonly ids: Uint32Array }

/** What is known of each document of a segment beside its words, by its place in the segment. Never changes. */
export type Columns = {
  readonly keys: Uint8Array
  readonly versions: Uint8Array
  readonly writtenMs: Float64Array
  /** NaN: none. */
  readonly createdMs: Float64Array
  readonly confidence: Float32Array
  readonly lengths: Uint32Array
  readonly partitions: Uint16Array
  /** Number of the sealed record that holds the texts. */
  readonly records: Uint32Array
  readonly fieldStarts: Uint32Array
  readonly values: Readonly<Record<ValueField, Uint32Array>>
  readonly lists: Readonly<Record<ListField, ListColumn>>
}

/** Numbers of the values of a shelf. */
export type ValueTables = Readonly<Record<ValueField | ListField, Strings>>

const recordOf = <Name extends string, Of>(names: readonly Name[], make: (name: Name) => Of) =>
  Object.fromEntries(names.map(name => [name, make(name)])) as Record<Name, Of>

export const forEachValueField = <Of>(make: (name: ValueField) => Of) => recordOf(valueFields, make)
export const forEachListField = <Of>(make: (name: ListField) => Of) => recordOf(listFields, make)

export function emptyColumns(documents: number, listSizes: Readonly<Record<ListField, number>>): Columns {
  return {
    keys: new Uint8Array(documents * keyBytes),
    versions: new Uint8Array(documents * versionBytes),
    writtenMs: new Float64Array(documents),
    createdMs: new Float64Array(documents),
    confidence: new Float32Array(documents),
    lengths: new Uint32Array(documents),
    partitions: new Uint16Array(documents),
    records: new Uint32Array(documents),
    fieldStarts: new Uint32Array(documents * startsPerDocument),
    values: forEachValueField(() => new Uint32Array(documents)),
    lists: forEachListField(name => ({
      starts: new Uint32Array(documents + 1),
      ids: new Uint32Array(listSizes[name]),
    })),
  }
}

/** Fills the place `at` of columns, places in ascending order. */
export function fillFromDocument(
  columns: Columns,
  at: number,
  document: IndexDocument,
  more: { record: number; length: number; fieldStarts: readonly number[] },
  tables: ValueTables,
): void {
  columns.keys.set(fromHex(document.key)!, at * keyBytes)
  columns.versions.set(fromHex(document.version)!, at * versionBytes)
  columns.writtenMs[at] = document.writtenMs
  columns.createdMs[at] = document.createdMs ?? Number.NaN
  columns.confidence[at] = document.confidence ?? Number.NaN
  columns.lengths[at] = more.length
  columns.partitions[at] = document.partition
  columns.records[at] = more.record
  columns.fieldStarts.set(more.fieldStarts, at * startsPerDocument)
  for (const name of valueFields) columns.values[name][at] = tables[name].idOf(document[name])
  for (const name of listFields) {
    const { starts, ids } = columns.lists[name]
    let end = starts[at]!
    for (const value of distinct(document[name])) ids[end++] = tables[name].idOf(value)
    starts[at + 1] = end
  }
}

/** A value that stands twice counts once. */
export const distinct = (values: readonly string[]): readonly string[] =>
  values.length > 1 ? [...new Set(values)] : values

/** Copies place `from` of `source` to place `at`, places of the target in ascending order. */
export function copyPlace(target: Columns, at: number, source: Columns, from: number): void {
  target.keys.set(source.keys.subarray(from * keyBytes, (from + 1) * keyBytes), at * keyBytes)
  target.versions.set(
    source.versions.subarray(from * versionBytes, (from + 1) * versionBytes),
    at * versionBytes,
  )
  target.writtenMs[at] = source.writtenMs[from]!
  target.createdMs[at] = source.createdMs[from]!
  target.confidence[at] = source.confidence[from]!
  target.lengths[at] = source.lengths[from]!
  target.partitions[at] = source.partitions[from]!
  target.records[at] = source.records[from]!
  target.fieldStarts.set(
    source.fieldStarts.subarray(from * startsPerDocument, (from + 1) * startsPerDocument),
    at * startsPerDocument,
  )
  for (const name of valueFields) target.values[name][at] = source.values[name][from]!
  for (const name of listFields) {
    const { starts, ids } = source.lists[name]
    const column = target.lists[name]
    const values = ids.subarray(starts[from]!, starts[from + 1]!)
    column.ids.set(values, column.starts[at]!)
    column.starts[at + 1] = column.starts[at]! + values.length
  }
}

export const keyAt = (columns: Columns, at: number): ContextKey =>
  toHex(columns.keys.subarray(at * keyBytes, (at + 1) * keyBytes)) as ContextKey

export const versionAt = (columns: Columns, at: number): Version =>
  toHex(columns.versions.subarray(at * versionBytes, (at + 1) * versionBytes)) as Version

/** Order of two byte strings within columns, as of their hex texts. */
export function compareBytes(a: Uint8Array, aAt: number, b: Uint8Array, bAt: number, length: number): number {
  for (let i = 0; i < length; i++) {
    const difference = a[aAt + i]! - b[bAt + i]!
    if (difference !== 0) return difference
  }
  return 0
}
