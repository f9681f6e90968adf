import type { Disk } from './ports.ts'

/** What opening a disk found out about the data of the runs before. */
export type DiskFound = {
  /** Nothing was ever written to it. */
  readonly fresh: boolean
  /** Batches that were reported durable are missing at the end. */
  readonly lostTail: boolean
  /** Batches are missing in the middle, or stored blocks do not have their checksum. */
  readonly gaps: boolean
}

export type DiskStats = {
  readonly batches: number
  readonly changes: number
  readonly writtenBytes: number
  /** Waiting for the batch in flight. */
  readonly queuedBatches: number
  /** Number of the last durable batch, over all runs. */
  readonly sequence: number
  /** Why every write fails since; null while all is well. */
  readonly failure: string | null
}

/**
 * A disk with its verdict. After `lostTail` or `gaps` any record may be missing or be an older one, the
 * partition records with their ceilings too: the process marks all of its partitions damaged, below a ceiling in
 * the present, and calls `acknowledgeDamage` when those marks are durable. Until then every open reports it again.
 */
export type OpenedDisk = {
  readonly disk: Disk
  readonly found: DiskFound
  /** @throws DiskFailure when the acknowledgement could not be made durable. */
  acknowledgeDamage(): Promise<void>
  /** Waits for the writes that were submitted; later ones fail. */
  close(): Promise<void>
  /** Rewrites the files without what was deleted or replaced. Slow: a background duty. */
  compact(): Promise<void>
  /** Bytes of what lies between two keys, roughly, and without what was written last. */
  sizeOf(from: Uint8Array, to: Uint8Array): Promise<number>
  stats(): DiskStats
}

/**
 * What batches changed, in their order: for whoever follows a disk and keeps how far it has come. A list survives what the
 * batch itself survives.
 */
export interface ChangeLog {
  /** Number of the last durable batch. */
  readonly last: number
  /**
   * Subjects of the records that batches behind `after` put or deleted, each at least once, of at most `batchesMax` batches
   * that changed any.
   *
   * @returns null when the list does not go back so far, or not so far forward: everything is to be looked through.
   * @throws DiskFailure when it cannot be read.
   */
  read(
    after: number,
    batchesMax: number,
  ): Promise<{ readonly through: number; readonly subjects: readonly Uint8Array[] } | null>
  /** Told after each durable batch, with nothing to wait for. @returns what ends it. */
  listen(told: () => void): () => void
}

export type FollowedDisk = OpenedDisk & { readonly changes: ChangeLog }
