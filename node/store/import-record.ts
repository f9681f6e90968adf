import { isRoleName } from '../../base/ids.ts'
import { invalidField, isPlainObject } from './json-values.ts'

/** What one line of an import says: the fields of the context, and who may read it. */
export type ImportRecord = {
  /** The record without `roles`: every other field is stored, those that a context does not have under `metadata`. */
  readonly context: Record<string, unknown>
  /** Undefined when the record does not say; the default of a single write holds then. */
  readonly roles: readonly string[] | undefined
}

/**
 * Takes one import record apart. The context is not checked yet; the store does that.
 *
 * @throws SlurpError CONTEXT_INVALID
 */
export function recordToContext(record: unknown): ImportRecord {
  if (!isPlainObject(record)) throw invalidField('', 'must be a JSON object')
  const { roles, ...context } = record
  if (roles === undefined || roles === null) return { context, roles: undefined }
  const isList = Array.isArray(roles) && roles.every(role => typeof role === 'string' && isRoleName(role))
  if (!isList) throw invalidField('roles', 'must be a list of role names')
  return { context, roles }
}
