import type { ContextKey } from '../../../base/ids.ts'
import type { Deadline } from '../deadline.ts'
import type { Snapshot } from './snapshot.ts'

/** What stands in a fleet, as somebody knows it. */
export type Known = {
  readonly snapshot: Snapshot
  /** Gone through for this; those that can be, and those of the fleet. */
  readonly partitions: number
  readonly partitionsHere: number
  readonly partitionsTotal: number
  /** Roles of each context that is known and not in the snapshot. */
  readonly unlisted: readonly (readonly string[])[]
}

/** What became of the contexts on the disk of this peer, in order. */
export interface ContextTouches {
  /** Number of the newest change. */
  readonly last: number
  /**
   * Keys that were touched behind `after`, each once; `through` says how far that goes.
   *
   * @returns null where the order cannot be told from there.
   * @throws DiskFailure.
   */
  read(
    after: number,
    stepsMax: number,
  ): Promise<{ readonly through: number; readonly keys: readonly ContextKey[] } | null>
}

/** Where a catalogue comes from. */
export interface ContextEntries {
  /**
   * What stood when this was called, or later, as far as it was looked through before the deadline.
   *
   * @throws SlurpError SEALED where nothing can be opened.
   */
  current(deadline: Deadline): Promise<Known>
}
