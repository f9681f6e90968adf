import { type ContextKey, isControlKey, noBallot, type PartitionId, type Version } from '../base/ids.ts'
import type { Moment } from './context.ts'
import { Digest } from './digest.ts'
import type { BucketSum, ScanEntry } from './messages.ts'
import type { Records } from './records.ts'
import { keptFromOf } from './register.ts'

export type OwnDigestOptions = {
  readonly records: Records
  readonly bucketOf: (key: ContextKey, partition: PartitionId) => number
  /** A page of this replica's own heads; `then` may never be called, when the disk cannot be read. */
  readonly scan: (
    partition: PartitionId,
    after: ContextKey | null,
    limit: number,
    then: (entries: readonly ScanEntry[], done: boolean, now: Moment) => void,
  ) => void
  /** The head of a key is not what was written, or the bytes of its version are gone. */
  readonly damageFound: (key: ContextKey, now: Moment) => void
  /** Versions are here that were trimmed. */
  readonly leftoverFound: (key: ContextKey) => void
  /** A version of the history is not here. */
  readonly holeFound: (key: ContextKey, version: Version, now: Moment) => void
}

type Then = (sums: readonly BucketSum[], now: Moment) => void
type Reading = {
  readonly waiting: Then[]
  readonly giveUpMs: number
  readonly changes: number
  holes: number
}

const pageKeys = 128
/** Parents that are looked at behind each head, and holes that are reported in one reading. */
const parentsMax = 32
const holesMax = 16
const readingMaxMs = 60_000

/**
 * Sums up this replica's own records of a partition by reading them from the disk, which finds on the way what is missing
 * or damaged; remembered until one of them changes.
 */
export class OwnDigest {
  readonly #options: OwnDigestOptions
  readonly #changes = new Map<PartitionId, number>()
  readonly #known = new Map<PartitionId, { changes: number; sums: readonly BucketSum[] }>()
  readonly #readings = new Map<PartitionId, Reading>()

  constructor(options: OwnDigestOptions) {
    this.#options = options
  }

  /** A head of this partition is another one from now on. */
  changed(partition: PartitionId): void {
    this.#changes.set(partition, this.#changesOf(partition) + 1)
  }

  /** @param fresh - read again even when nothing was written, to find what the disk lost. */
  sums(partition: PartitionId, fresh: boolean, then: Then, now: Moment): void {
    const known = this.#known.get(partition)
    const changes = this.#changesOf(partition)
    if (!fresh && known?.changes === changes) return then(known.sums, now)
    const running = this.#readings.get(partition)
    if (running && running.giveUpMs > now.monotonicMs) {
      running.waiting.push(then)
      return
    }
    const reading: Reading = {
      waiting: [then],
      giveUpMs: now.monotonicMs + readingMaxMs,
      changes,
      holes: 0,
    }
    this.#readings.set(partition, reading)
    this.#read(partition, reading, new Digest(), null)
  }

  #changesOf(partition: PartitionId): number {
    return this.#changes.get(partition) ?? 0
  }

  #read(partition: PartitionId, reading: Reading, digest: Digest, after: ContextKey | null): void {
    this.#options.scan(partition, after, pageKeys, (entries, done, now) => {
      if (this.#readings.get(partition) !== reading) return
      for (const entry of entries) {
        if (entry.value === null) this.#options.damageFound(entry.key, now)
        else this.#lookBehind(reading, entry, now)
        digest.add(
          this.#options.bucketOf(entry.key, partition),
          entry.key,
          entry.value === null ? noBallot : entry.accepted,
        )
      }
      const last = entries.at(-1)
      if (!done && last) return this.#read(partition, reading, digest, last.key)
      this.#readings.delete(partition)
      const sums = digest.sums()
      if (this.#changesOf(partition) === reading.changes)
        this.#known.set(partition, { changes: reading.changes, sums })
      for (const then of reading.waiting) then(sums, now)
    })
  }

  /** The bytes that the head names, and those of its history. */
  #lookBehind(reading: Reading, { key, value }: ScanEntry, now: Moment): void {
    const { records, damageFound, holeFound, leftoverFound } = this.#options
    let at: Version | null = value!.version
    // Of a control register only what stands is kept.
    const versionsMax = isControlKey(key) ? 1 : parentsMax
    for (let looked = 0; at !== null && looked < versionsMax; looked++) {
      const found = records.version(key, at)
      if (at < keptFromOf(value!)) {
        if (found !== null) leftoverFound(key)
        return
      }
      if (found !== null && found !== 'damaged') {
        at = found.parent
        continue
      }
      // It may have been replaced or collected since it was listed.
      const head = records.head(key)
      if (head === null || head === 'damaged' || head.value.version !== value!.version) return
      if (looked === 0) damageFound(key, now)
      else if (reading.holes++ < holesMax) holeFound(key, at, now)
      return
    }
  }
}
