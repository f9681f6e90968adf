import fc from 'fast-check'
import { toHex } from '../../../base/bytes.ts'
import type { Ballot, ContextKey, Digest, Hlc, PartitionId, PeerId } from '../../../base/ids.ts'
import { controlPartition } from '../../../dht/keyspace.ts'
import { runOutcomes } from '../../../election/duty-record.ts'
import { forMaxMs } from '../../../election/report.ts'
import type { PeerMessage } from '../../../node/peer/fleet-messages.ts'
import type { Operation, Outcome, Value, VersionRecord } from '../../../replication/messages.ts'
import type { Change } from '../../../replication/records.ts'
import { views } from '../../dht/views.ts'

/** Random well-formed messages and changes of every kind. A new kind fails to compile until it has one here. */
const hex = <T extends string>(bytes: number): fc.Arbitrary<T> =>
  fc.uint8Array({ minLength: bytes, maxLength: bytes }).map(value => Buffer.from(value).toString('hex') as T)

export const contextKey = hex<ContextKey>(32)
export const ballot = hex<Ballot>(16)
export const hlc = hex<Hlc>(12)
const digest = hex<Digest>(32)
const number = fc.oneof(fc.nat(300), fc.maxSafeNat())
const data = fc.uint8Array({ maxLength: 200 })
const valueKind = fc.constantFrom('live' as const, 'tombstone' as const)
const orNull = <T>(item: fc.Arbitrary<T>) => fc.option(item, { nil: null })
export const peerId = fc.stringMatching(/^12D3KooW[1-9A-HJ-NP-Za-km-z]{5,44}$/)

const description = {
  version: hlc,
  parent: orNull(hlc),
  kind: valueKind,
  hash: digest,
  expiresAtMs: number,
  data: orNull(data),
}
export const versionRecord: fc.Arbitrary<VersionRecord> = fc.record(description, { noNullPrototype: true })
const untrimmed: fc.Arbitrary<Value> = record({
  ...description,
  recentOps: fc.array(
    record({ id: hlc, answer: fc.constantFrom('written' as const, 'conflict' as const, 'moved' as const) }),
    { maxLength: 8 },
  ),
  opsFloor: hlc,
})
export const value: fc.Arbitrary<Value> = fc
  .tuple(untrimmed, orNull(hlc))
  .map(([all, keptFrom]) => (keptFrom === null ? all : { ...all, keptFrom }))

function record<T>(fields: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> {
  return fc.record<T>(fields, { noNullPrototype: true })
}

type OfKind<U extends { kind: string }, K extends U['kind']> = Extract<U, { kind: K }>
type Kinds<U extends { kind: string }> = { [K in U['kind']]: fc.Arbitrary<OfKind<U, K>> }
const of = <K extends string, T>(kind: K, fields: { [N in keyof T]: fc.Arbitrary<T[N]> }) =>
  record<{ kind: K } & T>({ kind: fc.constant(kind), ...fields } as never)
const any = <U extends { kind: string }>(kinds: Kinds<U>): fc.Arbitrary<U> =>
  fc.oneof(...(Object.values(kinds) as fc.Arbitrary<U>[]))

const operations: Kinds<Operation> = {
  write: of('write', {
    id: hlc,
    attempt: number,
    key: contextKey,
    expect: fc.oneof(fc.constantFrom('any' as const, 'none' as const), hlc),
    parent: fc.option(hlc),
    value: record({ kind: valueKind, hash: digest, expiresAtMs: number, data }),
    epoch: orNull(number),
  }),
  read: of('read', { key: contextKey }),
  history: of('history', { key: contextKey, from: orNull(hlc), limit: number }),
  trim: of('trim', { key: contextKey, keepFrom: hlc }),
}

const records = fc.array(versionRecord, { maxLength: 4 })
const outcomes: Kinds<Outcome> = {
  written: of('written', { version: hlc, parent: orNull(hlc), acks: number, replicas: number }),
  found: of('found', { value }),
  absent: fc.constant({ kind: 'absent' }),
  conflict: of('conflict', { current: orNull(hlc) }),
  moved: of('moved', { current: orNull(hlc), live: fc.boolean(), floor: hlc }),
  versions: of('versions', { records, next: orNull(hlc) }),
  trimmed: of('trimmed', { keptFrom: hlc }),
  unknown: fc.constant({ kind: 'unknown' }),
  unreached: fc.constant({ kind: 'unreached' }),
  elsewhere: of('elsewhere', {
    reason: fc.constantFrom(
      'notOwner' as const,
      'overloaded' as const,
      'invalid' as const,
      'closing' as const,
    ),
  }),
}

const asked = { id: number, epoch: number, key: contextKey }
const answered = { accepted: ballot, value: orNull(value), gcFloor: ballot }
const partition = fc.oneof(
  fc.nat(4095).map(id => id as PartitionId),
  fc.constant(controlPartition),
)
const ofDuty = { id: number, epoch: number, partition, token: number }
const deadKeys = fc.array(record({ key: contextKey, accepted: ballot }), { maxLength: 4 })
const duty = { name: fc.stringMatching(/^[a-z-]{1,64}$/), token: number, run: number }
export const messages: Kinds<PeerMessage> = {
  prepare: of('prepare', { ...asked, ballot, withData: fc.boolean() }),
  promise: of('promise', {
    id: number,
    key: contextKey,
    granted: fc.boolean(),
    promised: ballot,
    ...answered,
  }),
  accept: of('accept', { ...asked, ballot, value, next: ballot }),
  accepted: of('accepted', {
    id: number,
    granted: fc.boolean(),
    nextGranted: fc.boolean(),
    promised: ballot,
  }),
  query: of('query', { ...asked, withData: fc.boolean() }),
  report: of('report', { id: number, key: contextKey, ...answered }),
  refused: of('refused', {
    id: number,
    epoch: number,
    reason: fc.constantFrom(
      ...([
        'stale',
        'ahead',
        'notOwner',
        'damaged',
        'drift',
        'invalid',
        'outdated',
      ] as const satisfies readonly string[]),
    ),
  }),
  replay: of('replay', { ...asked, ballot, value }),
  backfill: of('backfill', { id: number, key: contextKey, record: versionRecord }),
  chainAsked: of('chainAsked', { id: number, key: contextKey, from: hlc, limit: number }),
  chain: of('chain', { id: number, key: contextKey, records }),
  scanAsked: of('scanAsked', {
    id: number,
    epoch: number,
    partition,
    after: orNull(contextKey),
    limit: number,
  }),
  scanPage: of('scanPage', {
    id: number,
    entries: fc.array(record({ key: contextKey, accepted: ballot, value: orNull(value) }), { maxLength: 4 }),
    done: fc.boolean(),
  }),
  request: of('request', { id: number, timeoutMs: number, operation: any<Operation>(operations) }),
  reply: of('reply', { id: number, outcome: any<Outcome>(outcomes) }),
  floorsAsked: of('floorsAsked', { id: number, epoch: number, partition }),
  floors: of('floors', { id: number, ceiling: ballot, gcFloor: ballot, tsFloor: hlc }),
  viewAsked: of('viewAsked', { epoch: number }),
  viewTold: of('viewTold', { view: views({ most: 6 }) }),
  health: of('health', {
    report: record({
      sequence: fc.nat(),
      suspected: fc.uniqueArray(record({ peer: peerId.map(id => id as PeerId), forMs: fc.nat(forMaxMs) }), {
        selector: ({ peer }) => peer,
        maxLength: 4,
      }),
    }),
  }),
  dutyOrdered: of('dutyOrdered', { ...duty, timeoutMs: number, state: data }),
  dutyStopped: of('dutyStopped', duty),
  dutyEnded: of('dutyEnded', { ...duty, outcome: fc.constantFrom(...runOutcomes), state: orNull(data) }),
  clockAsked: fc.constant({ kind: 'clockAsked' }),
  clockTold: of('clockTold', {
    wallMs: fc.nat(2 ** 31).map(seconds => seconds * 65_537),
    epoch: number,
    members: number,
  }),
  replaceAsked: of('replaceAsked', {
    id: peerId.map(id => id as PeerId),
    name: fc.stringMatching(/^[a-z0-9.-]{1,63}$/),
  }),
  beat: of('beat', {
    epoch: number,
    reports: fc.array(
      record({
        partition,
        epoch: number,
        state: fc.constantFrom(
          ...(['entering', 'copying', 'copied', 'synced'] as const satisfies readonly string[]),
        ),
      }),
      { maxLength: 4 },
    ),
  }),
  gather: of('gather', { ...ofDuty, keys: deadKeys }),
  gathered: of('gathered', {
    id: number,
    keys: fc.array(record({ key: contextKey, isDead: fc.boolean(), promised: ballot }), { maxLength: 4 }),
  }),
  collect: of('collect', { ...ofDuty, floor: ballot, keys: deadKeys }),
  collected: of('collected', { id: number, dropped: number }),
  digestAsked: of('digestAsked', ofDuty),
  digest: of('digest', {
    id: number,
    buckets: fc.array(
      fc.uint8Array({ minLength: 8, maxLength: 8 }).map(bytes => toHex(bytes)),
      { maxLength: 256 },
    ),
  }),
}
export const message = any<PeerMessage>(messages)
export const frame = record({ clock: hlc, messages: fc.array(message, { maxLength: 5 }) })

const hint = record({ peer: peerId, key: contextKey, version: hlc })
export const changes: Kinds<Change> = {
  head: of('head', {
    key: contextKey,
    head: record({ accepted: ballot, value: value.map(full => ({ ...full, data: null })) }),
  }),
  headDropped: of('headDropped', { key: contextKey }),
  version: of('version', { key: contextKey, record: versionRecord }),
  partition: of('partition', {
    partition,
    record: record({
      epoch: number,
      ceiling: ballot,
      gcFloor: ballot,
      tsFloor: hlc,
      damagedBelow: ballot,
      since: number,
      copied: fc.boolean(),
    }),
  }),
  versionDropped: of('versionDropped', { key: contextKey, version: hlc }),
  hint: of('hint', { hint }),
  hintDone: of('hintDone', { hint }),
}
