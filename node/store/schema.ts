import { z } from 'zod'
import { SlurpError } from '../../base/errors.ts'
import type { Context } from './api.ts'
import { checkJson, invalidField, isPlainObject } from './json-values.ts'

/** Default for the largest context, in bytes of its JSON in UTF-8. */
export const contextBytesMaxDefault = 1024 * 1024

/** Caps of single fields, in characters or entries. `content` is bounded by the whole context alone. */
export const fieldCaps = {
  nameChars: 256,
  titleChars: 1024,
  pathChars: 2048,
  textChars: 65_536,
  entries: 1024,
  tagChars: 256,
  insightChars: 16_384,
} as const

const text = (charsMax: number) =>
  z.string({ error: 'must be a text' }).max(charsMax, { error: `is longer than ${charsMax} characters` })
const list = (charsMax: number) =>
  z
    .array(text(charsMax), { error: 'must be a list of texts' })
    .max(fieldCaps.entries, { error: `has more than ${fieldCaps.entries} entries` })

const isoDate = /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?)?$/

const decision = z.looseObject(
  {
    reason: text(fieldCaps.textChars).nullable().optional(),
    status: text(fieldCaps.nameChars).nullable().optional(),
    follows: list(fieldCaps.pathChars).optional(),
    supersedes: text(fieldCaps.pathChars).nullable().optional(),
    author: text(fieldCaps.nameChars).nullable().optional(),
    confidence: z
      .number({ error: 'must be a number' })
      .min(0, { error: 'must lie between 0 and 1' })
      .max(1, { error: 'must lie between 0 and 1' })
      .nullable()
      .optional(),
  },
  { error: 'must be an object' },
)

const known = {
  title: text(fieldCaps.titleChars).optional(),
  kind: text(fieldCaps.nameChars).optional(),
  path: text(fieldCaps.pathChars).optional(),
  project: text(fieldCaps.nameChars).optional(),
  task: text(fieldCaps.nameChars).optional(),
  agent: text(fieldCaps.nameChars).optional(),
  createdAt: text(64)
    .refine(value => isoDate.test(value) && !Number.isNaN(Date.parse(value)), {
      error: 'must be an ISO date or time such as 2026-03-01T12:00:00Z',
    })
    .optional(),
  summary: text(fieldCaps.textChars).optional(),
  purpose: text(fieldCaps.textChars).optional(),
  technologies: list(fieldCaps.tagChars).optional(),
  tags: list(fieldCaps.tagChars).optional(),
  insights: list(fieldCaps.insightChars).optional(),
  content: z.string({ error: 'must be a text' }).optional(),
  appliesToChildren: z
    .enum(['none', 'children', 'descendants'], { error: 'must be "none", "children" or "descendants"' })
    .optional(),
  overridesParent: z.boolean({ error: 'must be true or false' }).optional(),
  decision: decision.optional(),
  metadata: z.record(z.string(), z.unknown(), { error: 'must be an object' }).optional(),
}

const contextSchema = z.strictObject(known)

/** Every field that a context may have by itself; all others are kept under `metadata`. */
export const contextFields: readonly string[] = Object.keys(known)

/** Names that say how a context is stored, or wrap one in an answer: a mix-up that would otherwise hide in metadata. */
const reserved: Readonly<Record<string, string>> = {
  roles: 'is no part of a context: who may read it is said beside it (--roles, ?roles=)',
  address: 'is no part of a context: where it is stored is said beside it',
  ifVersion: 'is no part of a context: say it beside it (--if-version, ?ifVersion=)',
  ttl: 'is no part of a context: say it beside it (--ttl, ?ttl=)',
  ttlSeconds: 'is no part of a context: say it beside it (--ttl, ?ttl=)',
  context: 'has a reserved name: send the fields of the context themselves',
}

/** A context that passed every check, with the text that is sealed. */
export type CheckedContext = { readonly context: Context; readonly json: string; readonly bytes: number }

/**
 * Checks what a writer sent. Fields that a context does not have are moved under `metadata`.
 *
 * @param bytesMax - most bytes of the JSON text in UTF-8.
 * @throws SlurpError CONTEXT_INVALID that names the field, TOO_LARGE.
 */
export function checkContext(input: unknown, bytesMax: number = contextBytesMaxDefault): CheckedContext {
  if (!isPlainObject(input)) throw invalidField('', 'must be a JSON object')
  checkJson(input, bytesMax)
  const gathered = gatherUnknown(input)
  const result = contextSchema.safeParse(gathered)
  if (!result.success) throw describe(result.error)
  const json = JSON.stringify(gathered)
  const bytes = Buffer.byteLength(json)
  if (bytes > bytesMax)
    throw new SlurpError(
      'TOO_LARGE',
      `The context has ${bytes} bytes of JSON; at most ${bytesMax} are allowed.`,
    )
  return { context: gathered as Context, json, bytes }
}

/** @throws SlurpError as {@link checkContext}. */
export const parseContext = (input: unknown, bytesMax?: number): Context =>
  checkContext(input, bytesMax).context

function gatherUnknown(input: Record<string, unknown>): Record<string, unknown> {
  const context: Record<string, unknown> = {}
  const others: Record<string, unknown> = {}
  for (const name of Object.keys(input)) {
    if (input[name] === undefined) continue
    if (Object.hasOwn(reserved, name)) throw invalidField(name, reserved[name]!)
    if (Object.hasOwn(known, name)) context[name] = input[name]
    else others[name] = input[name]
  }
  if (Object.keys(others).length === 0) return context
  const metadata = context.metadata ?? {}
  if (!isPlainObject(metadata)) throw invalidField('metadata', 'must be an object')
  for (const name of Object.keys(others)) {
    if (metadata[name] !== undefined)
      throw invalidField(name, 'is no field of a context, and metadata has one of this name already')
  }
  context.metadata = { ...metadata, ...others }
  return context
}

function describe(error: z.ZodError): SlurpError {
  const issue = error.issues[0]!
  const path = issue.path
    .map((step, index) =>
      typeof step === 'number' ? `[${step}]` : index === 0 ? String(step) : `.${String(step)}`,
    )
    .join('')
  return invalidField(path, issue.message)
}
