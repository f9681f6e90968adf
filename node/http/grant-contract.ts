import { z } from 'zod'
import { adminOperations, contextOperations, grantedOperations } from '../../crypto/grants/operations.ts'
import type {
  AgentJoinRequest,
  AgentTicket,
  AgentTokenMade,
  AgentTokenOrder,
  DelegateText,
  Explained,
  ExplainOrder,
  GrantCreated,
  GrantOrder,
  GrantText,
  JoinTokenMade,
} from '../grants/api.ts'
import { joinTicket } from './fleet-answers.ts'
import { joining, joinRequest } from './fleet-contract.ts'
import type { Operation } from './operation.ts'

/** Holds a schema to the type that the peer answers with, so that the document cannot drift from it. */
type Describes<T> = z.ZodType<T>

const json = 'application/json'
const none = z.strictObject({})
const bodyBytesMax = 65_536
const ttlMaxSeconds = 31 * 86_400

const anyOr = (max: number) => z.union([z.literal('any'), z.array(z.string().max(256)).max(max)])
const operation = z.enum([...contextOperations, ...adminOperations, 'link'])

const clock = z.string().regex(/^\d\d:\d\d$/)
const hours = z
  .union([
    z.literal('any'),
    z.strictObject({
      zone: z.string().max(64),
      windows: z
        .array(z.strictObject({ days: z.array(z.int().min(1).max(7)).min(1).max(7), from: clock, to: clock }))
        .min(1)
        .max(16),
    }),
  ])
  .describe('By the clock on the wall of a time zone; days from 1, Monday, to 7')

const grant = z.object({
  id: z.string(),
  name: z.string(),
  kind: z.enum(['agent', 'peer']),
  subject: z.string().describe('Peer id of the holder'),
  isBearer: z.boolean().describe('Whether doors take a secret for it'),
  state: z.enum(['valid', 'notYet', 'expired', 'revoked']),
  issuedAt: z.string(),
  notBefore: z.string(),
  expiresAt: z.string(),
  limits: z.record(z.string(), z.unknown()).describe('Projects as the scopes that stand for their names'),
}) satisfies z.ZodType<Omit<GrantText, 'limits'>>

const revokedGrant = grant.extend({
  rotates: z.array(z.string()).describe('Roles that get a new key now, as a duty of the leader'),
})

const limitsOrder = {
  operations: z
    .array(z.enum(grantedOperations as [(typeof grantedOperations)[number]]))
    .min(1)
    .max(16),
  roles: anyOr(32),
  projects: anyOr(64).describe('Names, as addresses have them'),
  paths: anyOr(32).describe('Each with all that is below it'),
  networks: anyOr(32).describe('As 10.0.0.0/8'),
  hours,
}
const ttlSeconds = z.int().min(1).max(ttlMaxSeconds)

const order = z.strictObject({
  subject: z
    .string()
    .min(1)
    .max(128)
    .describe('A member, the id of a process, or a name for a holder without a key'),
  kind: z.enum(['agent', 'peer']),
  ...limitsOrder,
  ttlSeconds,
  bearer: z.boolean().describe('Whether doors take a secret for it, which is in the answer'),
  dryRun: z.boolean(),
}) satisfies Describes<GrantOrder>

const agentTokenOrder = z.strictObject({
  name: z.string().min(1).max(64).describe('As grants and the log name the agent'),
  ttlSeconds: ttlSeconds.describe('How long the fleet waits for the agent'),
  grant: z
    .strictObject({ ...limitsOrder, ttlSeconds })
    .describe('What it is granted, and for how long once it came in'),
  dryRun: z.boolean(),
}) satisfies Describes<AgentTokenOrder>

const agentTokenMade = z.object({
  token: z.string().nullable().describe('The secret; the fleet keeps only its hash'),
  name: z.string(),
  expiresAt: z.string(),
  limits: z.record(z.string(), z.unknown()).describe('Projects as the scopes that stand for their names'),
}) satisfies z.ZodType<Omit<AgentTokenMade, 'limits'>>

const agentJoinRequest = z.strictObject({
  id: z.string().max(128).describe('Peer id of the agent'),
  recipient: z.string().max(256).describe('age recipient of its own key'),
  proof: z.string().max(128).describe('base64 of what it signs by the key of its id, over the token'),
}) satisfies z.ZodType<Omit<AgentJoinRequest, 'id'> & { id: string }>

const agentTicket = z.object({
  fleet: z.string(),
  name: z.string(),
  grant: z.object({ delegate: z.string(), grant: z.string() }).describe('What grant.json holds'),
  bootstrap: z.array(z.string()).describe('Multiaddresses of members'),
  networkKey: z.string().optional().describe('base64 of the network key, sealed to the agent'),
}) satisfies z.ZodType<Omit<AgentTicket, 'fleet'> & { fleet: string }>

const created = z.object({
  grant,
  chain: z.object({ delegate: z.string(), grant: z.string() }).nullable(),
  token: z.string().nullable().describe('The secret; nobody else has it'),
}) satisfies z.ZodType<Omit<GrantCreated, 'grant'>>

const explainOrder = z.strictObject({
  grant: z.string().min(1).max(64).describe('Its id or name'),
  operation,
  address: z.string().max(2048).nullable(),
  roles: z.array(z.string().max(64)).max(32).nullable(),
  from: z.string().max(45).nullable().describe('IP address'),
  atMs: z.int().min(0).nullable().describe('Null: now'),
}) satisfies Describes<ExplainOrder>

const explained = z.object({
  grant,
  operation,
  allowed: z.boolean(),
  rule: z.string(),
  link: z.enum(['delegate', 'grant']).nullable(),
  opensAt: z.string().nullable(),
  until: z.string().nullable(),
  leftToCheck: z.array(z.enum(['projects', 'paths'])),
  sentence: z.string(),
}) satisfies z.ZodType<Omit<Explained, 'grant' | 'rule'>>

const delegate = z.object({
  id: z.string(),
  publicKey: z.string(),
  issuedAt: z.string(),
  expiresAt: z.string(),
  certificate: z.string(),
}) satisfies Describes<DelegateText>

const body = <Schema extends z.ZodType>(description: string, schema: Schema) => ({
  type: json,
  description,
  schema,
  checkedBytesMax: bodyBytesMax,
})

/** Grants: who may do what. */
export const grantOperations = {
  grants: {
    method: 'GET',
    path: '/v1/grants',
    summary: 'The grants that this peer knows, the newest renewal of each',
    query: none,
    answer: { type: json, schema: z.object({ grants: z.array(grant) }) },
    errors: [],
  },
  delegate: {
    method: 'GET',
    path: '/v1/grants/delegate',
    summary: 'The certificate of the key that signs grants',
    query: none,
    answer: { type: json, schema: delegate },
    errors: ['SEALED'],
  },
  continueDelegate: {
    method: 'POST',
    path: '/v1/grants/delegate',
    summary: 'Go on signing by a later certificate of the same key',
    query: none,
    body: body('What the authority signed', z.strictObject({ certificate: z.string().max(24 * 1024) })),
    answer: { type: json, schema: delegate },
    errors: ['SEALED', 'GRANT_INVALID'],
  },
  explainGrant: {
    method: 'POST',
    path: '/v1/grants/explain',
    summary: 'Which rule allows or denies something, and when a closed window opens',
    query: none,
    body: body('What would be asked', explainOrder),
    answer: { type: json, schema: explained },
    errors: ['GRANT_UNKNOWN', 'ADDRESS_INVALID', 'SEALED'],
  },
  createGrant: {
    method: 'POST',
    path: '/v1/grants',
    summary: 'Grant somebody something',
    query: none,
    body: body('What to allow; nothing is left out to mean everything, the word is `any`', order),
    answer: { type: json, schema: created },
    errors: ['SEALED', 'MEMBER_UNKNOWN', 'ROLE_UNKNOWN', 'CONFIG_INVALID'],
  },
  grant: {
    method: 'GET',
    path: '/v1/grants/{name}',
    summary: 'One grant, by its id, its name or the id of its holder',
    query: none,
    answer: { type: json, schema: grant },
    errors: ['GRANT_UNKNOWN'],
  },
  revokeGrant: {
    method: 'POST',
    path: '/v1/grants/{name}/revoke',
    summary: 'Revoke a grant; every peer knows of it within seconds',
    query: none,
    body: body(
      'From which moment on, milliseconds since 1970; null: now',
      z.strictObject({
        sinceMs: z.int().min(0).nullable(),
        rotate: z
          .boolean()
          .optional()
          .describe('Whether roles get new keys that its holder may have had; they do when left out'),
        dryRun: z.boolean(),
      }),
    ),
    answer: { type: json, schema: revokedGrant },
    errors: ['GRANT_UNKNOWN', 'GRANT_INVALID', 'SEALED', 'QUORUM_UNREACHED', 'INTEGRITY_FAILED'],
  },
  createJoinToken: {
    method: 'POST',
    path: '/v1/join-tokens',
    summary: 'Make a token that lets one new peer in, once',
    query: none,
    body: body(
      'For how long, and whether the peer is given the keys of roles',
      z.strictObject({ ttlSeconds: z.int().min(1).max(ttlMaxSeconds), roles: z.boolean() }),
    ),
    answer: {
      type: json,
      schema: z.object({
        token: z.string().describe('The secret; the fleet keeps only its hash'),
        expiresAt: z.string(),
        roles: z.boolean(),
      }) satisfies Describes<JoinTokenMade>,
    },
    errors: ['TOO_MANY', 'QUORUM_UNREACHED'],
  },
  createAgentToken: {
    method: 'POST',
    path: '/v1/agent-tokens',
    summary: 'Make a token that grants one new agent something, once',
    query: none,
    body: body('What the agent is granted, and how long the fleet waits for it', agentTokenOrder),
    answer: { type: json, schema: agentTokenMade },
    errors: ['TOO_MANY', 'SEALED', 'ROLE_UNKNOWN', 'CONFIG_INVALID', 'QUORUM_UNREACHED'],
  },
  redeemAgentToken: {
    method: 'POST',
    path: '/v1/join/agent',
    summary: 'Be granted what a token is for, as an agent; the token is used up',
    open: true,
    query: none,
    body: body(
      'The token, and what the agent says of itself',
      z.strictObject({ token: z.string().min(1).max(8_192), request: agentJoinRequest }),
    ),
    answer: { type: json, schema: agentTicket },
    errors: ['JOIN_TOKEN_WRONG', 'SEALED', 'QUORUM_UNREACHED'],
  },
  redeemJoinToken: {
    method: 'POST',
    path: '/v1/join',
    summary: 'Come into the fleet by a join token, which is used up',
    open: true,
    query: none,
    body: body(
      'The token, and what the new peer says of itself',
      z.strictObject({ token: z.string().min(1).max(8_192), request: joinRequest }),
    ),
    answer: { type: json, schema: joinTicket },
    errors: ['JOIN_TOKEN_WRONG', ...joining],
  },
} as const satisfies Record<string, Operation>
