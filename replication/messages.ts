import type { Ballot, ContextKey, Digest, Hlc, OperationId, PartitionId, Version } from '../base/ids.ts'

/** `live` holds a sealed context, `tombstone` says that the context was deleted (rule 9). */
export type ValueKind = 'live' | 'tombstone'

/** What an operation was answered, kept beside its id so that a retry gets the same answer (rule 5). */
export type RecordedAnswer = 'written' | 'conflict' | 'moved'

export type RecentOperation = { readonly id: OperationId; readonly answer: RecordedAnswer }

/** The stable part of one version: what its author made. The same bytes on every replica. */
export type VersionRecord = {
  /** Equal to the id of the operation that wrote it. */
  readonly version: Version
  /** Version that it replaced, a tombstone's too; null over an absent key. */
  readonly parent: Version | null
  readonly kind: ValueKind
  /** SHA-256 of `data`; checked by the driver before a value reaches the peer. */
  readonly hash: Digest
  /** Wall-clock milliseconds after which readers treat it as gone; 0 for never. */
  readonly expiresAtMs: number
  /** The encoded envelope; null where only the description travels. */
  readonly data: Uint8Array | null
}

/** The value of a register: a version and the window of operations carried out on the key. */
export type Value = VersionRecord & {
  /** Newest last, at most `recentOpsMax`. */
  readonly recentOps: readonly RecentOperation[]
  /** Highest operation id that left `recentOps`, or the gcFloor's HLC of a key that was absent. */
  readonly opsFloor: Hlc
  /** The oldest version of the history that is kept; never lower again. Absent where all are. */
  readonly keptFrom?: Version
}

export const recentOpsMax = 8

/** Semantic precondition: `any` value, `none` (absent, deleted or expired), or exactly this live version. */
export type Expected = 'any' | 'none' | Version

export type WriteOperation = {
  readonly kind: 'write'
  /** Becomes the version when it is carried out. */
  readonly id: OperationId
  /** From 1; a retry of the same operation carries the next number (rule 5). */
  readonly attempt: number
  readonly key: ContextKey
  readonly expect: Expected
  /** The version that the sealed bytes are bound to. Null: an absent key. */
  readonly parent: Version | null
  readonly value: {
    readonly kind: ValueKind
    readonly hash: Digest
    readonly expiresAtMs: number
    readonly data: Uint8Array
  }
  /**
   * The epoch of its partition in which alone it may be carried out; null for any. A change of the view is proposed
   * under the quorums of the view that it changes, and no others (rule 10).
   */
  readonly epoch: number | null
}

export type ReadOperation = { readonly kind: 'read'; readonly key: ContextKey }

/** Walks the parent chain from `from` (null: from the current version), newest first, tombstones included. */
export type HistoryOperation = {
  readonly kind: 'history'
  readonly key: ContextKey
  readonly from: Version | null
  readonly limit: number
}

/**
 * Keeps nothing of the history below a version, and that one. What stands is always kept. The same again, or a lower one,
 * changes nothing.
 */
export type TrimOperation = { readonly kind: 'trim'; readonly key: ContextKey; readonly keepFrom: Version }

export type Operation = WriteOperation | ReadOperation | HistoryOperation | TrimOperation

export type Outcome =
  | {
      readonly kind: 'written'
      readonly version: Version
      readonly parent: Version | null
      readonly acks: number
      readonly replicas: number
    }
  /** A tombstone is found too; who asked decides what it means. `data` is present. */
  | { readonly kind: 'found'; readonly value: Value }
  | { readonly kind: 'absent' }
  /** The semantic precondition failed, confirmed by a quorum. `current` is null when nothing lives there. */
  | { readonly kind: 'conflict'; readonly current: Version | null }
  /** Nothing was written: the bytes are bound to another parent, or the id is not above `current`. Seal again. */
  | { readonly kind: 'moved'; readonly current: Version | null; readonly live: boolean; readonly floor: Hlc }
  /** `records` newest first with data; `next` continues the walk, null at its end. */
  | { readonly kind: 'versions'; readonly records: readonly VersionRecord[]; readonly next: Version | null }
  /** A majority keeps nothing below `keptFrom` from now on. */
  | { readonly kind: 'trimmed'; readonly keptFrom: Version }
  /** A write that may or may not have been carried out. */
  | { readonly kind: 'unknown' }
  /** No quorum answered and nothing can have been written. */
  | { readonly kind: 'unreached' }
  /** The peer that was asked cannot serve this; ask another owner. Nothing was written by this attempt. */
  | { readonly kind: 'elsewhere'; readonly reason: 'notOwner' | 'overloaded' | 'invalid' | 'closing' }

/** `outdated`: a leader with a higher token was here before (rule 11). */
export type RefusalReason = 'stale' | 'ahead' | 'notOwner' | 'damaged' | 'drift' | 'invalid' | 'outdated'

/** A key that is to be collected, and the ballot of what is dead there (rule 9). */
export type DeadKey = { readonly key: ContextKey; readonly accepted: Ballot }

/** Protocol between replicas. `id` pairs an answer with its question; a sender never uses one again, in no boot. */
export type ReplicaMessage =
  | CollectionMessage
  | DigestMessage
  | {
      readonly kind: 'prepare'
      readonly id: number
      readonly epoch: number
      readonly key: ContextKey
      readonly ballot: Ballot
      readonly withData: boolean
    }
  /** Answer to prepare. Not granted: `promised` is what stands in the way. `gcFloor` bounds a new version over an absent key. */
  | {
      readonly kind: 'promise'
      readonly id: number
      readonly key: ContextKey
      readonly granted: boolean
      readonly promised: Ballot
      readonly accepted: Ballot
      readonly value: Value | null
      readonly gcFloor: Ballot
    }
  /** `next` is a prepare carried out right after (rule 2); noBallot asks for none. */
  | {
      readonly kind: 'accept'
      readonly id: number
      readonly epoch: number
      readonly key: ContextKey
      readonly ballot: Ballot
      readonly value: Value
      readonly next: Ballot
    }
  | {
      readonly kind: 'accepted'
      readonly id: number
      readonly granted: boolean
      readonly nextGranted: boolean
      readonly promised: Ballot
    }
  | {
      readonly kind: 'query'
      readonly id: number
      readonly epoch: number
      readonly key: ContextKey
      readonly withData: boolean
    }
  | {
      readonly kind: 'report'
      readonly id: number
      readonly key: ContextKey
      readonly accepted: Ballot
      readonly value: Value | null
      readonly gcFloor: Ballot
    }
  | { readonly kind: 'refused'; readonly id: number; readonly epoch: number; readonly reason: RefusalReason }
  /** An accept at its original ballot, from a hint or a repair (rule 8); never counts toward a quorum. */
  | {
      readonly kind: 'replay'
      readonly id: number
      readonly epoch: number
      readonly key: ContextKey
      readonly ballot: Ballot
      readonly value: Value
    }
  /** A version of the history that the receiver missed; its current value stays. Answered by `accepted`. */
  | {
      readonly kind: 'backfill'
      readonly id: number
      readonly key: ContextKey
      readonly record: VersionRecord
    }
  | {
      readonly kind: 'chainAsked'
      readonly id: number
      readonly key: ContextKey
      readonly from: Version
      readonly limit: number
    }
  | {
      readonly kind: 'chain'
      readonly id: number
      readonly key: ContextKey
      readonly records: readonly VersionRecord[]
    }
  | {
      readonly kind: 'scanAsked'
      readonly id: number
      readonly epoch: number
      readonly partition: PartitionId
      readonly after: ContextKey | null
      readonly limit: number
    }
  | {
      readonly kind: 'scanPage'
      readonly id: number
      readonly entries: readonly ScanEntry[]
      readonly done: boolean
    }
  /** Who comes in, or is about to vote, asks an owner for what binds it (rule 10). */
  | {
      readonly kind: 'floorsAsked'
      readonly id: number
      readonly epoch: number
      readonly partition: PartitionId
    }
  /** The answer is given in the epoch that was asked for, which is on the disk of who answers: the fence. */
  | {
      readonly kind: 'floors'
      readonly id: number
      readonly ceiling: Ballot
      readonly gcFloor: Ballot
      readonly tsFloor: Version
    }

/** Rule 9, between owners. */
export type CollectionMessage =
  /** Are these keys dead and over with you, at exactly these ballots? */
  | {
      readonly kind: 'gather'
      readonly id: number
      readonly epoch: number
      readonly partition: PartitionId
      readonly token: number
      readonly keys: readonly DeadKey[]
    }
  /** Durably so; `promised` is what an accept would have to reach there. */
  | {
      readonly kind: 'gathered'
      readonly id: number
      readonly keys: readonly {
        readonly key: ContextKey
        readonly isDead: boolean
        readonly promised: Ballot
      }[]
    }
  /** They are, everywhere: drop what is still so, and accept nothing at or below `floor` for an absent key. */
  | {
      readonly kind: 'collect'
      readonly id: number
      readonly epoch: number
      readonly partition: PartitionId
      readonly token: number
      readonly floor: Ballot
      readonly keys: readonly DeadKey[]
    }
  | { readonly kind: 'collected'; readonly id: number; readonly dropped: number }

/** Anti-entropy, between owners: what follows a digest are lists and replays (rule 8). */
export type DigestMessage =
  | {
      readonly kind: 'digestAsked'
      readonly id: number
      readonly epoch: number
      readonly partition: PartitionId
      readonly token: number
    }
  /** One sum of keys and ballots for each bucket. */
  | { readonly kind: 'digest'; readonly id: number; readonly buckets: readonly BucketSum[] }

/** 16 hex digits. */
export type BucketSum = string

/** `value` is null where a record is there and damaged: only a full round tells what stands. */
export type ScanEntry = { readonly key: ContextKey; readonly accepted: Ballot; readonly value: Value | null }

/** Between a process that wants something done and the owner that does it. */
export type ClientMessage =
  | {
      readonly kind: 'request'
      readonly id: number
      readonly timeoutMs: number
      readonly operation: Operation
    }
  | { readonly kind: 'reply'; readonly id: number; readonly outcome: Outcome }

export type Message = ReplicaMessage | ClientMessage
