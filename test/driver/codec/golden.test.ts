import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toHex } from '../../../base/bytes.ts'
import type { Ballot, ContextKey, Digest, FleetId, Hlc, PartitionId, PeerId } from '../../../base/ids.ts'
import { controlPartition } from '../../../dht/keyspace.ts'
import type { View } from '../../../dht/view.ts'
import {
  decodeHead,
  decodePartition,
  decodeStoredView,
  encodeChange,
  viewChange,
} from '../../../node/driver/codec/records.ts'
import { decodeFrame, encodeFrame } from '../../../node/driver/codec/wire.ts'
import type { PeerMessage } from '../../../node/peer/fleet-messages.ts'
import type { Value, VersionRecord } from '../../../replication/messages.ts'
import type { Change } from '../../../replication/records.ts'
import { diskGolden, headGolden1, partitionGolden1, viewGolden, wireGolden } from './golden.ts'

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
const untrimmed: Value = { ...value, parent: null, kind: 'tombstone', expiresAtMs: 0, data: null }
const bare: Value = { ...untrimmed, keptFrom: parent }
const asked = { id: 300, epoch: 2, key }
const ofDuty = { id: 300, epoch: 2, partition: 255 as PartitionId, token: 5 }

const [p1, p2, p3] = ['12D3KooWone', '12D3KooWtwo', '12D3KooWthree'] as [PeerId, PeerId, PeerId]
const view: View = {
  fleet: 'fe'.repeat(32) as FleetId,
  epoch: 400,
  replicas: 2,
  members: [
    { id: p1, name: 'p1', weight: 1, zone: 'z1' },
    { id: p2, name: 'p2', weight: 0.5, zone: 'z2' },
    { id: p3, name: 'p3', weight: 1, zone: 'z1' },
  ],
  partitions: [
    { epoch: 1, stage: 'stable', owners: [p1, p2], nextOwners: [] },
    { epoch: 300, stage: 'joint', owners: [p2, p1], nextOwners: [p3, p1], entered: { [p1]: 7, [p3]: 299 } },
  ],
  control: { epoch: 2, stage: 'learn', owners: [p1], nextOwners: [p1, p3], entered: { [p3]: 2 } },
  leaving: [p2],
  former: ['12D3KooWgone' as PeerId],
  pending: [
    { partition: 0 as PartitionId, owners: [p1, p3] },
    { partition: controlPartition, owners: [p3] },
  ],
  moves: { paused: true, bytesPerSecond: 1000, atOnceMax: 32, replaceAfterMs: 60_000 },
  token: 5,
}

const sampleMessages: { readonly [K in PeerMessage['kind']]: Extract<PeerMessage, { kind: K }> } = {
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
  scanAsked: {
    kind: 'scanAsked',
    id: 300,
    epoch: 2,
    partition: 255 as PartitionId,
    after: key,
    limit: 20,
  },
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
  floorsAsked: { kind: 'floorsAsked', id: 300, epoch: 2, partition: controlPartition },
  floors: { kind: 'floors', id: 300, ceiling: ballot, gcFloor: ballot, tsFloor: version },
  viewAsked: { kind: 'viewAsked', epoch: 400 },
  viewTold: { kind: 'viewTold', view },
  health: { kind: 'health', report: { sequence: 9, suspected: [{ peer: p2, forMs: 1500 }] } },
  dutyOrdered: {
    kind: 'dutyOrdered',
    name: 'compaction',
    token: 5,
    run: 300,
    timeoutMs: 5000,
    state: Uint8Array.of(1, 2, 3),
  },
  dutyStopped: { kind: 'dutyStopped', name: 'compaction', token: 5, run: 300 },
  dutyEnded: { kind: 'dutyEnded', name: 'compaction', token: 5, run: 300, outcome: 'more', state: null },
  replaceAsked: { kind: 'replaceAsked', id: p3, name: 'p2' },
  clockAsked: { kind: 'clockAsked' },
  clockTold: { kind: 'clockTold', wallMs: 1_700_000_000_000, epoch: 300, members: 5 },
  beat: {
    kind: 'beat',
    epoch: 400,
    reports: [{ partition: 1 as PartitionId, epoch: 300, state: 'copied' }],
  },
  gather: { kind: 'gather', ...ofDuty, keys: [{ key, accepted: ballot }] },
  gathered: { kind: 'gathered', id: 300, keys: [{ key, isDead: true, promised: ballot }] },
  collect: { kind: 'collect', ...ofDuty, floor: ballot, keys: [{ key, accepted: ballot }] },
  collected: { kind: 'collected', id: 300, dropped: 1 },
  digestAsked: { kind: 'digestAsked', ...ofDuty },
  digest: { kind: 'digest', id: 300, buckets: ['0123456789abcdef'] },
}

const partitionRecord = {
  epoch: 2,
  ceiling: ballot,
  gcFloor: ballot,
  tsFloor: version,
  damagedBelow: ballot,
}

const sampleChanges: { readonly [K in Change['kind']]: Extract<Change, { kind: K }> } = {
  head: { kind: 'head', key, head: { accepted: ballot, value: bare } },
  headDropped: { kind: 'headDropped', key },
  version: { kind: 'version', key, record },
  partition: {
    kind: 'partition',
    partition: 255 as PartitionId,
    record: { ...partitionRecord, since: 300, copied: false },
  },
  versionDropped: { kind: 'versionDropped', key, version },
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

test('the disk format of the view stands', () => {
  const made = viewChange(view)
  assert.ok(made.kind === 'put')
  assert.equal(`${toHex(made.key)} ${toHex(made.value)}`, viewGolden)
  assert.deepStrictEqual(decodeStoredView(made.value), view)
})

// Goal: a peer that was stopped before there were moves starts again. Method: the bytes that release 0.1 wrote.
test('a partition record of format 1 is that of an owner from the start', () => {
  const [diskKey, stored] = partitionGolden1.split(' ').map(text => Buffer.from(text, 'hex'))
  assert.deepStrictEqual(decodePartition(diskKey!, stored!), { ...partitionRecord, since: 1, copied: true })
})

// Goal: a peer that was stopped before histories were trimmed starts again. Method: the bytes that release 0.1 wrote.
test('a head of format 1 keeps all of its history', () => {
  const [diskKey, stored] = headGolden1.split(' ').map(text => Buffer.from(text, 'hex'))
  assert.deepStrictEqual(decodeHead(diskKey!, stored!), { accepted: ballot, value: untrimmed })
})
