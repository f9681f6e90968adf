import type { Ballot, ContextKey, PartitionId, Version } from '../base/ids.ts'
import type { Value, VersionRecord } from './messages.ts'

/** The durable state of one key (PROTOCOL, State): the value without its data, which is a version record of its own. */
export type Head = { readonly accepted: Ballot; readonly value: Value }

/** The durable state of one partition. */
export type PartitionRecord = {
  readonly epoch: number
  /** No ballot that this replica ever promised or accepted in the partition is above it (rule 3). */
  readonly ceiling: Ballot
  readonly gcFloor: Ballot
  readonly tsFloor: Version
  /**
   * Above `noBallot` while the partition may have lost records, up to this ballot as far as the clock can tell: every
   * key of it is answered `damaged` until this boot accepted it anew.
   */
  readonly damagedBelow: Ballot
  /**
   * The epoch in which this replica came in, whose copy this is (rule 10); 1 for from the start. Another one than the
   * view's: what is here counts for nothing and is dropped.
   */
  readonly since: number
  /** Whether everything that a majority held when this replica came in was copied. */
  readonly copied: boolean
}

/** A missed version, kept until the peer that missed it has it (rule 8). */
export type Hint = { readonly peer: string; readonly key: ContextKey; readonly version: Version }

/** What a step wants durable. All changes of one step are applied together or not at all. */
export type Change =
  /** A head that is damaged, or whose bytes are, and of which a quorum of the others knows nothing: the key is absent. */
  | { readonly kind: 'headDropped'; readonly key: ContextKey }
  | { readonly kind: 'head'; readonly key: ContextKey; readonly head: Head }
  | { readonly kind: 'version'; readonly key: ContextKey; readonly record: VersionRecord }
  | { readonly kind: 'partition'; readonly partition: PartitionId; readonly record: PartitionRecord }
  /** One version of the history is not kept any more. */
  | { readonly kind: 'versionDropped'; readonly key: ContextKey; readonly version: Version }
  | { readonly kind: 'hint'; readonly hint: Hint }
  | { readonly kind: 'hintDone'; readonly hint: Hint }

/**
 * What was saved before, as seen by a step: changes of earlier steps are visible at once, synced or not.
 * `damaged`: bytes are there and are not what was written.
 */
export interface Records {
  head(key: ContextKey): Head | 'damaged' | null
  version(key: ContextKey, version: Version): VersionRecord | 'damaged' | null
  partition(partition: PartitionId): PartitionRecord | 'damaged' | null
}
