import { z } from 'zod'
import {
  absences,
  type IndexList,
  type IndexStatistics,
  type IndexVerdict,
  type SearchResult,
} from '../fleet-search/api.ts'
import { listFields, textFields, valueFields } from '../search/api.ts'
import { searchLimits } from '../search/limits.ts'
import { timeOf } from './as-of.ts'
import { readingErrors } from './asked.ts'
import type { Operation } from './operation.ts'

/** Holds a schema to the type that the search answers with, so that the document cannot drift from it. */
type Describes<T> = z.ZodType<T>

const json = 'application/json'
const none = z.strictObject({})
const bodyBytesMax = 256 * 1024
const textMax = 2048

const time = z
  .string()
  .max(64)
  .transform((text, context) => {
    const ms = timeOf(text)
    if (ms !== null) return ms
    context.addIssue({ code: 'custom', message: 'must be an ISO date or time such as 2026-03-01T12:00:00Z' })
    return z.NEVER
  })
  .optional()

const values = z.array(z.string().max(textMax)).max(searchLimits.filterValuesMax).optional()
const valuesOf = <Name extends string>(names: readonly Name[]) =>
  Object.fromEntries(names.map(name => [name, values])) as { [N in Name]: typeof values }

const filters = z
  .strictObject({
    ...valuesOf([...valueFields, ...listFields, 'role'] as const),
    pathPrefix: z.string().max(textMax).optional().describe('The path itself and everything below it'),
    createdFrom: time,
    createdBefore: time,
    decidedFrom: time.describe('When the version, the decision that it carries, was written'),
    decidedBefore: time,
  })
  .describe('A context passes when, for every filter that is given, it has one of the values')

const question = z.strictObject({
  query: z
    .string()
    .max(searchLimits.queryCharsMax)
    .default('')
    .describe('Words, "phrases", prefix*, -not, OR, field:word, fuzzy~; empty: all that passes the filters'),
  mode: z.enum(['any', 'all']).optional().describe('Whether any word may occur, or all must; default any'),
  filters: filters.optional(),
  facets: z
    .array(z.string().max(64))
    .max(searchLimits.facetsMax)
    .optional()
    .describe(`Count hits by these: ${[...valueFields, ...listFields, 'role'].join(', ')}`),
  sort: z.enum(['relevance', 'time', 'confidence']).optional(),
  limit: z.int().min(1).max(searchLimits.limitMax).optional().describe('Hits in one answer; default 10'),
  cursor: z.string().max(searchLimits.cursorCharsMax).optional().describe('From the answer before'),
  asOf: z
    .string()
    .max(textMax)
    .refine(text => text.startsWith('ucxl:') || timeOf(text) !== null, {
      message: 'must be an ISO date or time such as 2026-03-01T12:00:00Z, or an address',
    })
    .optional()
    .describe(
      'What held at that time; or when the version at an address was written, as in ucxl://any:any@shop:any/~~2/src: ' +
        'two versions before the latest',
    ),
  fields: z
    .array(z.string().max(64))
    .max(32)
    .optional()
    .describe('Fields of the context to return with each hit'),
  maxTokens: z
    .int()
    .min(1)
    .max(10_000_000)
    .optional()
    .describe(
      'Most tokens of text in the answer, at four bytes a token; texts are cut at the end of a sentence',
    ),
  highlights: z.boolean().optional().describe('Default true'),
  index: z.string().max(64).optional().describe('Name of the index; default main'),
  roles: z.array(z.string().max(64)).min(1).max(32).optional().describe('Only what these roles may read'),
  timeoutMs: z.int().min(1).max(120_000).optional().describe('Milliseconds until the peer gives up'),
})

const field = z.enum(textFields)
const hit = z.object({
  address: z.string().describe('Canonical UCXL address'),
  version: z.string(),
  writtenAt: z.string(),
  createdAt: z.string().nullable(),
  author: z.string(),
  signed: z.boolean(),
  role: z.string().describe('Under which it was read'),
  score: z.number(),
  snippet: z.string(),
  snippetOf: z.object({ field, start: z.int() }).nullable(),
  highlights: z
    .partialRecord(field, z.array(z.tuple([z.int(), z.int()])))
    .describe('Start and end in UTF-16 code units; fields that are lists are joined by line ends'),
  context: z.record(z.string(), z.unknown()).optional(),
  truncated: z.literal(true).optional(),
})

const result = z.object({
  hits: z.array(hit),
  total: z.int().describe('Contexts that match, on all pages'),
  facets: z.record(z.string(), z.array(z.object({ value: z.string(), count: z.int() }))),
  coverage: z.number().describe('Part of the partitions that the answer speaks of; 1 is all'),
  missing: z.array(
    z.object({
      partitions: z.int(),
      peers: z.array(
        z.object({
          name: z.string(),
          why: z.enum(absences),
        }),
      ),
    }),
  ),
  cursor: z.string().nullable().describe('Ask again with this for more'),
  truncated: z.boolean().describe('Texts were cut, or hits left to the next page, for maxTokens'),
  cut: z.array(z.string()).describe('Patterns that stand for more words than are looked at'),
  peers: z.int().describe('Peers that answered'),
  tookMs: z.number(),
}) satisfies Describes<SearchResult>

const phase = z
  .enum(['blind', 'sealed', 'opening', 'filling', 'following', 'failed'])
  .describe('filling: what the disk has is looked through; following: only what changes')
const list = {
  phase,
  indexes: z.array(
    z.object({
      name: z.string(),
      ready: z.boolean().describe('False while it is being made of the others, and answers nothing'),
      shelves: z
        .array(
          z.object({
            roles: z.array(z.string()),
            documents: z.int(),
            ended: z.int().describe('Versions that were written over and are kept'),
            segments: z.int(),
            words: z.int(),
            memoryBytes: z.int(),
          }),
        )
        .describe('One for each set of roles that contexts are sealed to'),
    }),
  ),
}
const indexList = z.object(list) satisfies Describes<IndexList>
const statistics = z.object({
  ...list,
  roles: z.array(z.string()),
  partitions: z.int().describe('Looked through since the index was opened'),
  partitionsTotal: z.int(),
  lagChanges: z.int().describe('Changes of the disk that the index does not have yet'),
  lagSeconds: z.number(),
  unindexed: z.int().describe('Versions that could be opened and are not in it'),
  complete: z.boolean().describe('False while documents may be missing'),
  damaged: z.int().describe('Parts that were dropped since the start'),
  work: z
    .object({ kind: z.enum(['optimize', 'rebuild', 'verify']), done: z.int(), of: z.int() })
    .nullable()
    .describe('What goes on in the background'),
  memoryBytes: z.int(),
}) satisfies Describes<IndexStatistics>
const verdict = z.object({ pieces: z.int(), damaged: z.int() }) satisfies Describes<IndexVerdict>

const named = {
  type: json,
  description: 'Which index; `main` without a name',
  schema: z.strictObject({ name: z.string().max(64).optional() }),
  checkedBytesMax: 1024,
}
const errors = ['SEALED', 'TOO_MANY'] as const

/** Searching, and the index behind it. */
export const searchOperations = {
  searchContexts: {
    method: 'POST',
    path: '/v1/search',
    summary: 'Find contexts by their words',
    query: none,
    body: { type: json, description: 'What is looked for', schema: question, checkedBytesMax: bodyBytesMax },
    answer: { type: json, schema: result },
    errors: [...readingErrors, 'TOO_MANY', 'QUERY_INVALID', 'CURSOR_INVALID', 'INDEX_UNKNOWN'],
  },
  indexList: {
    method: 'GET',
    path: '/v1/index',
    summary: 'List the indexes of this peer',
    query: none,
    answer: { type: json, schema: indexList },
    errors,
  },
  indexStats: {
    method: 'GET',
    path: '/v1/index/stats',
    summary: 'How the index of this peer is',
    query: none,
    answer: { type: json, schema: statistics },
    errors,
  },
  indexRebuild: {
    method: 'POST',
    path: '/v1/index/rebuild',
    summary: 'Make the index anew in the background',
    query: none,
    body: named,
    answer: { type: json, schema: statistics },
    errors: [...errors, 'INDEX_UNKNOWN'],
  },
  indexOptimize: {
    method: 'POST',
    path: '/v1/index/optimize',
    summary: 'Merge the segments of the index in the background',
    query: none,
    body: named,
    answer: { type: json, schema: statistics },
    errors: [...errors, 'INDEX_UNKNOWN'],
  },
  indexVerify: {
    method: 'POST',
    path: '/v1/index/verify',
    summary: 'Open every piece of the index; what is damaged is dropped and fed again',
    query: none,
    body: named,
    answer: { type: json, schema: verdict },
    errors: [...errors, 'INDEX_UNKNOWN'],
  },
} as const satisfies Record<string, Operation>
