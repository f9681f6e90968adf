import { z } from 'zod'
import type { RetentionList, RetentionPreview, RetentionRule } from '../store/retention/api.ts'
import { ageMaxSeconds, versionsKeptMax } from '../store/retention/rules.ts'
import type { Operation } from './operation.ts'

/** Holds a schema to the type that the peer answers with, so that the document cannot drift from it. */
type Describes<T> = z.ZodType<T>

const json = 'application/json'
const none = z.strictObject({})
const bodyBytesMax = 4_096

const rule = {
  versions: z
    .int()
    .min(1)
    .max(versionsKeptMax)
    .nullable()
    .describe('The version that stands and those before it; null: no limit by number'),
  ageSeconds: z
    .int()
    .min(1)
    .max(ageMaxSeconds)
    .nullable()
    .describe('Versions that stood within so long; null: no limit by age'),
}
const project = z.string().min(1).max(256)
const whose = project.nullable().describe('Null: the default of projects without a rule of their own')

const retentionList = z.object({
  default: z.object(rule).describe('Both null: everything is kept'),
  projects: z.array(z.object({ project, ...rule })),
}) satisfies Describes<RetentionList>

const retentionPreview = z.object({
  contexts: z.int().describe('Contexts of which something would go'),
  versions: z.int(),
  untold: z.int().describe('Contexts with too much history of which this peer cannot tell the project'),
  partitions: z.int().describe('Partitions that this peer has a copy of, and looked through'),
  partitionsTotal: z.int(),
}) satisfies Describes<RetentionPreview>

const body = <Schema extends z.ZodType>(description: string, schema: Schema) => ({
  type: json,
  description,
  schema,
  checkedBytesMax: bodyBytesMax,
})
const errors = ['SEALED', 'QUORUM_UNREACHED', 'INTEGRITY_FAILED', 'FORMAT_UNKNOWN'] as const
const changing = [...errors, 'ADDRESS_INVALID', 'TOO_MANY'] as const

/** The rules by which histories are trimmed. */
export const retentionOperations = {
  retention: {
    method: 'GET',
    path: '/v1/retention',
    summary: 'How much history is kept, by project',
    query: none,
    answer: { type: json, schema: retentionList },
    errors,
  },
  setRetention: {
    method: 'POST',
    path: '/v1/retention',
    summary: 'Set how much history a project keeps',
    query: none,
    body: body(
      'The rule; a version goes only when every limit that is set lets it go',
      z.strictObject({ project: whose, ...rule }),
    ),
    answer: { type: json, schema: retentionList },
    errors: changing,
  },
  unsetRetention: {
    method: 'POST',
    path: '/v1/retention/unset',
    summary: 'Take the rule of a project away',
    query: none,
    body: body('Whose rule', z.strictObject({ project: whose })),
    answer: { type: json, schema: retentionList },
    errors: changing,
  },
  previewRetention: {
    method: 'POST',
    path: '/v1/retention/preview',
    summary: 'How many versions would go under another rule; changes nothing',
    query: none,
    body: body(
      'Whose rule, and which; null: none of its own',
      z.strictObject({
        project: whose,
        rule: z.strictObject(rule).nullable() satisfies Describes<RetentionRule | null>,
      }),
    ),
    answer: { type: json, schema: retentionPreview },
    errors: changing,
  },
} as const satisfies Record<string, Operation>
