import { decode, encode } from 'cborg'
import type { Digest } from '../../base/ids.ts'
import { chainLengthMax } from '../../crypto/grants/chain-text.ts'
import { tokenTypes } from '../../crypto/grants/token.ts'
import type { RevocationText } from './revocation-book.ts'

/**
 * What peers ask each other on `/grants/1`, as CBOR arrays:
 *   question  [1, kind, hashes of grants, digests of lists, grants, lists]
 *   answer    [1, grants, lists, hashes that the answerer lacks]
 * Hashes are 32 bytes each in one byte string; a grant is its chain as one text, a list is [text, certificate or null].
 */
export type Question = {
  /**
   * `compare`: here is all that I know; what else is there, and what do you lack? `fetch`: these grants. `give`: these
   * are new. `renew`: sign me the same again as the grant that I give here. `inherit`: sign me what I had under another
   * id: here are the grant of that id, and what it signed (node/grants/hand-on.ts).
   */
  readonly kind: 'compare' | 'fetch' | 'give' | 'renew' | 'inherit'
  readonly hashes: readonly Digest[]
  readonly digests: readonly Digest[]
  readonly grants: readonly string[]
  readonly revocations: readonly RevocationText[]
}

export type Reply = {
  readonly grants: readonly string[]
  readonly revocations: readonly RevocationText[]
  readonly lacking: readonly Digest[]
}

export const noReply: Reply = { grants: [], revocations: [], lacking: [] }
/** Grants and lists in one message, at most; whoever wants more asks again. */
export const textsMax = 512
export const listsMax = 64
/** Bytes of one message, at most. */
export const messageBytesMax = 8 * 2 ** 20
const hashesMax = 16_384
const hashBytes = 32
const formatVersion = 1
const kinds = ['compare', 'fetch', 'give', 'renew', 'inherit'] as const

export const question = (kind: Question['kind'], more: Partial<Question> = {}): Question => ({
  kind,
  hashes: [],
  digests: [],
  grants: [],
  revocations: [],
  ...more,
})

export const encodeQuestion = (asked: Question): Uint8Array =>
  encode([
    formatVersion,
    kinds.indexOf(asked.kind),
    packed(asked.hashes),
    packed(asked.digests),
    asked.grants.slice(0, textsMax),
    listsOf(asked.revocations),
  ])

export const encodeReply = (reply: Reply): Uint8Array =>
  encode([formatVersion, reply.grants.slice(0, textsMax), listsOf(reply.revocations), packed(reply.lacking)])

/** @returns null for anything malformed; never throws. */
export function decodeQuestion(bytes: Uint8Array): Question | null {
  const fields = fieldsOf(bytes, 6)
  const kind = kinds[fields?.[1] as number]
  if (fields === null || kind === undefined) return null
  const [hashes, digests] = [unpacked(fields[2]), unpacked(fields[3])]
  const [grants, revocations] = [textsFrom(fields[4]), listsFrom(fields[5])]
  if (hashes === null || digests === null || grants === null || revocations === null) return null
  return { kind, hashes, digests, grants, revocations }
}

/** @returns null for anything malformed; never throws. */
export function decodeReply(bytes: Uint8Array): Reply | null {
  const fields = fieldsOf(bytes, 4)
  if (fields === null) return null
  const [grants, revocations, lacking] = [textsFrom(fields[1]), listsFrom(fields[2]), unpacked(fields[3])]
  if (grants === null || revocations === null || lacking === null) return null
  return { grants, revocations, lacking }
}

function fieldsOf(bytes: Uint8Array, length: number): unknown[] | null {
  if (bytes.length > messageBytesMax) return null
  try {
    const fields: unknown = decode(bytes, { strict: true, allowIndefinite: false, allowBigInt: false })
    const isOurs = Array.isArray(fields) && fields.length === length && fields[0] === formatVersion
    return isOurs ? fields : null
  } catch {
    return null
  }
}

const listsOf = (lists: readonly RevocationText[]) =>
  lists.slice(0, listsMax).map(({ text, delegate }) => [text, delegate])

const packed = (hashes: readonly Digest[]): Uint8Array =>
  Uint8Array.from(Buffer.from(hashes.slice(0, hashesMax).join(''), 'hex'))

function unpacked(value: unknown): Digest[] | null {
  if (!(value instanceof Uint8Array) || value.length % hashBytes !== 0) return null
  if (value.length > hashesMax * hashBytes) return null
  const hex = Buffer.from(value).toString('hex')
  const digits = 2 * hashBytes
  return Array.from(
    { length: value.length / hashBytes },
    (_, at) => hex.slice(at * digits, (at + 1) * digits) as Digest,
  )
}

function textsFrom(value: unknown): string[] | null {
  if (!Array.isArray(value) || value.length > textsMax) return null
  return value.every(text => typeof text === 'string' && text.length <= chainLengthMax) ? value : null
}

function listsFrom(value: unknown): RevocationText[] | null {
  if (!Array.isArray(value) || value.length > listsMax) return null
  const lists = value.map(listFrom)
  return lists.every(list => list !== null) ? lists : null
}

function listFrom(value: unknown): RevocationText | null {
  const [text, delegate] = Array.isArray(value) ? value : []
  if (typeof text !== 'string' || text.length > tokenTypes.revocations.lengthMax) return null
  if (delegate === null) return { text, delegate }
  if (typeof delegate !== 'string' || delegate.length > tokenTypes.delegate.lengthMax) return null
  return { text, delegate }
}
