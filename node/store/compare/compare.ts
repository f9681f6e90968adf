import type { Context } from '../api.ts'
import { isPlainObject } from '../json-values.ts'
import type { FieldChange } from './api.ts'
import { textChange } from './text-change.ts'

/** What changed from one context to another, by name of the field. */
export function compareFields(before: Context, after: Context): FieldChange[] {
  const [old, now] = [fieldsOf(before), fieldsOf(after)]
  const names = [...new Set([...old.keys(), ...now.keys()])].sort()
  return names.flatMap(field => {
    const change = changeOf(old.get(field), now.get(field))
    return change === null ? [] : [{ field, ...change } as FieldChange]
  })
}

/** Decision and metadata taken apart: their fields are what changes, not the whole. Null says as little as nothing. */
function fieldsOf(context: Context): Map<string, unknown> {
  const fields = new Map<string, unknown>()
  for (const [name, value] of Object.entries(context)) {
    const inner = (name === 'decision' || name === 'metadata') && isPlainObject(value) ? value : null
    if (inner === null) fields.set(name, value)
    else for (const [key, each] of Object.entries(inner)) fields.set(`${name}.${key}`, each)
  }
  for (const [name, value] of fields) if (value === null || value === undefined) fields.delete(name)
  return fields
}

function changeOf(before: unknown, after: unknown): object | null {
  if (before === undefined) return { change: 'added', value: after }
  if (after === undefined) return { change: 'removed', value: before }
  if (isTextList(before) && isTextList(after)) {
    const [old, now] = [new Set(before), new Set(after)]
    const added = [...now].filter(each => !old.has(each))
    const removed = [...old].filter(each => !now.has(each))
    return added.length + removed.length === 0 ? null : { change: 'changed', added, removed }
  }
  if (isSame(before, after)) return null
  if (typeof before === 'string' && typeof after === 'string')
    return { change: 'changed', ...textChange(before, after) }
  return { change: 'changed', before, after }
}

const isTextList = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every(each => typeof each === 'string')

/** Equal as JSON, whatever the order of the names. */
function isSame(a: unknown, b: unknown): boolean {
  if (Array.isArray(a))
    return Array.isArray(b) && a.length === b.length && a.every((each, at) => isSame(each, b[at]))
  if (!isPlainObject(a) || !isPlainObject(b)) return a === b
  const names = Object.keys(a)
  return (
    names.length === Object.keys(b).length &&
    names.every(name => Object.hasOwn(b, name) && isSame(a[name], b[name]))
  )
}
