import { z } from 'zod'
import type { ContextList, ContextTree, DecisionGraph, StaleList } from '../store/catalogue/api.ts'
import { hopsMax, listLimitMax, nodesMax, treeDepthMax } from '../store/catalogue/catalogue-desk.ts'
import type { Operation } from './operation.ts'

/** Holds a schema to the type that the catalogue answers with, so that the document cannot drift from it. */
type Describes<T> = z.ZodType<T>

const json = 'application/json'
const address = z.string().describe('Canonical UCXL address')
const text = z.string().nullable()

const asking = {
  role: z.string().max(64).optional().describe('Only what this role may read'),
  timeoutMs: z.coerce
    .number()
    .int()
    .min(1)
    .max(120_000)
    .optional()
    .describe('Milliseconds until the peer gives up'),
}

const whole = (least: number, most: number, what: string) =>
  z.coerce.number().int().min(least).max(most).optional().describe(what)

const listing = {
  prefix: z
    .string()
    .max(2048)
    .optional()
    .describe('Everything at and below: an address, or project/path; a name that is `any` is every name'),
  limit: whole(1, listLimitMax, 'Entries in one answer'),
  cursor: z.string().max(4096).optional().describe('From the answer before'),
  ...asking,
}

const coverage = z
  .object({
    partitions: z.int().describe('That this peer went through for the answer'),
    partitionsHere: z.int().describe('That it has a copy of'),
    partitionsTotal: z.int(),
    unlisted: z.int().describe('Contexts that it can open and not list'),
  })
  .describe('How much of what may be read the answer speaks of')

const page = {
  total: z.int().describe('Of all pages'),
  cursor: text.describe('Ask again with this for more'),
  coverage,
}

const shown = {
  address,
  version: z.string(),
  writtenAt: z.string(),
  author: z.string(),
  title: text,
  status: text.describe('Of its decision'),
}

const list = z.object({
  contexts: z.array(z.object({ ...shown, roles: z.array(z.string()) })),
  ...page,
}) satisfies Describes<ContextList>

const tree = z.object({
  nodes: z.array(
    z.object({
      project: z.string(),
      path: z.string(),
      depth: z.int().describe('Levels below the prefix'),
      here: z.int().describe('Contexts at this path'),
      contexts: z.int().describe('Contexts at this path and below'),
    }),
  ),
  ...page,
}) satisfies Describes<ContextTree>

const standing = z.enum(['stands', 'superseded', 'withdrawn'])

const graph = z.object({
  address,
  nodes: z.array(
    z.object({
      address,
      direction: z
        .enum(['self', 'before', 'after', 'both'])
        .describe('before: what led here; after: what came of it'),
      hop: z.int(),
      version: text.describe('Null, as all below: nothing is there that may be read'),
      writtenAt: text,
      author: text,
      title: text,
      reason: text,
      status: text,
      confidence: z.number().nullable(),
      standing: standing.nullable(),
      supersededBy: z.array(address),
    }),
  ),
  links: z
    .array(z.object({ from: address, to: address, relation: z.enum(['follows', 'supersedes']) }))
    .describe('`from` says it of `to`'),
  unclear: z
    .array(z.object({ from: address, reference: z.string() }))
    .describe('What a decision names and can be no address'),
  truncated: z.array(z.enum(['hops', 'limit'])).describe('Why there may be more; empty: this is all'),
  coverage,
}) satisfies Describes<DecisionGraph>

const stale = z.object({
  contexts: z.array(
    z.object({
      ...shown,
      follows: z.array(
        z.object({
          address,
          standing: z.enum(['superseded', 'withdrawn']),
          status: text,
          supersededBy: z.array(address),
        }),
      ),
    }),
  ),
  ...page,
}) satisfies Describes<StaleList>

const errors = ['ADDRESS_INVALID', 'ROLE_UNKNOWN', 'ROLE_DENIED', 'SEALED'] as const

/** What the fleet holds, as far as the peer that is asked can tell. */
export const catalogueOperations = {
  listContexts: {
    method: 'GET',
    path: '/v1/contexts',
    summary: 'List contexts by project and path',
    query: z.strictObject(listing),
    answer: { type: json, schema: list },
    errors,
  },
  contextTree: {
    method: 'GET',
    path: '/v1/tree',
    summary: 'Count contexts by path',
    query: z.strictObject({ depth: whole(0, treeDepthMax, 'Levels below the prefix'), ...listing }),
    answer: { type: json, schema: tree },
    errors,
  },
  contextDecisions: {
    method: 'GET',
    path: '/v1/contexts/{address}/decisions',
    summary: 'What led to a context, and what came of it',
    query: z.strictObject({
      hops: whole(1, hopsMax, 'How far to walk'),
      direction: z.enum(['both', 'before', 'after']).optional().describe('default both'),
      limit: whole(1, nodesMax, 'Most nodes of the answer'),
      ...asking,
    }),
    answer: { type: json, schema: graph },
    errors: [...errors, 'NOT_FOUND', 'QUORUM_UNREACHED', 'INTEGRITY_FAILED'],
  },
  staleContexts: {
    method: 'GET',
    path: '/v1/stale',
    summary: 'List contexts that follow what was superseded or withdrawn',
    query: z.strictObject(listing),
    answer: { type: json, schema: stale },
    errors,
  },
} as const satisfies Record<string, Operation>
