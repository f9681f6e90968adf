import { z } from 'zod'
import type { CreatedRole, KeyShares, KeyStatus, Reshared, RoleList, RotatedRole } from '../key-control.ts'
import type { Operation } from './operation.ts'

/** Holds a schema to the type that the peer answers with, so that the document cannot drift from it. */
type Describes<T> = z.ZodType<T>

const json = 'application/json'
const none = z.strictObject({})
const bodyBytesMax = 1_024
/** A list of all peers of a large fleet. */
const listBytesMax = 256 * 1024

const names = z.array(z.string())
const reasons = z.array(z.object({ name: z.string(), why: z.string() }))
const key = {
  name: z.string().describe('A role, or @fleet: the secret under which addresses are hashed'),
  keyVersion: z.int(),
  fingerprint: z.string().describe('Of its check value: first 16 hex digits of the SHA-256'),
}

const keyStatus = z.object({
  state: z
    .enum(['open', 'collecting', 'sealed', 'blind'])
    .describe('sealed: too few holders can be reached, or somebody asked for it'),
  reason: z.string().nullable(),
  short: z.int().describe('Holders that are missing before the keys can be collected'),
  missing: names.describe('Holders that cannot be reached'),
  keys: z.array(
    z.object({
      ...key,
      state: z.enum(['open', 'collecting', 'sealed']),
      needed: z.int().describe('Shares that it takes'),
      holders: z.int(),
      reachable: z.int(),
      released: z.int(),
      refused: reasons,
      bad: reasons.describe('Holders that sent what does not count'),
    }),
  ),
}) satisfies Describes<KeyStatus>

const keyVersionState = z
  .enum(['current', 'old', 'retired', 'ending', 'destroyed'])
  .describe('Contexts are sealed to `current` only; `ending` is to be destroyed')

const keyShares = z.object({
  secrets: z.array(
    z.object({
      ...key,
      state: keyVersionState,
      recipient: z.string().nullable().describe('To whom contexts of the role are sealed'),
      setVersion: z.int().describe('Grows with every dealing'),
      needed: z.int(),
      holders: names,
      isHeldHere: z.boolean().describe('The peer that was asked has its share on disk'),
    }),
  ),
  entitled: z.array(z.object({ peer: z.string(), names })).describe('Who may have which; others are blind'),
  holdersWanted: names.describe('To whom the next dealing goes'),
}) satisfies Describes<KeyShares>

const reshared = z.object({
  dealt: names.describe('name/keyVersion of what was dealt anew'),
  holders: names.describe('Who dealt'),
}) satisfies Describes<Reshared>

const everyDays = z.int().nullable().describe('Days that a key lasts; null: for ever')

const roleList = z.object({
  everyDays,
  roles: z.array(
    z.object({
      name: z.string(),
      state: z.enum(['current', 'retired']),
      keys: z
        .array(
          z.object({
            keyVersion: z.int(),
            fingerprint: z.string(),
            state: keyVersionState,
            recipient: z.string().describe('To whom contexts of the role are sealed'),
            createdAt: z.string().nullable().describe('When the key was made; null where nobody knows'),
            isOpenHere: z.boolean().describe('The peer that was asked has it in memory'),
            contexts: z
              .object({ current: z.int(), history: z.int() })
              .nullable()
              .describe('Versions on the disk of the peer that was asked; null until they were counted'),
          }),
        )
        .describe('Newest first'),
      entitled: names.describe('Members that may have its keys'),
      everyDays,
      rotationDue: z.string().nullable().describe('When its newest key is replaced; null: never'),
    }),
  ),
  reencryption: z
    .object({
      phase: z.enum(['counting', 'sealing', 'trimming', 'waiting', 'done']),
      total: z.int().nullable().describe('Contexts of the fleet; null until they were counted'),
      done: z.int(),
      perSecond: z.number(),
      etaSeconds: z.number().nullable(),
      startedAt: z.string(),
      absent: names.describe('Members that could not be asked'),
      why: z.string().nullable().describe('What it waits for'),
    })
    .nullable()
    .describe('Sealing anew of what is sealed to keys of before; null where there is nothing to tell'),
}) satisfies Describes<RoleList>

const rotatedRole = z.object({
  name: z.string(),
  keyVersion: z.int(),
  fingerprint: z.string(),
  before: z.int().describe('The key version of before: it opens what was sealed to it'),
}) satisfies Describes<RotatedRole>

const createdRole = z.object({
  name: z.string(),
  keyVersion: z.int(),
  fingerprint: z.string().nullable().describe('Null for a rehearsal'),
  entitled: names.describe('Members that may have its keys'),
}) satisfies Describes<CreatedRole>

/** The keys of the peer that is asked, and the shares of the fleet. */
export const keyOperations = {
  keys: {
    method: 'GET',
    path: '/v1/keys',
    summary: 'Which keys this peer has in memory, and who is missing',
    query: none,
    answer: { type: json, schema: keyStatus },
    errors: [],
  },
  keyShares: {
    method: 'GET',
    path: '/v1/keys/shares',
    summary: 'The shared secrets of the fleet, who holds shares and who is entitled',
    query: none,
    answer: { type: json, schema: keyShares },
    errors: [],
  },
  sealKeys: {
    method: 'POST',
    path: '/v1/keys/seal',
    summary: 'Wipe the keys of this peer from its memory',
    query: none,
    answer: { type: json, schema: keyStatus },
    errors: [],
  },
  unsealKeys: {
    method: 'POST',
    path: '/v1/keys/unseal',
    summary: 'Collect the keys of this peer again',
    query: none,
    answer: { type: json, schema: keyStatus },
    errors: ['SEALED'],
  },
  reshareKeys: {
    method: 'POST',
    path: '/v1/keys/reshare',
    summary: 'Deal the shared secrets anew to the members of now',
    query: none,
    body: {
      type: json,
      description: 'Whether also what the right peers hold already is dealt anew',
      schema: z.strictObject({ force: z.boolean() }),
      checkedBytesMax: bodyBytesMax,
    },
    answer: { type: json, schema: reshared },
    errors: ['SEALED', 'QUORUM_UNREACHED', 'INTEGRITY_FAILED', 'TOO_LARGE'],
  },
  roles: {
    method: 'GET',
    path: '/v1/roles',
    summary: 'The roles of the fleet and their key versions',
    query: none,
    answer: { type: json, schema: roleList },
    errors: [],
  },
  createRole: {
    method: 'POST',
    path: '/v1/roles',
    summary:
      'Make a role: its key is dealt to all members, and its peers can open what is sealed to it at once',
    query: none,
    body: {
      type: json,
      description: 'Its name, and the peers that may have its keys; null: all that have roles',
      schema: z.strictObject({
        name: z.string().max(64),
        peers: z.array(z.string().max(128)).max(1_000).nullable(),
        dryRun: z.boolean(),
      }),
      checkedBytesMax: listBytesMax,
    },
    answer: { type: json, schema: createdRole },
    errors: [
      'USAGE',
      'VERSION_CONFLICT',
      'TOO_MANY',
      'MEMBER_UNKNOWN',
      'ROLE_DENIED',
      'SEALED',
      'QUORUM_UNREACHED',
      'INTEGRITY_FAILED',
      'TOO_LARGE',
    ],
  },
  scheduleRotation: {
    method: 'POST',
    path: '/v1/roles/schedule',
    summary: 'Have keys of roles replaced after so many days',
    query: none,
    body: {
      type: json,
      description: 'A role, null: all that have no number of their own; and days, null: never',
      schema: z.strictObject({ role: z.string().max(64).nullable(), days: z.int().nullable() }),
      checkedBytesMax: bodyBytesMax,
    },
    answer: { type: json, schema: roleList },
    errors: ['USAGE', 'ROLE_UNKNOWN', 'QUORUM_UNREACHED', 'INTEGRITY_FAILED'],
  },
  rotateRole: {
    method: 'POST',
    path: '/v1/roles/{name}/rotate',
    summary: 'Give a role a new key: what is written from now on is sealed to it',
    query: z.strictObject({
      history: z
        .enum(['keep', 'drop'])
        .optional()
        .describe('Of what is sealed to the keys of before. drop: it goes, and those keys are destroyed'),
    }),
    answer: { type: json, schema: rotatedRole },
    errors: [
      'ROLE_UNKNOWN',
      'SEALED',
      'VERSION_CONFLICT',
      'TOO_MANY',
      'QUORUM_UNREACHED',
      'INTEGRITY_FAILED',
      'TOO_LARGE',
    ],
  },
  destroyRoleKeys: {
    method: 'POST',
    path: '/v1/roles/{name}/destroy',
    summary: 'Let go of the keys of a role that were replaced, and of the history that is sealed to them',
    query: none,
    answer: { type: json, schema: roleList },
    errors: ['ROLE_UNKNOWN', 'QUORUM_UNREACHED', 'INTEGRITY_FAILED', 'TOO_LARGE'],
  },
  retireRole: {
    method: 'POST',
    path: '/v1/roles/{name}/retire',
    summary: 'Take a role out of use: nothing is sealed to it any more, and what is stays readable',
    query: none,
    answer: { type: json, schema: roleList },
    errors: ['ROLE_UNKNOWN', 'QUORUM_UNREACHED', 'INTEGRITY_FAILED', 'TOO_LARGE'],
  },
} as const satisfies Record<string, Operation>
