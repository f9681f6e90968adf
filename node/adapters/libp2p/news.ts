import { decode, encode } from 'cborg'
import type { PeerId } from '../../../base/ids.ts'

const formatVersion = 1
const kinds = { epoch: 1, health: 2, checkpoint: 3 } as const
const checkpointBytesMax = 512
const countersMax = 16

/** What peers tell one another without depending on it. No secret, no text of a context. */
export type News =
  /** The author adopted this epoch of the view. */
  | { readonly kind: 'epoch'; readonly epoch: number }
  /** How the author fares: at most 16 counters, names of 1 to 32 letters, digits and `_`. */
  | { readonly kind: 'health'; readonly peer: PeerId; readonly counters: Readonly<Record<string, number>> }
  /** Where the author's audit log has come to: at most 512 bytes, which the receiver checks. */
  | { readonly kind: 'checkpoint'; readonly checkpoint: Uint8Array }

/** CBOR arrays: [1, 1, epoch], [1, 2, peer, names, values] and [1, 3, checkpoint]. */
export function encodeNews(news: News): Uint8Array {
  if (news.kind === 'epoch') return encode([formatVersion, kinds.epoch, news.epoch])
  if (news.kind === 'checkpoint') return encode([formatVersion, kinds.checkpoint, news.checkpoint])
  const entries = Object.entries(news.counters).slice(0, countersMax)
  return encode([
    formatVersion,
    kinds.health,
    news.peer,
    entries.map(([name]) => name),
    entries.map(([, value]) => value),
  ])
}

/** @returns null for anything malformed or of a newer format; never throws. */
export function decodeNews(bytes: Uint8Array): News | null {
  let fields: unknown
  try {
    fields = decode(bytes, { strict: true, allowIndefinite: false, allowBigInt: false })
  } catch {
    return null
  }
  if (!Array.isArray(fields) || fields[0] !== formatVersion) return null
  if (fields[1] === kinds.epoch) return isCount(fields[2]) ? { kind: 'epoch', epoch: fields[2] } : null
  if (fields[1] === kinds.checkpoint) {
    const checkpoint: unknown = fields[2]
    const fits = checkpoint instanceof Uint8Array && checkpoint.length <= checkpointBytesMax
    return fits ? { kind: 'checkpoint', checkpoint } : null
  }
  if (fields[1] !== kinds.health) return null
  const [, , peer, names, values] = fields
  if (typeof peer !== 'string' || !/^[1-9A-HJ-NP-Za-km-z]{10,128}$/.test(peer)) return null
  if (!Array.isArray(names) || !Array.isArray(values)) return null
  if (names.length !== values.length || names.length > countersMax) return null
  if (!names.every(isName) || !values.every(isCount)) return null
  const counters = Object.fromEntries(names.map((name, at) => [name, values[at] as number]))
  return { kind: 'health', peer: peer as PeerId, counters }
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0
const isName = (value: unknown): value is string =>
  typeof value === 'string' && /^[A-Za-z][A-Za-z0-9_]{0,31}$/.test(value)
