import type { Ballot, ContextKey, Digest, Hlc, Version } from '../../../base/ids.ts'
import {
  type RecentOperation,
  recentOpsMax,
  type Value,
  type VersionRecord,
} from '../../../replication/messages.ts'
import { blob, type Codec, hex, list, oneOf, optional, struct, varint } from './binary.ts'

/** Largest envelope, in bytes: a context of 1 MiB, sealed, padded and signed. */
export const dataBytesMax = 1024 * 1024 + 64 * 1024

/** Shapes that the wire and the disk share. A change here is a new version of both formats. */
export const contextKey = hex<ContextKey>(32)
export const version = hex<Version>(12)
export const ballot = hex<Ballot>(16)
export const hlc = hex<Hlc>(12)
export const digest = hex<Digest>(32)
export const data = blob(dataBytesMax)
export const valueKind = oneOf(['live', 'tombstone'])

const recentOps: Codec<readonly RecentOperation[]> = list(
  struct({ id: hlc, answer: oneOf(['written', 'conflict', 'moved']) }),
  recentOpsMax,
)

const description = {
  version,
  parent: optional(version),
  kind: valueKind,
  hash: digest,
  expiresAtMs: varint,
}

export const versionRecord: Codec<VersionRecord> = struct({ ...description, data: optional(data) })

export const value: Codec<Value> = struct({
  ...description,
  recentOps,
  opsFloor: hlc,
  data: optional(data),
})

/** A value whose data is kept elsewhere; reads back with `data: null`. */
export const bareValue = struct({ ...description, recentOps, opsFloor: hlc })
