import { assert } from '../../../base/assert.ts'
import type { Ballot, ContextKey, Digest, Hlc, Version } from '../../../base/ids.ts'
import {
  type RecentOperation,
  recentOpsMax,
  type Value,
  type VersionRecord,
} from '../../../replication/messages.ts'
import { blob, type Codec, type Decoded, hex, oneOf, optional, struct, varint } from './binary.ts'
import { DecodeError } from './reader.ts'

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

const answers = ['written', 'conflict', 'moved'] as const satisfies readonly RecentOperation['answer'][]
const idDigits = 24
/** Of an id and the byte that names the answer by its place. */
const operationDigits = idDigits + 2

/** As a list of structs, in one piece: a window has many ids, and each by itself costs more than all their bytes. */
const recentOps: Codec<readonly RecentOperation[]> = {
  write: (out, operations) => {
    assert(operations.length <= recentOpsMax, 'a window above its cap')
    out.varint(operations.length)
    let digits = ''
    for (const { id, answer } of operations) {
      const place = answers.indexOf(answer)
      assert(id.length === idDigits && place >= 0, 'an operation has an id and an answer')
      digits += `${id}0${place}`
    }
    out.hex(digits, digits.length / 2)
  },
  read: input => {
    const length = input.varint()
    if (length > recentOpsMax) throw new DecodeError(`a window of ${length} operations`)
    const digits = input.hex((length * operationDigits) / 2)
    const operations: RecentOperation[] = []
    for (let at = 0; at < digits.length; at += operationDigits) {
      const place = Number.parseInt(digits.slice(at + idDigits, at + operationDigits), 16)
      const answer = answers[place]
      if (answer === undefined) throw new DecodeError(`unknown answer ${place}`)
      operations.push({ id: digits.slice(at, at + idDigits) as Hlc, answer })
    }
    return operations
  },
}

const description = {
  version,
  parent: optional(version),
  kind: valueKind,
  hash: digest,
  expiresAtMs: varint,
}

export const versionRecord: Codec<VersionRecord> = struct({ ...description, data: optional(data) })

const window = { recentOps, opsFloor: hlc, keptFrom: optional(version) }
const wholeValue = struct({ ...description, ...window, data: optional(data) })
const valueWithoutData = struct({ ...description, ...window })

/** A field that is absent in memory is null in bytes. Named one by one: taking the rest of an object costs much more. */
function valueWith(
  {
    version,
    parent,
    kind,
    hash,
    expiresAtMs,
    recentOps,
    opsFloor,
    keptFrom,
  }: Decoded<typeof valueWithoutData>,
  data: Value['data'],
): Value {
  const each = { version, parent, kind, hash, expiresAtMs, recentOps, opsFloor, data }
  return keptFrom === null ? each : { ...each, keptFrom }
}

export const value: Codec<Value> = {
  write: (out, each) => wholeValue.write(out, { ...each, keptFrom: each.keptFrom ?? null }),
  read: input => {
    const each = wholeValue.read(input)
    return valueWith(each, each.data)
  },
}

/** A value whose data is kept elsewhere; reads back with `data: null`. */
export const bareValue: Codec<Value> = {
  write: (out, each) => valueWithoutData.write(out, { ...each, keptFrom: each.keptFrom ?? null }),
  read: input => valueWith(valueWithoutData.read(input), null),
}

/** As it was before histories were trimmed. */
export const bareValue1: Codec<Value> = {
  write: (out, each) => untrimmed.write(out, each),
  read: input => ({ ...untrimmed.read(input), data: null }),
}
const untrimmed = struct({ ...description, recentOps, opsFloor: hlc })
