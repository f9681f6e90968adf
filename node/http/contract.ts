import { z } from 'zod'
import {
  batchLine,
  checks,
  deletedContext,
  health,
  historyPage,
  live,
  peerStatus,
  readiness,
  retrievedContext,
  storedContext,
} from './answers.ts'
import { consistency, readingErrors, role, timeoutMs } from './asked.ts'
import { auditOperations } from './audit-contract.ts'
import { catalogueOperations } from './catalogue-contract.ts'
import { ring } from './fleet-answers.ts'
import { fleetOperations } from './fleet-contract.ts'
import { grantOperations } from './grant-contract.ts'
import { hierarchyOperations } from './hierarchy-contract.ts'
import { keyOperations } from './key-contract.ts'
import type { Operation } from './operation.ts'
import { retentionOperations } from './retention-contract.ts'
import { searchOperations } from './search-contract.ts'

const json = 'application/json'
const ndjson = 'application/x-ndjson'
const none = z.strictObject({})

const ifVersion = z
  .string()
  .max(64)
  .optional()
  .describe(
    'Only if this is the current version; `none`: only if nothing is there. Without it the last writer wins',
  )

const roles = z
  .string()
  .max(2048)
  .transform(text => text.split(',').filter(name => name !== ''))
  .optional()
  .describe('Roles that may read it, separated by commas; default: every role this peer holds')

const anyContext = z.record(z.string(), z.unknown())

/** Every path of the door, by the name of its handler. */
export const operations = {
  storeContext: {
    method: 'PUT',
    path: '/v1/contexts/{address}',
    summary: 'Store a context',
    query: z.strictObject({
      roles,
      ifVersion,
      ttl: z.coerce.number().int().min(1).max(315_360_000).optional().describe('Seconds until it expires'),
      timeoutMs,
    }),
    body: { type: json, description: 'The fields of the context', schema: anyContext },
    answer: { type: json, schema: storedContext },
    errors: [
      'ADDRESS_INVALID',
      'CONTEXT_INVALID',
      'JSON_INVALID',
      'ROLE_UNKNOWN',
      'ROLE_DENIED',
      'VERSION_CONFLICT',
      'VERSION_UNKNOWN',
      'QUORUM_UNREACHED',
      'SEALED',
    ],
  },
  retrieveContext: {
    method: 'GET',
    path: '/v1/contexts/{address}',
    summary: 'Retrieve a context',
    query: z.strictObject({
      role,
      consistency,
      timeoutMs,
    }),
    answer: { type: json, schema: retrievedContext },
    errors: readingErrors,
  },
  deleteContext: {
    method: 'DELETE',
    path: '/v1/contexts/{address}',
    summary: 'Delete a context; its history stays',
    query: z.strictObject({ ifVersion, timeoutMs }),
    answer: { type: json, schema: deletedContext },
    errors: ['ADDRESS_INVALID', 'NOT_FOUND', 'ROLE_DENIED', 'VERSION_CONFLICT', 'QUORUM_UNREACHED', 'SEALED'],
  },
  contextHistory: {
    method: 'GET',
    path: '/v1/contexts/{address}/history',
    summary: 'Versions of a context, newest first',
    query: z.strictObject({
      limit: z.coerce.number().int().min(1).max(1000).optional().describe('Versions in one answer'),
      cursor: z.string().max(256).optional().describe('From the answer before'),
      timeoutMs,
    }),
    answer: { type: json, schema: historyPage },
    errors: ['ADDRESS_INVALID', 'NOT_FOUND', 'VERSION_UNKNOWN', 'QUORUM_UNREACHED', 'SEALED'],
  },
  ...hierarchyOperations,
  ...catalogueOperations,
  ...searchOperations,
  batchStore: {
    method: 'POST',
    path: '/v1/batch',
    summary: 'Store many contexts, one a line; answers stream back as lines are done',
    query: z.strictObject({
      address: z
        .string()
        .max(2048)
        .optional()
        .describe('Template of the addresses, as in ucxl://any:any@{project}:any/*^/{path}'),
      concurrency: z.coerce
        .number()
        .int()
        .min(1)
        .max(256)
        .optional()
        .describe('Lines carried out at once; default 64'),
      roles: roles.describe('Readers of every line, whatever it says itself, separated by commas'),
      resent: z
        .enum(['true', 'false'])
        .optional()
        .describe(
          'Lines that may have been stored before, each as {"after":VERSION,"record":{…}}: a version of the address ' +
            'above `after` that says the same to the same roles is taken for the line',
        ),
      timeoutMs,
    }),
    body: { type: ndjson, description: 'One context a line', schema: anyContext },
    answer: { type: ndjson, schema: batchLine },
    errors: ['ADDRESS_INVALID', 'ROLE_UNKNOWN', 'SEALED'],
  },
  status: {
    method: 'GET',
    path: '/v1/status',
    summary: 'This peer and what it knows of the fleet',
    query: none,
    answer: { type: json, schema: peerStatus },
    errors: [],
  },
  ring: {
    method: 'GET',
    path: '/v1/ring',
    summary: 'The view: members, the owners of every partition, and what is on its way',
    query: none,
    answer: { type: json, schema: ring },
    errors: [],
  },
  ...fleetOperations,
  ...retentionOperations,
  ...grantOperations,
  ...auditOperations,
  ...keyOperations,
  openapi: {
    method: 'GET',
    path: '/v1/openapi.json',
    summary: 'This document',
    query: none,
    answer: { type: json, schema: z.record(z.string(), z.unknown()) },
    errors: [],
  },
  health: {
    method: 'GET',
    path: '/health',
    summary: 'One word on how the peer is; 503 while it cannot serve',
    open: true,
    query: none,
    answer: { type: json, schema: health },
    errors: [],
  },
  healthLive: {
    method: 'GET',
    path: '/health/live',
    summary: 'The process answers',
    open: true,
    query: none,
    answer: { type: json, schema: live },
    errors: [],
  },
  healthReady: {
    method: 'GET',
    path: '/health/ready',
    summary: 'Whether the peer serves; 503 and the reasons when not',
    query: none,
    answer: { type: json, schema: readiness },
    errors: [],
  },
  healthChecks: {
    method: 'GET',
    path: '/health/checks',
    summary: 'Every readiness check with its detail',
    query: none,
    answer: { type: json, schema: checks },
    errors: [],
  },
  metrics: {
    method: 'GET',
    path: '/metrics',
    summary: 'Counters and histograms in the Prometheus text format',
    query: none,
    answer: { type: 'text/plain', schema: z.string() },
    errors: [],
  },
} as const satisfies Record<string, Operation>

export type OperationName = keyof typeof operations
/** What a request of this operation carries, once it was checked; unknown where the handler judges it. */
export type BodyOf<Name extends OperationName> = (typeof operations)[Name] extends {
  body: { checkedBytesMax: number; schema: infer Schema extends z.ZodType }
}
  ? z.output<Schema>
  : unknown
export type QueryOf<Name extends OperationName> = z.output<(typeof operations)[Name]['query']>
