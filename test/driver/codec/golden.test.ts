import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toHex } from '../../../base/bytes.ts'
import type { Ballot, ContextKey, Digest, Hlc, PartitionId } from '../../../base/ids.ts'
import { encodeChange } from '../../../node/driver/codec/records.ts'
import { decodeFrame, encodeFrame } from '../../../node/driver/codec/wire.ts'
import type { Message, Value, VersionRecord } from '../../../replication/messages.ts'
import type { Change } from '../../../replication/records.ts'
import { diskGolden, wireGolden } from './golden.ts'

// Goal: peers of different releases and disks of earlier ones stay readable: the formats cannot change unnoticed.
// Method: bytes of one message and one record of each kind, kept in golden.ts. When a test here fails, do not
// edit golden.ts: give the format a new version and keep the old bytes decodable.
const key = 'c1'.repeat(32) as ContextKey
const ballot = 'ba'.repeat(16) as Ballot
const clock = '0c'.repeat(12) as Hlc
const version = '5e'.repeat(12) as Hlc
const parent = '4d'.repeat(12) as Hlc
const hash = '7a'.repeat(32) as Digest
const record: VersionRecord = {
  version,
  parent,
  kind: 'live',
  hash,
  expiresAtMs: 1_700_000_000_000,
  data: Uint8Array.of(1, 2, 3),
}
const value: Value = { ...record, recentOps: [{ id: version, answer: 'written' }], opsFloor: parent }
const bare: Value = { ...value, parent: null, kind: 'tombstone', expiresAtMs: 0, data: null }
const asked = { id: 300, epoch: 2, key }

const sampleMessages: { readonly [K in Message['kind']]: Extract<Message, { kind: K }> } = {
  prepare: { kind: 'prepare', ...asked, ballot, withData: true },
  promise: {
    kind: 'promise',
    id: 300,
    key,
    granted: true,
    promised: ballot,
    accepted: ballot,
    value,
    gcFloor: ballot,
  },
  accept: { kind: 'accept', ...asked, ballot, value, next: ballot },
  accepted: { kind: 'accepted', id: 300, granted: true, nextGranted: false, promised: ballot },
  query: { kind: 'query', ...asked, withData: false },
  report: { kind: 'report', id: 300, key, accepted: ballot, value: bare, gcFloor: ballot },
  refused: { kind: 'refused', id: 300, epoch: 2, reason: 'damaged' },
  replay: { kind: 'replay', ...asked, ballot, value },
  backfill: { kind: 'backfill', id: 300, key, record },
  chainAsked: { kind: 'chainAsked', id: 300, key, from: version, limit: 20 },
  chain: { kind: 'chain', id: 300, key, records: [record] },
  scanAsked: { kind: 'scanAsked', id: 300, partition: 255 as PartitionId, after: key, limit: 20 },
  scanPage: { kind: 'scanPage', id: 300, entries: [{ key, accepted: ballot, value: bare }], done: true },
  request: {
    kind: 'request',
    id: 300,
    timeoutMs: 5000,
    operation: {
      kind: 'write',
      id: version,
      attempt: 1,
      epoch: null,
      key,
      expect: 'none',
      parent: null,
      value: { kind: 'live', hash, expiresAtMs: 0, data: Uint8Array.of(1, 2, 3) },
    },
  },
  reply: { kind: 'reply', id: 300, outcome: { kind: 'written', version, parent, acks: 2, replicas: 3 } },
}

const sampleChanges: { readonly [K in Change['kind']]: Extract<Change, { kind: K }> } = {
  head: { kind: 'head', key, head: { accepted: ballot, value: bare } },
  headDropped: { kind: 'headDropped', key },
  version: { kind: 'version', key, record },
  partition: {
    kind: 'partition',
    partition: 255 as PartitionId,
    record: { epoch: 2, ceiling: ballot, gcFloor: ballot, tsFloor: version, damagedBelow: ballot },
  },
  hint: { kind: 'hint', hint: { peer: '12D3KooWpeer', key, version } },
  hintDone: { kind: 'hintDone', hint: { peer: '12D3KooWpeer', key, version } },
}

for (const message of Object.values(sampleMessages)) {
  test(`the wire format of ${message.kind} stands`, () => {
    const frame = { clock, messages: [message] }
    assert.equal(toHex(encodeFrame(frame)), wireGolden[message.kind])
    assert.deepStrictEqual(decodeFrame(Buffer.from(wireGolden[message.kind], 'hex')), frame)
  })
}

for (const change of Object.values(sampleChanges)) {
  test(`the disk format of ${change.kind} stands`, () => {
    const made = encodeChange(change)
    const text = made.kind === 'put' ? `${toHex(made.key)} ${toHex(made.value)}` : toHex(made.key)
    assert.equal(text, diskGolden[change.kind])
  })
}
