import { z } from 'zod'
import type { AuditPage } from '../audit/log-reader.ts'
import type { Operation } from './operation.ts'

const json = 'application/json'
const seq = z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER)
const text = z.string().min(1).max(160).optional()
const time = z.iso.datetime({ offset: true }).optional()
const role = z.object({ name: z.string(), keyVersion: z.int(), fingerprint: z.string() })

const facts = {
  seq: z.int().describe('Numbers run from 1 without a hole'),
  at: z.string().describe('ISO 8601'),
  hlc: z.string(),
  hash: z.string().describe('What the next entry is chained to'),
}
export const auditRecord = z.discriminatedUnion('kind', [
  z.object({
    ...facts,
    kind: z.literal('decision'),
    outcome: z.enum(['allowed', 'denied']),
    code: z.string().nullable().describe('Why it was denied or failed; null: neither'),
    subject: z.string(),
    source: z.string().nullable(),
    operation: z.string(),
    detail: z.string().nullable(),
    key: z.string().nullable().describe('Hash of the address'),
    roles: z.array(role),
    rule: z.string().describe('What decided'),
    count: z.int().describe('How many alike it stands for'),
  }),
  z.object({ ...facts, kind: z.literal('checkpoint'), signature: z.string() }),
  z.object({
    ...facts,
    kind: z.literal('started'),
    incarnation: z.int(),
    tornBytes: z.int().describe('Bytes of an unfinished entry that a crash left'),
    brokenAt: z.int().describe('First entry that was changed while the peer was down; 0: none'),
  }),
  z.object({ ...facts, kind: z.literal('gap'), lost: z.int(), policy: z.enum(['closed', 'open']) }),
  z.object({ ...facts, kind: z.literal('trimmed'), upTo: z.int() }),
])

const auditPage = z.object({
  entries: z.array(auditRecord).describe('In the order of the log'),
  before: z.int().nullable().describe('For the next page, which lies further back; null: there is none'),
}) satisfies z.ZodType<AuditPage>

const breakKinds = ['changed', 'missing', 'reordered', 'foreign', 'forged', 'cut', 'rewritten'] as const
const report = z.object({
  peer: z.string().nullable(),
  fleet: z.string().nullable(),
  firstSeq: z.int(),
  lastSeq: z.int(),
  lastHlc: z.string().nullable(),
  signedTo: z.int().describe('The signature of the peer covers the entries up to here'),
  checkpoints: z.int(),
  heldMatched: z.int().describe('Checkpoints held by others that fit'),
  heldTooOld: z.int(),
  tornBytes: z.int(),
  lost: z.int().describe('Decisions that the log itself says are not in it'),
  broken: z
    .object({
      seq: z.int().describe('The first broken entry'),
      what: z.enum(breakKinds),
      segment: z.string().nullable(),
      detail: z.string(),
    })
    .nullable(),
})

/** The paths that show what was allowed and denied at this peer. */
export const auditOperations = {
  auditEntries: {
    method: 'GET',
    path: '/v1/audit',
    summary: 'Decisions of this peer: the newest that fit',
    query: z.strictObject({
      limit: z.coerce
        .number()
        .int()
        .min(1)
        .max(1000)
        .optional()
        .describe('Entries in one answer; default 100'),
      before: seq.optional().describe('From the answer before'),
      subject: text.describe('Who, as `token:…` or `peer:…`'),
      operation: text.describe('What, as grants name it: `read`, `write`, `admin:ring`'),
      outcome: z.enum(['allowed', 'denied']).optional().describe('How it was decided'),
      code: text.describe('Stable code of the refusal or failure'),
      role: text.describe('Name of a role that it was about'),
      address: z.string().max(2048).optional().describe('Address that it was about'),
      since: time.describe('Not before, ISO 8601'),
      until: time.describe('Not after, ISO 8601'),
    }),
    answer: { type: json, schema: auditPage },
    errors: ['ADDRESS_INVALID', 'SEALED', 'AUDIT_UNAVAILABLE'],
  },
  auditExport: {
    method: 'GET',
    path: '/v1/audit/export',
    summary: 'All entries of the log of this peer, one a line, oldest first',
    query: z.strictObject({ after: seq.optional().describe('Only entries with a higher number') }),
    answer: { type: 'application/x-ndjson', schema: auditRecord },
    errors: ['AUDIT_UNAVAILABLE'],
  },
  auditVerify: {
    method: 'GET',
    path: '/v1/audit/verify',
    summary: 'Goes through the log of this peer and names the first broken entry',
    query: z.strictObject({}),
    answer: { type: json, schema: report },
    errors: ['AUDIT_UNAVAILABLE'],
  },
} as const satisfies Record<string, Operation>
