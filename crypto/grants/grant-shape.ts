import { z } from 'zod'
import { SlurpError } from '../../base/errors.ts'
import { type Digest, type FleetId, isRoleName, type PeerId, type RoleName } from '../../base/ids.ts'
import { peerKeyOf } from '../peer-keys.ts'
import { rolesMax } from '../roles.ts'
import { isZone } from './hours.ts'
import { isNetwork } from './networks.ts'
import { grantedOperations, isAdmin } from './operations.ts'
import { isProjectScope, type ProjectScope } from './project-scope.ts'
import { invalid, type TokenType } from './token.ts'

const format = 1
const dayMs = 24 * 60 * 60 * 1000
/** How long a delegate certificate is valid, at most. */
export const delegateMsMax = 400 * dayMs
/** How long a grant is valid, at most. */
export const grantMsMax = 31 * dayMs
/** Length of lists, at most. */
export const listMax = {
  projects: 64,
  paths: 32,
  networks: 32,
  windows: 16,
  ids: 4096,
  cutOffs: 256,
} as const
const prefixLengthMax = 200
const pathLengthMax = 16 * 1024
const lastMs = 253_402_300_799_999

declare const brand: unique symbol
/** Id of a grant or a delegate: 128 random bits, 32 lowercase hex digits. */
export type GrantId = string & { readonly [brand]: 'GrantId' }

export const isGrantId = (text: string): text is GrantId => /^[0-9a-f]{32}$/.test(text)

/** Decoded segments as `/`, or `/a/b`: no empty, `.` or `..` segment, no `/` at its end, in NFC. */
export const isPath = (text: string): boolean =>
  text.length <= pathLengthMax &&
  (text === '/' || /^(\/[^/\p{Cc}\p{Zl}\p{Zp}]+)+$/u.test(text)) &&
  text.normalize('NFC') === text &&
  text.split('/').every(part => part !== '.' && part !== '..')

/** 1 to 64 letters, digits, `.`, `_` and `-`, a letter or digit first: fit for a log and for a terminal. */
export const isHolderName = (text: string): boolean => /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(text)

const textThat = <T extends string>(is: (text: string) => boolean) =>
  z.custom<T>(value => typeof value === 'string' && is(value))
const ascending = (list: readonly (string | number)[]): boolean =>
  list.every((item, at) => at === 0 || list[at - 1]! < item)
/** Sorted and without repetition, so that one set has one text. */
const setOf = <T extends z.ZodType<string | number>>(item: T, max: number, min = 1) =>
  z.array(item).min(min).max(max).refine(ascending)
const anyOr = <T extends z.ZodType>(list: T) => z.union([z.literal('any'), list])

const id = textThat<GrantId>(isGrantId)
const hex32 = textThat<string>(text => /^[0-9a-f]{64}$/.test(text))
const fleet = hex32 as unknown as z.ZodType<FleetId>
const ms = z.int().min(0).max(lastMs)

const window = z
  .strictObject({
    days: setOf(z.int().min(1).max(7), 7),
    from: textThat<string>(text => /^([01][0-9]|2[0-3]):[0-5][0-9]$/.test(text)),
    to: textThat<string>(text => /^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$/.test(text) && text !== '00:00'),
  })
  .refine(({ from, to }) => from !== to)

const limitsShape = z
  .strictObject({
    operations: setOf(z.enum(grantedOperations as [(typeof grantedOperations)[number]]), 16),
    /** Roles that the holder may act for. An empty list: no context at all. */
    roles: anyOr(setOf(textThat<RoleName>(isRoleName), rolesMax, 0)),
    projects: anyOr(setOf(textThat<ProjectScope>(isProjectScope), listMax.projects)),
    /** Each with all that is below it: `/a` holds `/a/b` and not `/ab`. */
    paths: anyOr(
      setOf(
        textThat<string>(text => text.length <= prefixLengthMax && isPath(text)),
        listMax.paths,
      ),
    ),
    networks: anyOr(setOf(textThat<string>(isNetwork), listMax.networks)),
    hours: anyOr(
      z.strictObject({
        zone: textThat<string>(isZone),
        windows: z.array(window).min(1).max(listMax.windows),
      }),
    ),
  })
  // The fleet is in no project: who is held to one has no business there.
  .refine(
    ({ operations, projects, paths }) => !operations.some(isAdmin) || (projects === 'any' && paths === 'any'),
  )

const validity = { issuedAtMs: ms, notBeforeMs: ms, expiresMs: ms }
const isValidFor =
  (max: number) =>
  (times: { issuedAtMs: number; notBeforeMs: number; expiresMs: number }): boolean =>
    times.issuedAtMs <= times.notBeforeMs &&
    times.notBeforeMs < times.expiresMs &&
    times.expiresMs - times.issuedAtMs <= max

const subjectKind = z.enum(['agent', 'peer'])

const shapes = {
  delegate: z
    .strictObject({
      format: z.literal(format),
      fleet,
      id,
      /** Ed25519 public key that signs the grants, 64 hex digits. */
      publicKey: hex32,
      ...validity,
      /** Kinds of subjects that it may grant to. */
      subjectKinds: setOf(subjectKind, 2),
      /** How long its grants are valid, at most. */
      grantMsMax: z.int().min(1).max(grantMsMax),
      /** Versions from before this moment count without a grant: the fleet had none. 0: it always had. */
      grantlessBeforeMs: ms,
      limits: limitsShape,
    })
    .refine(isValidFor(delegateMsMax)),
  grant: z
    .strictObject({
      format: z.literal(format),
      fleet,
      id,
      /** Id of the delegate that signed it. */
      issuer: id,
      subjectKind,
      subject: textThat<PeerId>(text => peerKeyOf(text) !== null),
      /** What people call the holder. Decides nothing. */
      name: textThat<string>(isHolderName),
      /** SHA-256 of the secret that a door takes in place of a proof of the subject's key; null: none does. */
      bearer: z.union([z.null(), hex32 as unknown as z.ZodType<Digest>]),
      ...validity,
      limits: limitsShape,
    })
    .refine(isValidFor(grantMsMax)),
  revocations: z.strictObject({
    format: z.literal(format),
    fleet,
    signer: z.union([z.literal('authority'), id]),
    version: z.int().min(1),
    issuedAtMs: ms,
    /** Grants and delegates that are valid no more, each from a moment on: what was written before it stays. */
    revoked: z
      .array(z.strictObject({ id, fromMs: ms }))
      .max(listMax.ids)
      .refine(list => ascending(list.map(each => each.id))),
    /** Of this delegate, what was issued before this moment is valid no more from it on. */
    cutOffs: z
      .array(z.strictObject({ delegate: id, beforeMs: ms }))
      .max(listMax.cutOffs)
      .refine(list => ascending(list.map(({ delegate }) => delegate))),
  }),
} as const

type Shapes = { readonly [T in TokenType]: z.output<(typeof shapes)[T]> }
/** What a holder may do, where and when; every list is there, and `any` is said aloud. */
export type Limits = Readonly<z.output<typeof limitsShape>>
/** Lets a key sign grants. Signed by the authority. */
export type Delegate = Readonly<Shapes['delegate']>
/** Lets one peer or agent do something. Signed by a delegate. */
export type Grant = Readonly<Shapes['grant']>
/** What one signer has revoked up to now: each version holds all of those before. */
export type RevocationList = Readonly<Shapes['revocations']>

/** The one text of a statement. @throws SlurpError CONFIG_INVALID when a shape or a cap is violated, naming the field. */
export function encodeStatement<T extends TokenType>(type: T, statement: Omit<Shapes[T], 'format'>): string {
  const read = shapes[type].safeParse({ format, ...statement })
  if (read.success) return JSON.stringify(read.data)
  throw new SlurpError(
    'CONFIG_INVALID',
    `This cannot be signed: ${placeOf(read.error)} is not as it must be.`,
    {
      hint: 'Lists must be sorted, without repetition and within their caps; times must be in order.',
    },
  )
}

/** @throws SlurpError GRANT_INVALID, or FORMAT_UNKNOWN for one of a later release. */
export function decodeStatement<T extends TokenType>(type: T, text: string): Shapes[T] {
  const json = jsonFrom(type, text)
  const said = (json as { format?: unknown } | null)?.format
  if (Number.isSafeInteger(said) && (said as number) > format) {
    throw new SlurpError('FORMAT_UNKNOWN', 'A grant has a format that this release does not know.')
  }
  const read = shapes[type].safeParse(json)
  if (!read.success) throw invalid(type, `Its field ${placeOf(read.error)} is not as it must be.`)
  if (JSON.stringify(read.data) !== text) throw invalid(type, 'Its content is not in canonical form.')
  return read.data as Shapes[T]
}

function jsonFrom(type: TokenType, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (failure) {
    if (!(failure instanceof SyntaxError)) throw failure
    throw invalid(type, 'Its content is no JSON.')
  }
}

/** Only names of ours: a field that we do not know is not in the path of an issue. */
const placeOf = (error: z.ZodError): string => error.issues[0]?.path.join('.') || 'list'
