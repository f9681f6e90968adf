import { SlurpError } from '../../base/errors.ts'

/** Deepest nesting of a context, its own object counted as 1. */
export const jsonDepthMax = 32
/** Longest name of a field, in characters. */
export const fieldNameCharsMax = 256

/** Names with a meaning of their own in JavaScript; an object that carries one could change what others inherit. */
const refusedNames = new Set(['__proto__', 'constructor', 'prototype'])

/**
 * Checks that a value is plain JSON and bounded, before anything else looks at it: objects, arrays, texts, finite
 * numbers, true, false and null. A property that is undefined is allowed and counts as absent.
 *
 * @param valuesMax - most values in all; what holds more is refused before it is walked to its end.
 * @throws SlurpError CONTEXT_INVALID with the field's name, TOO_LARGE past `valuesMax`.
 */
export function checkJson(value: unknown, valuesMax: number): void {
  let left = valuesMax
  const walk = (current: unknown, path: string, depth: number): void => {
    left -= 1
    if (left < 0) throw new SlurpError('TOO_LARGE', `The context holds more than ${valuesMax} values.`)
    if (current === null || typeof current === 'string' || typeof current === 'boolean') return
    if (typeof current === 'number') {
      if (!Number.isFinite(current)) throw invalidField(path, 'is not a finite number')
      return
    }
    if (typeof current !== 'object') throw invalidField(path, `holds what JSON cannot: ${typeof current}`)
    if (depth > jsonDepthMax) throw invalidField(path, `is nested deeper than ${jsonDepthMax} levels`)
    if (Array.isArray(current)) {
      // By index: an array with holes would otherwise pass and come back with nulls.
      for (let index = 0; index < current.length; index++)
        walk(current[index], `${path}[${index}]`, depth + 1)
      return
    }
    if (!isPlainObject(current)) throw invalidField(path, 'is not a plain JSON object')
    for (const name of Object.keys(current)) {
      const inner = path === '' ? name : `${path}.${name}`
      if (refusedNames.has(name)) throw invalidField(inner, 'has a reserved name')
      if (name.length > fieldNameCharsMax)
        throw invalidField(inner, `has a name longer than ${fieldNameCharsMax} characters`)
      const property = (current as Record<string, unknown>)[name]
      if (property !== undefined) walk(property, inner, depth + 1)
    }
  }
  walk(value, '', 1)
}

export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || prototype === Object.prototype
}

const shownCharsMax = 80

/** A refusal that names the field, shortened, and never repeats its value. */
export function invalidField(path: string, why: string): SlurpError {
  const shown = path.length > shownCharsMax ? `${path.slice(0, shownCharsMax)}…` : path
  const subject = path === '' ? 'The context' : `The field ${JSON.stringify(shown)}`
  return new SlurpError('CONTEXT_INVALID', `${subject} ${why}.`)
}
