import { decode, encode } from 'cborg'
import { fromHex, toHex } from '../../base/bytes.ts'
import { type ContextKey, isControlKey, type PartitionId, type Version } from '../../base/ids.ts'
import { envelopeBytesMax } from '../../crypto/envelope-codec.ts'

/*
 * What agents ask members about what there is, to keep a copy of what their grant lets them find (docs/FORMATS.md).
 * The fields of a question follow its kind; an answer is the CBOR of its body. What a member says here is a hint where to
 * look: a context is what its author signed, and an envelope says by itself which key and version it is.
 */

/** Caps of one question and one answer. */
export const copyLimits = {
  /** Neighbouring partitions that are gone through together: most of the cost of a few contexts is to ask. */
  runMax: 32,
  /** Heads that a member looks at for one page. */
  headsAtOnce: 256,
  /** Of the versions that it looks at for that. */
  lookedBytesMax: 8 * 2 ** 20,
  /** Batches of its disk that a member looks at for one page of changes. */
  stepsAtOnce: 16,
  /** Contexts in one answer. */
  entriesMax: 8_192,
  /** Contexts that versions are asked of at once. */
  wantedMax: 64,
  /** Versions in one answer. */
  versionsMax: 256,
  /** Of all versions in one answer, once there is one. */
  versionsBytesMax: 4 * 2 ** 20,
} as const

/** A context as a member has it. */
export type CopiedHead = {
  readonly key: ContextKey
  /** What stands; null: nothing that who asks may find, where there was something before. */
  readonly version: Version | null
  /** The oldest version that is kept; null where all are. */
  readonly keptFrom: Version | null
}

/** A version and what it replaced, down to one that is there already: that one is not wanted any more. */
export type WantedVersions = {
  readonly key: ContextKey
  readonly from: Version
  readonly until: Version | null
}

export type CopyQuestion =
  /** What became of contexts behind a number of the member's own; null: nothing, only how it stands. */
  | { readonly kind: 'changes'; readonly after: number | null }
  /** What stands in a run of partitions, in the order of the key space, behind a key. */
  | {
      readonly kind: 'heads'
      readonly first: PartitionId
      readonly last: PartitionId
      readonly after: ContextKey | null
    }
  | { readonly kind: 'versions'; readonly wanted: readonly WantedVersions[] }

export type Changes = {
  /** Number of the newest change there. */
  readonly last: number
  /** Partitions that the member has whole, ascending. */
  readonly partitions: readonly PartitionId[]
  /** How far this answer goes; null: that cannot be told from there, and all is to be looked through. */
  readonly through: number | null
  readonly heads: readonly CopiedHead[]
}

export type HeadsPage = {
  /** What stands up to this key is in the page; null: up to the end of the run. */
  readonly through: ContextKey | null
  readonly heads: readonly CopiedHead[]
}

export type VersionsPage = {
  /** What is wanted behind the last of them did not fit. */
  readonly more: boolean
  /** In the order of what was wanted; the versions of a key newest first. */
  readonly envelopes: readonly Uint8Array[]
}

const partitionsMax = 4_096

export function copyFields(asked: CopyQuestion): unknown[] {
  switch (asked.kind) {
    case 'changes':
      return [asked.after]
    case 'heads':
      return [asked.first, asked.last, bytesOrNull(asked.after)]
    case 'versions':
      return [asked.wanted.map(({ key, from, until }) => [fromHex(key), fromHex(from), bytesOrNull(until)])]
  }
}

/** @param fields - behind the kind. @returns null for anything malformed; never throws. */
export function copyQuestionFrom(
  kind: CopyQuestion['kind'],
  fields: readonly unknown[],
): CopyQuestion | null {
  const [a, b, c] = fields
  switch (kind) {
    case 'changes':
      return fields.length === 1 && (a === null || isCount(a)) ? { kind, after: a as number | null } : null
    case 'heads': {
      const after = keyOrNull(c)
      if (fields.length !== 3 || !isPartition(a) || !isPartition(b) || after === undefined) return null
      return a <= b && b - a < copyLimits.runMax ? { kind, first: a, last: b, after } : null
    }
    case 'versions': {
      if (fields.length !== 1 || !Array.isArray(a) || a.length > copyLimits.wantedMax) return null
      const wanted = a.map(wantedFrom)
      return wanted.every(each => each !== null) ? { kind, wanted } : null
    }
  }
}

function wantedFrom(value: unknown): WantedVersions | null {
  const fields = Array.isArray(value) ? (value as unknown[]) : []
  const [key, from, until] = [keyOrNull(fields[0]), versionOrNull(fields[1]), versionOrNull(fields[2])]
  if (fields.length !== 3 || !key || !from || until === undefined) return null
  return { key, from, until }
}

export const encodeChanges = ({ last, partitions, through, heads }: Changes): Uint8Array =>
  encode([last, partitions, through, heads.map(headFields)])

/** @returns null for anything malformed; never throws. */
export function decodeChanges(bytes: Uint8Array): Changes | null {
  const fields = arrayOf(bytes, 4)
  if (fields === null) return null
  const [last, partitions, through] = fields
  const heads = headsFrom(fields[3])
  if (!isCount(last) || (through !== null && !isCount(through)) || heads === null) return null
  if (!Array.isArray(partitions) || partitions.length > partitionsMax) return null
  if (!partitions.every((each, at) => isPartition(each) && (at === 0 || each > partitions[at - 1])))
    return null
  return { last, partitions: partitions as PartitionId[], through: through as number | null, heads }
}

export const encodeHeads = ({ through, heads }: HeadsPage): Uint8Array =>
  encode([bytesOrNull(through), heads.map(headFields)])

/** @returns null for anything malformed; never throws. */
export function decodeHeads(bytes: Uint8Array): HeadsPage | null {
  const fields = arrayOf(bytes, 2)
  const through = keyOrNull(fields?.[0])
  const heads = headsFrom(fields?.[1])
  return fields === null || through === undefined || heads === null ? null : { through, heads }
}

export const encodeVersions = ({ more, envelopes }: VersionsPage): Uint8Array => encode([more, envelopes])

/** @returns null for anything malformed; never throws. */
export function decodeVersions(bytes: Uint8Array): VersionsPage | null {
  const [more, envelopes] = arrayOf(bytes, 2) ?? []
  if (typeof more !== 'boolean' || !Array.isArray(envelopes)) return null
  const isEnvelope = (each: unknown) => each instanceof Uint8Array && each.length <= envelopeBytesMax
  if (envelopes.length > copyLimits.versionsMax || !envelopes.every(isEnvelope)) return null
  return { more, envelopes }
}

const headFields = ({ key, version, keptFrom }: CopiedHead): unknown[] => [
  fromHex(key),
  bytesOrNull(version),
  bytesOrNull(keptFrom),
]

function headsFrom(value: unknown): CopiedHead[] | null {
  if (!Array.isArray(value) || value.length > copyLimits.entriesMax) return null
  const heads = value.map(headFrom)
  return heads.every(each => each !== null) ? heads : null
}

function headFrom(value: unknown): CopiedHead | null {
  const fields = Array.isArray(value) ? (value as unknown[]) : []
  const [key, version, keptFrom] = [keyOrNull(fields[0]), versionOrNull(fields[1]), versionOrNull(fields[2])]
  if (fields.length !== 3 || !key || version === undefined || keptFrom === undefined) return null
  // What stands is kept.
  return keptFrom === null || (version !== null && keptFrom <= version) ? { key, version, keptFrom } : null
}

function arrayOf(bytes: Uint8Array, length: number): unknown[] | null {
  const value = decoded(bytes)
  return Array.isArray(value) && value.length === length ? value : null
}

function decoded(bytes: Uint8Array): unknown {
  try {
    return decode(bytes, { strict: true, allowIndefinite: false, allowBigInt: false })
  } catch {
    return null
  }
}

const keyBytes = 32
const versionBytes = 12

const bytesOrNull = (hex: string | null): Uint8Array | null => (hex === null ? null : fromHex(hex))

/** Undefined: neither a key of a context nor null. */
function keyOrNull(value: unknown): ContextKey | null | undefined {
  const key = hexOrNull(value, keyBytes) as ContextKey | null | undefined
  return typeof key === 'string' && isControlKey(key) ? undefined : key
}

const versionOrNull = (value: unknown) => hexOrNull(value, versionBytes) as Version | null | undefined

function hexOrNull(value: unknown, length: number): string | null | undefined {
  if (value === null) return null
  return value instanceof Uint8Array && value.length === length ? toHex(value) : undefined
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0
const isPartition = (value: unknown): value is PartitionId => isCount(value) && value < partitionsMax
