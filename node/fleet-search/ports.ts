import type { ContextKey } from '../../base/ids.ts'
import type { Value } from '../../replication/messages.ts'
import type { LocalHistories } from '../store/retention/ports.ts'

/** The contexts on the disk of this peer. */
export interface LocalContexts extends LocalHistories {
  /** What stands at a key, without its bytes; null where nothing does, or it is damaged. @throws DiskFailure. */
  head(key: ContextKey): Value | null
}

/** What became of the contexts on the disk of this peer, in order. */
export interface ContextChanges {
  /** Names the order: numbers of another source mean nothing here. */
  readonly source: string
  /** Number of the newest change. */
  readonly last: number
  /**
   * Keys that were touched behind `after`, each once; `through` says how far that goes.
   *
   * @returns null where the order cannot be told from there: everything is to be looked through.
   * @throws DiskFailure.
   */
  read(
    after: number,
    stepsMax: number,
  ): Promise<{ readonly through: number; readonly keys: readonly ContextKey[] } | null>
  /** Told that there is more. @returns what ends it. */
  listen(told: () => void): () => void
}
