import { z } from 'zod'
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
  keptFrom: z
    .string()
    .nullable()
    .describe('On the last page: the oldest version that is kept, where older ones were trimmed'),
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
  epoch: z.int().describe('Version of the view'),
  leader: z.string().nullable().describe('Null: nobody, or this peer has not heard'),
  moves: z.object({
    moving: z.int().describe('Partitions on their way to other owners'),
    pending: z.int().describe('Moves planned and not begun'),
    paused: z.boolean(),
  }),
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
      health: z.string().describe('What the fleet takes it for, as this peer sees it'),
      clockOffMs: z.int().nullable().describe("How far its clock is ahead of the fleet's; null: not heard"),
      lag: z
        .object({
          shared: z.int(),
          compared: z.int(),
          equal: z.int(),
          keysBehind: z.int(),
          keysAhead: z.int(),
          equalAt: z.string().nullable(),
          why: z.string(),
        })
        .nullable()
        .describe('How it compares with this peer in the partitions that both own'),
      leaving: z.boolean(),
    }),
  ),
  counters: counts,
}) satisfies Describes<PeerStatus>

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
