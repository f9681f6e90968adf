import { type ContextKey, noBallot, type Version } from '../../base/ids.ts'
import type { ScanEntry } from '../../replication/messages.ts'
import type { Effect, Input } from '../peer/step.ts'
import type { Clock, Disk, DiskFailure } from '../ports/ports.ts'
import {
  headRange,
  hintRange,
  parseHeadKey,
  parseHintKey,
  parseVersionKey,
  versionRange,
  versionsRange,
} from './codec/keys.ts'
import { decodeHead } from './codec/records.ts'

type Ask<Kind extends Effect['kind']> = Extract<Effect, { kind: Kind }>

const retryMs = 100
/** Versions of one key that are listed at once. */
const versionsListedMax = 4_096

/** Lists what is on the disk, for the peer, which reads single records by itself. */
export class Lists {
  readonly #disk: Disk
  readonly #clock: Clock
  readonly #partitions: number
  /** Does nothing once the driver has stopped. */
  readonly #take: (input: Input) => void

  /** @param partitions - number of partitions of the view. */
  constructor(disk: Disk, clock: Clock, partitions: number, take: (input: Input) => void) {
    this.#disk = disk
    this.#clock = clock
    this.#partitions = partitions
    this.#take = take
  }

  /** Heads of a partition. Without an answer, as a read failed, the asker turns to another replica. */
  partition({ scan, partition, after, limit }: Ask<'scanPartition'>): void {
    const { from, to } = headRange(partition, this.#partitions, after)
    this.#disk.scan(from, to, limit, (failure, found) => {
      if (failure) return
      const entries: ScanEntry[] = []
      for (const { key: diskKey, value: stored } of found) {
        const head = decodeHead(diskKey, stored)
        const key: ContextKey = parseHeadKey(diskKey)
        if (head === 'damaged') entries.push({ key, accepted: noBallot, value: null })
        else entries.push({ key, accepted: head.accepted, value: head.value })
      }
      this.#take({ kind: 'partitionScanned', scan, entries, done: found.length < limit })
    })
  }

  /** Whatever there is of a partition, to be dropped. */
  records(ask: Ask<'listRecords'>): void {
    const { list, partition, limit } = ask
    const heads = headRange(partition, this.#partitions, null)
    const versions = versionsRange(partition, this.#partitions)
    const failed = (failure: DiskFailure | null) => {
      // A read that failed may succeed the next time.
      if (failure) this.#clock.at(this.#clock.monotonicMs() + retryMs, () => this.records(ask))
      return failure !== null
    }
    this.#disk.scan(heads.from, heads.to, limit, (failure, foundHeads) => {
      if (failed(failure)) return
      this.#disk.scan(versions.from, versions.to, limit, (laterFailure, foundVersions) => {
        if (failed(laterFailure)) return
        this.#take({
          kind: 'recordsListed',
          list,
          heads: foundHeads.map(entry => parseHeadKey(entry.key)),
          versions: foundVersions.map(entry => parseVersionKey(entry.key)),
          done: foundHeads.length + foundVersions.length === 0,
        })
      })
    })
  }

  /** The versions of some keys, of each as many as fit. Without an answer, as a read failed, the asker gives up after a while. */
  versions({ list, keys }: Ask<'listVersions'>): void {
    const versions = new Map<ContextKey, readonly Version[]>()
    const next = (at: number): void => {
      const key = keys[at]
      if (key === undefined) return this.#take({ kind: 'versionsListed', list, versions })
      const { from, to } = versionRange(key)
      this.#disk.scan(from, to, versionsListedMax, (failure, found) => {
        if (failure) return
        const named = found.map(entry => parseVersionKey(entry.key).version)
        versions.set(key, named)
        next(at + 1)
      })
    }
    next(0)
  }

  hints({ peer, limit }: Ask<'listHints'>): void {
    const { from, to } = hintRange(peer)
    this.#disk.scan(from, to, limit, (failure, found) => {
      if (failure) return
      this.#take({ kind: 'hintsListed', peer, hints: found.map(entry => parseHintKey(entry.key)) })
    })
  }
}
