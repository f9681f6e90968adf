import { createHash } from 'node:crypto'
import { ballotFrom, hlcFrom, newClock } from '../../base/hlc.ts'
import {
  type ContextKey,
  type Digest,
  noHlc,
  type PartitionId,
  type PeerId,
  type Version,
} from '../../base/ids.ts'
import { seeded } from '../../base/random.ts'
import { type Considered, consider } from '../../replication/acceptor.ts'
import type { Process } from '../../replication/context.ts'
import { defaultLimits } from '../../replication/limits.ts'
import type { ReplicaMessage, Value, VersionRecord, WriteOperation } from '../../replication/messages.ts'
import { type Acceptor, newAcceptor, type Place } from '../../replication/partition-state.ts'
import type { Change, Head, PartitionRecord, Records } from '../../replication/records.ts'

export const wallMs = 1_800_000_000_000
export const place: Place = { partition: 3 as PartitionId, epoch: 1, accepts: true, since: 1 }
export const key = 'a'.repeat(64) as ContextKey
export const peer = (name: string) => name as PeerId

/** Ballots and versions by a small number: later is higher. */
export const ballotAt = (at: number, tag = 'aaaaaaaa') => ballotFrom(hlcFrom(wallMs + at, 0, tag), 1)
export const versionAt = (at: number, tag = 'aaaaaaaa'): Version => hlcFrom(wallMs + at, 0, tag)

export function valueAt(at: number, more: Partial<Value> = {}): Value {
  const data = new TextEncoder().encode(`value ${at}`)
  return {
    version: versionAt(at),
    parent: null,
    kind: 'live',
    hash: createHash('sha256').update(data).digest('hex') as Digest,
    expiresAtMs: 0,
    data,
    recentOps: [{ id: versionAt(at), answer: 'written' }],
    opsFloor: noHlc,
    ...more,
  }
}

/** A process that is connected to all owners of the one partition there is. */
export function processOf(self: PeerId, owners: readonly PeerId[], epoch: number): Process {
  return {
    self,
    clock: newClock('00000001'),
    incarnation: 1,
    limits: defaultLimits,
    random: seeded(1),
    placeOf: () => ({
      partition: place.partition,
      accepts: owners.includes(self),
      since: 1,
      quorum: { epoch, groups: [owners], targets: owners },
    }),
    connected: new Set(owners),
    suspects: new Map(),
    heard: new Map(),
    wishes: [],
    nextId: 0,
    wakeMs: 0,
  }
}

/** Saved changes in memory, with a way to damage them: the durable side of one replica. */
export class MemoryRecords implements Records {
  readonly heads = new Map<string, Head | 'damaged'>()
  readonly versions = new Map<string, VersionRecord | 'damaged'>()
  readonly partitions = new Map<number, PartitionRecord | 'damaged'>()

  head(of: ContextKey) {
    return this.heads.get(of) ?? null
  }

  version(of: ContextKey, version: Version) {
    return this.versions.get(of + version) ?? null
  }

  partition(partition: PartitionId) {
    return this.partitions.get(partition) ?? null
  }

  save(changes: readonly Change[]): void {
    for (const change of changes) {
      if (change.kind === 'head') this.heads.set(change.key, change.head)
      else if (change.kind === 'headDropped') this.heads.delete(change.key)
      else if (change.kind === 'version') this.versions.set(change.key + change.record.version, change.record)
      else if (change.kind === 'partition') this.partitions.set(change.partition, change.record)
      else if (change.kind === 'versionDropped') this.versions.delete(change.key + change.version)
    }
  }
}

type Ask = Extract<ReplicaMessage, { kind: 'prepare' | 'accept' | 'query' | 'replay' }>

/** One replica that saves at once. `restart` keeps the disk and forgets the memory. */
export class Replica {
  readonly records = new MemoryRecords()
  #acceptor: Acceptor = newAcceptor(this.records, defaultLimits)

  get acceptor(): Acceptor {
    return this.#acceptor
  }

  ask(question: Ask, at = wallMs): Considered {
    const considered = consider(this.#acceptor, question, place, at)
    this.records.save(considered.changes)
    return considered
  }

  /** The answer to a prepare: whether it was granted and what stood there. */
  prepare(ballot: ReturnType<typeof ballotAt>, at = wallMs) {
    return this.ask({ kind: 'prepare', id: 1, epoch: 1, key, ballot, withData: true }, at).reply
  }

  accept(
    ballot: ReturnType<typeof ballotAt>,
    value: Value,
    next = '0'.repeat(32) as typeof ballot,
    at = wallMs,
  ) {
    return this.ask({ kind: 'accept', id: 1, epoch: 1, key, ballot, value, next }, at).reply
  }

  query(withData = true) {
    return this.ask({ kind: 'query', id: 1, epoch: 1, key, withData }).reply
  }

  restart(): void {
    this.#acceptor = newAcceptor(this.records, defaultLimits)
  }
}

/** A write of `valueAt(at)`. */
export function writeAt(
  at: number,
  expect: WriteOperation['expect'],
  parent: WriteOperation['parent'],
  kind: 'live' | 'tombstone' = 'live',
): WriteOperation {
  const { hash, data } = valueAt(at)
  const value = { kind, hash: hash as Digest, expiresAtMs: 0, data: data! }
  return { kind: 'write', id: versionAt(at), attempt: 1, key, expect, parent, value, epoch: null }
}
