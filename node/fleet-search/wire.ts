import { z } from 'zod'
import { advice, type ErrorCode, SlurpError } from '../../base/errors.ts'
import { isContextKey, isRoleName, isVersion } from '../../base/ids.ts'
import { partitionCountMax } from '../../dht/keyspace.ts'
import type { Candidate, Hit, Ranking, RankRequest, SearchRequest } from '../search/api.ts'
import { searchLimits } from '../search/limits.ts'
import { type Absence, absences } from './api.ts'

/** What one peer asks another. Partitions are those that the other is to answer for; they are in `request` too. */
export type SearchAsked =
  | ({ readonly kind: 'rank'; readonly request: RankRequest } & MadeAs)
  | ({
      readonly kind: 'present'
      readonly request: SearchRequest
      readonly candidates: readonly Candidate[]
    } & MadeAs)

/** How an index that is not the main one is made at who asks: those of others can differ, though they have its name. */
type MadeAs = { readonly madeAs?: string }

export type SearchAnswered =
  /** `covered`: of the partitions that were asked for, those that the ranking is whole in. */
  | { readonly kind: 'ranked'; readonly covered: readonly number[]; readonly ranking: Ranking }
  /** As many hits as fit, in the order of the candidates; at least one while any is there. */
  | { readonly kind: 'presented'; readonly hits: readonly Hit[]; readonly looked: number }
  /** This peer has no part in the answer. */
  | { readonly kind: 'absent'; readonly why: Absence }
  /** What was asked is wrong, wherever it is asked. */
  | { readonly kind: 'wrong'; readonly code: ErrorCode; readonly message: string; readonly hint: string }

const format = 1
const text = (most: number) => z.string().max(most)
const count = z.number().nonnegative()
const times = ['createdFrom', 'createdBefore', 'decidedFrom', 'decidedBefore'] as const
const lists = [
  'project',
  'task',
  'agent',
  'author',
  'status',
  'path',
  'tags',
  'technologies',
  'role',
] as const

const candidate = z.strictObject({
  key: z.string().refine(isContextKey),
  version: z.string().refine(isVersion),
  value: z.number(),
  length: count,
  termFrequencies: z.array(count).max(searchLimits.leavesMax),
  place: z.strictObject({ shelf: text(64), record: count }),
})

const filters = z.strictObject({
  ...Object.fromEntries(
    lists.map(name => [name, z.array(text(2048)).max(searchLimits.filterValuesMax).optional()]),
  ),
  ...Object.fromEntries(times.map(name => [name, z.number().optional()])),
  pathPrefix: text(2048).optional(),
})

const partitions = z.array(z.int().min(0).max(partitionCountMax)).max(partitionCountMax)

const request = z.strictObject({
  roles: z.array(z.string().refine(isRoleName)).min(1).max(32),
  index: text(64).optional(),
  query: text(searchLimits.queryCharsMax),
  mode: z.enum(['any', 'all']).optional(),
  filters: filters.optional(),
  facets: z.array(text(64)).max(searchLimits.facetsMax).optional(),
  sort: z.enum(['relevance', 'time', 'confidence']).optional(),
  limit: z.int().min(1).max(searchLimits.limitMax).optional(),
  candidates: z.int().min(1).max(searchLimits.candidatesMax).optional(),
  cursor: text(searchLimits.cursorCharsMax).optional(),
  asOfMs: z.number().optional(),
  partitions,
  fields: z.array(text(64)).max(32).optional(),
  highlights: z.boolean().optional(),
})

const madeAs = text(1024).optional()

const asked = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('rank'), request, madeAs }),
  z.strictObject({
    kind: z.literal('present'),
    request,
    candidates: z.array(candidate).min(1).max(searchLimits.limitMax),
    madeAs,
  }),
])

const facet = z.array(z.strictObject({ value: text(2048), count })).max(searchLimits.facetValuesMax)

const ranking = z.strictObject({
  candidates: z.array(candidate).max(searchLimits.candidatesMax),
  total: count,
  facets: z.record(text(64), facet),
  statistics: z.strictObject({
    documents: count,
    lengthSum: count,
    frequencies: z.array(count).max(searchLimits.leavesMax),
  }),
  asOfMs: z.number(),
  boosts: z.array(z.number()).max(searchLimits.leavesMax),
  cursor: text(searchLimits.cursorCharsMax).nullable(),
  cut: z.array(text(searchLimits.queryCharsMax)).max(searchLimits.leavesMax),
  complete: z.boolean(),
})

const hit = z.object({
  address: text(4096),
  key: z.string().refine(isContextKey),
  version: z.string().refine(isVersion),
  writtenMs: z.number(),
  createdMs: z.number().nullable(),
  author: text(256),
  signed: z.boolean(),
  role: z.string().refine(isRoleName),
  score: z.number(),
  snippet: z.string(),
  snippetOf: z.object({ field: z.string(), start: count }).nullable(),
  highlights: z.record(z.string(), z.array(z.tuple([count, count]))),
  context: z.record(z.string(), z.unknown()).optional(),
})

const answered = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('ranked'), covered: partitions, ranking }),
  z.strictObject({
    kind: z.literal('presented'),
    hits: z.array(hit).max(searchLimits.limitMax),
    looked: count,
  }),
  z.strictObject({ kind: z.literal('absent'), why: z.enum(absences) }),
  z.strictObject({
    kind: z.literal('wrong'),
    code: z.enum(Object.keys(advice) as [ErrorCode, ...ErrorCode[]]),
    message: text(4096),
    hint: text(4096),
  }),
])

/** Format version (1 byte) and JSON. */
const written = (value: unknown): Uint8Array =>
  Buffer.concat([Uint8Array.of(format), Buffer.from(JSON.stringify(value))])

function read<T>(bytes: Uint8Array, shape: z.ZodType<T>): T | null {
  if (bytes[0] !== format) return null
  try {
    const parsed = shape.safeParse(JSON.parse(Buffer.from(bytes.subarray(1)).toString()))
    return parsed.success ? parsed.data : null
  } catch (failure) {
    if (failure instanceof SyntaxError) return null
    throw failure
  }
}

export const encodeAsked = (question: SearchAsked): Uint8Array => written(question)
/** @returns null when it is no question of this format. */
export const decodeAsked = (bytes: Uint8Array): SearchAsked | null => read(bytes, asked) as SearchAsked | null
export const encodeAnswered = (answer: SearchAnswered): Uint8Array => written(answer)
/** @returns null when it is no answer of this format. */
export const decodeAnswered = (bytes: Uint8Array): SearchAnswered | null =>
  read(bytes, answered) as SearchAnswered | null

/** What is wrong with a question, as an answer. @throws what it is given when that is something else. */
export function wrongness(thrown: unknown): SearchAnswered {
  if (!(thrown instanceof SlurpError)) throw thrown
  const { code, message, hint } = thrown
  switch (code) {
    case 'USAGE':
    case 'QUERY_INVALID':
    case 'CURSOR_INVALID':
      return { kind: 'wrong', code, message, hint }
    case 'SEALED':
      return { kind: 'absent', why: 'sealed' }
    default:
      return { kind: 'absent', why: 'failed' }
  }
}
