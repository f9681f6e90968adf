import { z } from 'zod'
import type { ComparedVersion, Comparison } from '../store/compare/api.ts'
import type { ResolvedContext } from '../store/hierarchy/api.ts'
import type { Operation } from './operation.ts'

const json = 'application/json'
const address = z.string().describe('Canonical UCXL address')
const version = z.string()
const addresses = z.array(address)

const timeoutMs = z.coerce
  .number()
  .int()
  .min(1)
  .max(120_000)
  .optional()
  .describe('Milliseconds until the peer gives up')
const role = z.string().max(64).optional().describe('Open with this role only')

const resolvedContext = z.object({
  address,
  context: z.record(z.string(), z.unknown()).describe('What holds there: fields merged from the root down'),
  sources: z
    .record(z.string(), addresses)
    .optional()
    .describe('With `explain`: the contexts that each field comes from'),
  levels: z
    .array(
      z.object({
        address,
        version,
        writtenAt: z.string(),
        author: z.string(),
        part: z.enum(['merged', 'notForChildren', 'overridden']),
      }),
    )
    .optional()
    .describe('With `explain`: every context on the way that could be opened, from the root down'),
}) satisfies z.ZodType<Omit<ResolvedContext, 'context' | 'sources' | 'levels'>>

const comparedVersion = z.object({
  address,
  version,
  writtenAt: z.string(),
  author: z.string(),
}) satisfies z.ZodType<ComparedVersion>

const field = z.string().describe('Those of decision and metadata with a dot, as in decision.status')
const changed = z.literal('changed')

const comparison = z.object({
  from: comparedVersion,
  to: comparedVersion,
  changes: z
    .array(
      z.union([
        z.object({ field, change: z.enum(['added', 'removed']), value: z.unknown() }),
        z
          .object({
            field,
            change: changed,
            hunks: z.array(
              z.object({
                oldStart: z.int(),
                oldLines: z.int(),
                newStart: z.int(),
                newLines: z.int(),
                lines: z.array(z.string()).describe('Each begins with a space, -, + or \\'),
              }),
            ),
          })
          .describe('A text of several lines'),
        z
          .object({
            field,
            change: changed,
            words: z.array(z.object({ kind: z.enum(['same', 'added', 'removed']), text: z.string() })),
          })
          .describe('A text of one line'),
        z
          .object({ field, change: changed, added: z.array(z.string()), removed: z.array(z.string()) })
          .describe('A list of texts'),
        z
          .object({ field, change: changed, before: z.unknown(), after: z.unknown() })
          .describe('Anything else, and texts with next to nothing in common'),
      ]),
    )
    .describe('Empty: they say the same'),
}) satisfies z.ZodType<Omit<Comparison, 'changes'>>

const reading = [
  'ADDRESS_INVALID',
  'NOT_FOUND',
  'VERSION_UNKNOWN',
  'ROLE_UNKNOWN',
  'ROLE_DENIED',
  'QUORUM_UNREACHED',
  'INTEGRITY_FAILED',
  'SEALED',
] as const

/** What holds at an address, and what changed. */
export const hierarchyOperations = {
  resolveContext: {
    method: 'GET',
    path: '/v1/contexts/{address}/resolve',
    summary: 'What holds at an address: the contexts from the root down to it, merged',
    query: z.strictObject({
      explain: z.enum(['0', '1', 'false', 'true']).optional().describe('1: name the source of every field'),
      role,
      consistency: z
        .enum(['linearizable', 'cached'])
        .optional()
        .describe('`cached` may answer from this peer; default linearizable'),
      timeoutMs,
    }),
    answer: { type: json, schema: resolvedContext },
    errors: [...reading, 'TOO_DEEP'],
  },
  compareContexts: {
    method: 'GET',
    path: '/v1/contexts/{address}/diff',
    summary: 'What changed from one version to another; the address may end in # and a version',
    query: z.strictObject({
      to: z
        .string()
        .max(2200)
        .optional()
        .describe(
          'An address, with # and a version or not; or a temporal segment or a version of the same place. Without it: ' +
            'what stands now, and where the address says just that, the last change',
        ),
      role,
      timeoutMs,
    }),
    answer: { type: json, schema: comparison },
    errors: reading,
  },
} as const satisfies Record<string, Operation>
