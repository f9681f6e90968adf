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
