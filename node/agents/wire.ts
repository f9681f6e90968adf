import { decode, encode } from 'cborg'
import type { Digest, Hlc, PeerId } from '../../base/ids.ts'
import type { Operation, Outcome, VersionRecord } from '../../replication/messages.ts'
import { DecodeError } from '../driver/codec/reader.ts'
import { decodeFrame, encodeFrame } from '../driver/codec/wire.ts'
import { type CopyQuestion, copyFields, copyQuestionFrom } from './copy-wire.ts'

/*
 * What agents ask members on `/agents/1`, as CBOR arrays (docs/FORMATS.md):
 *   question  [1, kind, …]
 *   answer    [1, 0, …] or [1, 1, rule, when it opens] or [1, 2, wait] or [1, 3]
 * An operation and its outcome are the frames that members send each other, with one message each.
 */

/** Bytes of one question: an operation with the largest envelope. */
export const questionBytesMax = 2 * 2 ** 20
/** Bytes of one answer: a page of a history. */
export const answerBytesMax = 16 * 2 ** 20
const addressesMax = 8
export const membersMax = 1_024
const formatVersion = 1
const textMax = 256

export type AgentQuestion =
  /** Is my grant good here, and what time is it? First and then every second. */
  | { readonly kind: 'pulse'; readonly isFirst: boolean }
  | { readonly kind: 'operate'; readonly operation: Operation; readonly timeoutMs: number }
  /** The registry of keys. */
  | { readonly kind: 'registry' }
  /** A question about grants, as members ask each other (node/grants/exchange.ts). */
  | { readonly kind: 'grants'; readonly question: Uint8Array }
  | CopyQuestion

const kinds = ['pulse', 'operate', 'registry', 'grants', 'changes', 'heads', 'versions'] as const

export type KnownMember = {
  readonly id: PeerId
  readonly name: string
  readonly addresses: readonly string[]
}

export type Pulse = {
  /** Time of the fleet; null while the member does not know it. */
  readonly wallMs: number | null
  /** Hash of the registry of keys there. */
  readonly registry: Digest
  readonly epoch: number
  /** Of a first pulse: what the member shows of itself, and whom it knows; empty later. */
  readonly grant: string
  readonly members: readonly KnownMember[]
}

export type AgentAnswer =
  | { readonly kind: 'done'; readonly body: Uint8Array }
  /** @param opensAtMs - null where waiting does not help. */
  | { readonly kind: 'denied'; readonly rule: string; readonly opensAtMs: number | null }
  | { readonly kind: 'busy'; readonly afterMs: number }
  /** Nothing that the member can answer: it stops, or cannot record what it does. */
  | { readonly kind: 'unable' }

export const encodeQuestion = (asked: AgentQuestion): Uint8Array =>
  encode([formatVersion, kinds.indexOf(asked.kind), ...fieldsOf(asked)])

function fieldsOf(asked: AgentQuestion): unknown[] {
  switch (asked.kind) {
    case 'pulse':
      return [asked.isFirst]
    case 'operate': {
      const { operation, timeoutMs } = asked
      return [frameOf(zeroClock, { kind: 'request', id: 0, timeoutMs, operation })]
    }
    case 'registry':
      return []
    case 'grants':
      return [asked.question]
    default:
      return copyFields(asked)
  }
}

/** @returns null for anything malformed; never throws. */
export function decodeQuestion(bytes: Uint8Array): AgentQuestion | null {
  const fields = arrayFrom(bytes, questionBytesMax)
  const kind = kinds[fields?.[1] as number]
  if (fields === null || kind === undefined) return null
  const [, , a] = fields
  switch (kind) {
    case 'pulse':
      return fields.length === 3 && typeof a === 'boolean' ? { kind, isFirst: a } : null
    case 'operate': {
      const message = fields.length === 3 ? messageIn(a) : null
      if (message?.kind !== 'request') return null
      return { kind, operation: message.operation, timeoutMs: message.timeoutMs }
    }
    case 'registry':
      return fields.length === 2 ? { kind } : null
    case 'grants':
      return fields.length === 3 && a instanceof Uint8Array ? { kind, question: a } : null
    default:
      return copyQuestionFrom(kind, fields.slice(2))
  }
}

export function encodeAnswer(answer: AgentAnswer): Uint8Array {
  switch (answer.kind) {
    case 'done':
      return encode([formatVersion, 0, answer.body])
    case 'denied':
      return encode([formatVersion, 1, answer.rule, answer.opensAtMs])
    case 'busy':
      return encode([formatVersion, 2, answer.afterMs])
    case 'unable':
      return encode([formatVersion, 3])
  }
}

/** @returns null for anything malformed; never throws. */
export function decodeAnswer(bytes: Uint8Array): AgentAnswer | null {
  const fields = arrayFrom(bytes, answerBytesMax)
  if (fields === null) return null
  const [, kind, a, b] = fields
  if (kind === 0) return a instanceof Uint8Array ? { kind: 'done', body: a } : null
  if (kind === 1) {
    const isRule = typeof a === 'string' && /^[A-Za-z]{1,32}$/.test(a)
    return isRule && (b === null || isCount(b))
      ? { kind: 'denied', rule: a, opensAtMs: b as number | null }
      : null
  }
  if (kind === 2) return isCount(a) ? { kind: 'busy', afterMs: a } : null
  return kind === 3 ? { kind: 'unable' } : null
}

/** @param clock - of the member, so that what the agent writes next is above what the fleet has seen. */
export const encodeOutcome = (clock: Hlc, outcome: Outcome): Uint8Array =>
  frameOf(clock, { kind: 'reply', id: 0, outcome })

export function decodeOutcome(bytes: Uint8Array): { readonly clock: Hlc; readonly outcome: Outcome } | null {
  const frame = frameIn(bytes)
  const [message] = frame?.messages ?? []
  if (frame === null || message?.kind !== 'reply') return null
  return { clock: frame.clock, outcome: message.outcome }
}

export const encodePulse = ({ wallMs, registry, epoch, grant, members }: Pulse): Uint8Array =>
  encode([
    wallMs === null ? null : Math.floor(wallMs),
    bytesOf(registry),
    epoch,
    grant,
    members.slice(0, membersMax).map(each => [each.id, each.name, each.addresses.slice(0, addressesMax)]),
  ])

export function decodePulse(bytes: Uint8Array): Pulse | null {
  const fields = decoded(bytes)
  if (!Array.isArray(fields) || fields.length !== 5) return null
  const [wallMs, registry, epoch, grant, list] = fields as unknown[]
  const digest = hexOr(registry, 32)
  if (wallMs !== null && !isCount(wallMs)) return null
  if (typeof digest !== 'string' || !isCount(epoch) || typeof grant !== 'string') return null
  if (!Array.isArray(list) || list.length > membersMax) return null
  const members = list.map(memberFrom)
  if (!members.every(each => each !== null)) return null
  return { wallMs: wallMs as number | null, registry: digest as Digest, epoch, grant, members }
}

function memberFrom(value: unknown): KnownMember | null {
  const [id, name, addresses] = Array.isArray(value) ? (value as unknown[]) : []
  if (!isText(id) || !isText(name) || !Array.isArray(addresses)) return null
  if (addresses.length > addressesMax || !addresses.every(isText)) return null
  return { id: id as PeerId, name, addresses }
}

const zeroClock = '0'.repeat(24) as Hlc

const frameOf = (clock: Hlc, message: Parameters<typeof encodeFrame>[0]['messages'][number]): Uint8Array =>
  encodeFrame({ clock, messages: [message] })

function frameIn(bytes: Uint8Array): ReturnType<typeof decodeFrame> | null {
  try {
    const frame = decodeFrame(bytes)
    return frame.messages.length === 1 ? frame : null
  } catch (failure) {
    if (failure instanceof DecodeError) return null
    throw failure
  }
}

const messageIn = (value: unknown) =>
  value instanceof Uint8Array ? (frameIn(value)?.messages[0] ?? null) : null

function arrayFrom(bytes: Uint8Array, bytesMax: number): unknown[] | null {
  const value = bytes.length > bytesMax ? null : decoded(bytes)
  return Array.isArray(value) && value[0] === formatVersion ? value : null
}

function decoded(bytes: Uint8Array): unknown {
  try {
    return decode(bytes, { strict: true, allowIndefinite: false, allowBigInt: false })
  } catch {
    return null
  }
}

const bytesOf = (hex: string | null): Uint8Array | null =>
  hex === null ? null : Uint8Array.from(Buffer.from(hex, 'hex'))

/** Undefined: neither so many bytes nor null. */
function hexOr(value: unknown, length: number): string | null | undefined {
  if (value === null) return null
  return value instanceof Uint8Array && value.length === length
    ? Buffer.from(value).toString('hex')
    : undefined
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0
const isText = (value: unknown): value is string => typeof value === 'string' && value.length <= textMax

/** The versions that an outcome tells of. */
export function recordsIn(outcome: Outcome): readonly VersionRecord[] {
  if (outcome.kind === 'found') return [outcome.value]
  return outcome.kind === 'versions' ? outcome.records : []
}
