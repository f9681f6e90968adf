import { z } from 'zod'
import type { View } from '../../dht/view.ts'
import type { PeerStatus, ReadinessCheck } from '../status.ts'
import type { DeletedContext, HistoryPage, RetrievedContext, StoredContext } from '../store/api.ts'

/** Holds a schema to the type that the store answers with, so that the document cannot drift from it. */
type Describes<T> = z.ZodType<T>

const address = z.string().describe('Canonical UCXL address')
const version = z.string().regex(/^[0-9a-f]{24}$/)
const roles = z.array(z.object({ name: z.string(), keyVersion: z.int() })).describe('Who may open it')
const counts = z.record(z.string(), z.number())

const decision = z.looseObject({
  reason: z.string().nullable().optional(),
  status: z.string().nullable().optional(),
  follows: z.array(z.string()).optional(),
  supersedes: z.string().nullable().optional(),
  author: z.string().nullable().optional(),
  confidence: z.number().nullable().optional(),
})

export const storedContext = z.object({
  address,
  version,
  parent: version.nullable().describe('Version that it replaced'),
  acks: z.int().describe('Replicas that had it on disk when this was answered'),
  replicas: z.int(),
  roles,
}) satisfies Describes<StoredContext>

export const retrievedContext = z.object({
  address,
  version,
  parent: version.nullable(),
  writtenAt: z.string(),
  author: z.string(),
  roles,
  context: z.record(z.string(), z.unknown()).describe('The fields that were stored'),
}) satisfies z.ZodType<Omit<RetrievedContext, 'context'>>

export const deletedContext = z.object({
  address,
  version: version.describe('Version of the tombstone'),
}) satisfies Describes<DeletedContext>

export const historyPage = z.object({
  address,
  versions: z
    .array(
      z.object({
        version,
        writtenAt: z.string(),
        author: z.string(),
        roles,
        decision: decision.nullable(),
        deleted: z.boolean(),
      }),
    )
    .describe('Newest first'),
  cursor: z.string().nullable().describe('Ask again with this for older versions'),
}) satisfies z.ZodType<Omit<HistoryPage, 'versions'>>

export const peerStatus = z.object({
  fleet: z.string(),
  peer: z.object({
    id: z.string(),
    name: z.string(),
    url: z.string().nullable(),
    pid: z.int(),
    version: z.string(),
    startedAt: z.string(),
  }),
  state: z.enum(['starting', 'ready', 'degraded', 'stopping']),
  reasons: z.array(z.string()),
  replicas: z.int(),
  partitions: z.object({ total: z.int(), owned: z.int(), damaged: z.int() }),
  roles: z.array(z.object({ name: z.string(), keyVersion: z.int(), held: z.boolean() })),
  members: z.array(
    z.object({
      id: z.string(),
      name: z.string(),
      zone: z.string(),
      weight: z.number(),
      connected: z.boolean(),
      partitions: z.int(),
    }),
  ),
  counters: counts,
}) satisfies Describes<PeerStatus>

const ids = z.array(z.string())
const assignment = z.object({
  epoch: z.int(),
  stage: z.enum(['stable', 'learn', 'joint']),
  owners: ids.describe('Nearest first; in a move those before it'),
  nextOwners: ids.describe('Those after the move, empty when stable'),
  entered: z
    .record(z.string(), z.int())
    .optional()
    .describe('Epochs in which owners came in, if not at first'),
})

export const ring = z.object({
  fleet: z.string(),
  epoch: z.int(),
  replicas: z.int(),
  members: z.array(z.object({ id: z.string(), name: z.string(), weight: z.number(), zone: z.string() })),
  partitions: z.array(assignment).describe('Indexed by partition number'),
  control: assignment.describe('Who agrees on the view and the lead'),
  leaving: ids.describe('Members that are to own nothing'),
  former: ids.describe('Who was a member before'),
  pending: z
    .array(z.object({ partition: z.int(), owners: ids }))
    .describe('Moves that have not begun; 4096 is the control group'),
  moves: z.object({ paused: z.boolean(), bytesPerSecond: z.int(), atOnceMax: z.int() }),
  token: z.int().describe('Of the last leader that changed the view'),
}) satisfies z.ZodType<{ epoch: View['epoch'] }>

export const health = z.object({ status: z.enum(['starting', 'ready', 'degraded', 'stopping']) })
export const live = z.object({ live: z.literal(true) })
export const readiness = z.object({ ready: z.boolean(), reasons: z.array(z.string()) })
export const checks = z.object({
  checks: z.array(
    z.object({ name: z.string(), ok: z.boolean(), detail: z.string() }) satisfies Describes<ReadinessCheck>,
  ),
})

export const failure = z.object({
  error: z.object({
    code: z.string().describe('Stable'),
    message: z.string(),
    hint: z.string().describe('What to do next'),
    retryable: z.boolean(),
    retry: z.enum(['never', 'afterBackoff', 'withNewVersion', 'now']),
  }),
  current: z.object({ version: version.nullable() }).optional().describe('With VERSION_CONFLICT only'),
})

export const batchLine = z.union([
  z.object({ type: z.literal('item'), line: z.int(), address, version }),
  z.object({ type: z.literal('item'), line: z.int(), error: failure.shape.error }),
  z.object({ type: z.literal('summary'), stored: z.int(), failed: z.int() }),
  z
    .object({ type: z.literal('aborted'), error: failure.shape.error })
    .describe('Last line instead of the summary'),
])
