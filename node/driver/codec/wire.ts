import type { Hlc, PeerId } from '../../../base/ids.ts'
import { runOutcomes, stateBytesMax } from '../../../election/duty-record.ts'
import { decodeReport, encodeReport, type Report } from '../../../election/report.ts'
import { bucketCount } from '../../../replication/digest.ts'
import type { BucketSum, Operation, Outcome } from '../../../replication/messages.ts'
import { type PeerMessage, reportsMax } from '../../peer/fleet-messages.ts'
import {
  ascii,
  blob,
  type Codec,
  flag,
  hex,
  instantMs,
  list,
  oneOf,
  oneOfOr,
  optional,
  spanMs,
  struct,
  tagged,
  varint,
} from './binary.ts'
import { DecodeError, Reader } from './reader.ts'
import {
  ballot,
  contextKey,
  data,
  digest,
  hlc,
  value,
  valueKind,
  version,
  versionRecord,
} from './replica-shapes.ts'
import { anyPartition, viewField } from './view.ts'
import { Writer } from './writer.ts'

/** First byte of every frame. docs/FORMATS.md says what may change within a version. */
export const wireVersion = 2
/** Most messages in one frame. */
export const frameMessagesMax = 4096
/** Most records in a chain or entries in a page of a scan, in one message. */
export const listedRecordsMax = 256
/** Bytes of one report of suspicions: all of a fleet of 1024 members. */
const reportBytesMax = 160 * 1024

/** What one process sends another in one piece. The network says who sent it. */
export type Frame = {
  /** The sender's hybrid logical clock when it sent (rule 13). */
  readonly clock: Hlc
  readonly messages: readonly PeerMessage[]
}

const records = list(versionRecord, listedRecordsMax)

const operation: Codec<Operation> = tagged({
  write: {
    tag: 1,
    fields: {
      id: hlc,
      attempt: varint,
      key: contextKey,
      expect: oneOfOr(['any', 'none'], version),
      parent: optional(version),
      value: struct({ kind: valueKind, hash: digest, expiresAtMs: varint, data }),
      epoch: optional(varint),
    },
  },
  read: { tag: 2, fields: { key: contextKey } },
  history: { tag: 3, fields: { key: contextKey, from: optional(version), limit: varint } },
  trim: { tag: 4, fields: { key: contextKey, keepFrom: version } },
})

const reportBytes = blob(reportBytesMax)
const report: Codec<Report> = {
  write: (out, value) => reportBytes.write(out, encodeReport(value)),
  read: input => {
    const found = decodeReport(reportBytes.read(input))
    if (found === null) throw new DecodeError('no report of suspicions')
    return found
  },
}

const peerText = ascii<PeerId>(128)
const shortText = ascii<string>(63)
const dutyName = ascii<string>(64)
const dutyState = blob(stateBytesMax)

const outcome: Codec<Outcome> = tagged({
  written: { tag: 1, fields: { version, parent: optional(version), acks: varint, replicas: varint } },
  found: { tag: 2, fields: { value } },
  absent: { tag: 3, fields: {} },
  conflict: { tag: 4, fields: { current: optional(version) } },
  moved: { tag: 5, fields: { current: optional(version), live: flag, floor: hlc } },
  versions: { tag: 6, fields: { records, next: optional(version) } },
  unknown: { tag: 7, fields: {} },
  unreached: { tag: 8, fields: {} },
  trimmed: { tag: 10, fields: { keptFrom: version } },
  elsewhere: { tag: 9, fields: { reason: oneOf(['notOwner', 'overloaded', 'invalid', 'closing']) } },
})

const answered = { accepted: ballot, value: optional(value), gcFloor: ballot }
const asked = { id: varint, epoch: varint, key: contextKey }

const ofDuty = { id: varint, epoch: varint, partition: anyPartition, token: varint }
const deadKeys = list(struct({ key: contextKey, accepted: ballot }), listedRecordsMax)

const message: Codec<PeerMessage> = tagged({
  prepare: { tag: 1, fields: { ...asked, ballot, withData: flag } },
  promise: { tag: 2, fields: { id: varint, key: contextKey, granted: flag, promised: ballot, ...answered } },
  accept: { tag: 3, fields: { ...asked, ballot, value, next: ballot } },
  accepted: { tag: 4, fields: { id: varint, granted: flag, nextGranted: flag, promised: ballot } },
  query: { tag: 5, fields: { ...asked, withData: flag } },
  report: { tag: 6, fields: { id: varint, key: contextKey, ...answered } },
  refused: {
    tag: 7,
    fields: {
      id: varint,
      epoch: varint,
      reason: oneOf(['stale', 'ahead', 'notOwner', 'damaged', 'drift', 'invalid', 'outdated']),
    },
  },
  replay: { tag: 8, fields: { ...asked, ballot, value } },
  backfill: { tag: 9, fields: { id: varint, key: contextKey, record: versionRecord } },
  chainAsked: { tag: 10, fields: { id: varint, key: contextKey, from: version, limit: varint } },
  chain: { tag: 11, fields: { id: varint, key: contextKey, records } },
  scanAsked: {
    tag: 12,
    fields: {
      id: varint,
      epoch: varint,
      partition: anyPartition,
      after: optional(contextKey),
      limit: varint,
    },
  },
  scanPage: {
    tag: 13,
    fields: {
      id: varint,
      entries: list(struct({ key: contextKey, accepted: ballot, value: optional(value) }), listedRecordsMax),
      done: flag,
    },
  },
  request: { tag: 14, fields: { id: varint, timeoutMs: spanMs, operation } },
  reply: { tag: 15, fields: { id: varint, outcome } },
  floorsAsked: { tag: 16, fields: { id: varint, epoch: varint, partition: anyPartition } },
  floors: { tag: 17, fields: { id: varint, ceiling: ballot, gcFloor: ballot, tsFloor: version } },
  viewAsked: { tag: 18, fields: { epoch: varint } },
  viewTold: { tag: 19, fields: { view: viewField } },
  dutyOrdered: {
    tag: 22,
    fields: { name: dutyName, token: varint, run: varint, timeoutMs: spanMs, state: dutyState },
  },
  dutyStopped: { tag: 23, fields: { name: dutyName, token: varint, run: varint } },
  dutyEnded: {
    tag: 24,
    fields: {
      name: dutyName,
      token: varint,
      run: varint,
      outcome: oneOf(runOutcomes),
      state: optional(dutyState),
    },
  },
  replaceAsked: { tag: 25, fields: { id: peerText, name: shortText } },
  clockAsked: { tag: 26, fields: {} },
  clockTold: { tag: 27, fields: { wallMs: instantMs, epoch: varint, members: varint } },
  health: { tag: 21, fields: { report } },
  beat: {
    tag: 20,
    fields: {
      epoch: varint,
      reports: list(
        struct({
          partition: anyPartition,
          epoch: varint,
          state: oneOf(['entering', 'copying', 'copied', 'synced']),
        }),
        reportsMax,
      ),
    },
  },
  gather: { tag: 31, fields: { ...ofDuty, keys: deadKeys } },
  gathered: {
    tag: 32,
    fields: {
      id: varint,
      keys: list(struct({ key: contextKey, isDead: flag, promised: ballot }), listedRecordsMax),
    },
  },
  collect: { tag: 33, fields: { ...ofDuty, floor: ballot, keys: deadKeys } },
  collected: { tag: 34, fields: { id: varint, dropped: varint } },
  digestAsked: { tag: 35, fields: ofDuty },
  digest: { tag: 36, fields: { id: varint, buckets: list(hex<BucketSum>(8), bucketCount) } },
})

const frame: Codec<Frame> = struct({ clock: hlc, messages: list(message, frameMessagesMax) })
const writer = new Writer()

/**
 * @returns bytes of its own, not shared with later frames.
 * @throws InvariantBroken when a list or a blob is above its cap: the peer must not make such a message.
 * Cost: about 5 µs for a message of 4 KB.
 */
export function encodeFrame(content: Frame): Uint8Array {
  writer.clear()
  writer.u8(wireVersion)
  frame.write(writer, content)
  return writer.take()
}

/** @throws DecodeError whatever is wrong with the bytes; nothing of such a frame may be used. */
export function decodeFrame(bytes: Uint8Array): Frame {
  const input = new Reader(bytes)
  const met = input.u8()
  if (met !== wireVersion)
    throw new DecodeError(`wire format version ${met}, this process speaks ${wireVersion}`)
  const content = frame.read(input)
  input.end()
  return content
}
