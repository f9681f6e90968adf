import { type ContextKey, noBallot } from '../../base/ids.ts'
import type { ScanEntry } from '../../replication/messages.ts'
import type { Effect, Input } from '../peer/step.ts'
import type { Clock, Disk, DiskFailure } from '../ports/ports.ts'
import {
  headRange,
  hintRange,
  parseHeadKey,
  parseHintKey,
  parseVersionKey,
  versionsRange,
} from './codec/keys.ts'
import { decodeHead } from './codec/records.ts'

export type ListingsOptions = {
  readonly disk: Disk
  readonly clock: Clock
  readonly partitionCount: number
  /** Takes what was found; after a stop it does nothing. */
  readonly take: (input: Input) => void
}

const retryMs = 200

/** Lists what is on the disk, as the peer asks for it; each list comes back as an input. */
export class Listings {
  readonly #options: ListingsOptions
  #stopped = false

  constructor(options: ListingsOptions) {
    this.#options = options
  }

  stop(): void {
    this.#stopped = true
  }

  /** Heads of a partition in the order of their keys. */
  scan({ after, limit, partition, scan }: Extract<Effect, { kind: 'scanPartition' }>): void {
    const { disk, partitionCount, take } = this.#options
    const { from, to } = headRange(partition, partitionCount, after)
    disk.scan(from, to, limit, (failure, found) => {
      // Without an answer the asker turns to another replica.
      if (failure) return
      const entries: ScanEntry[] = []
      for (const { key: diskKey, value: stored } of found) {
        const head = decodeHead(diskKey, stored)
        const key: ContextKey = parseHeadKey(diskKey)
        if (head === 'damaged') entries.push({ key, accepted: noBallot, value: null })
        else entries.push({ key, accepted: head.accepted, value: head.value })
      }
      take({ kind: 'partitionScanned', scan, entries, done: found.length < limit })
    })
  }

  /** The first heads and versions of a partition, whatever is in them. */
  records({ list, partition, limit }: Extract<Effect, { kind: 'listRecords' }>): void {
    const { clock, disk, partitionCount, take } = this.#options
    const heads = headRange(partition, partitionCount, null)
    const versions = versionsRange(partition, partitionCount)
    const failed = (failure: DiskFailure | null) => {
      const again = () => {
        if (!this.#stopped) this.records({ kind: 'listRecords', list, partition, limit })
      }
      // A read that failed may succeed the next time.
      if (failure) clock.at(clock.monotonicMs() + retryMs, again)
      return failure !== null
    }
    disk.scan(heads.from, heads.to, limit, (failure, foundHeads) => {
      if (this.#stopped || failed(failure)) return
      disk.scan(versions.from, versions.to, limit, (laterFailure, foundVersions) => {
        if (this.#stopped || failed(laterFailure)) return
        take({
          kind: 'recordsListed',
          list,
          heads: foundHeads.map(entry => parseHeadKey(entry.key)),
          versions: foundVersions.map(entry => parseVersionKey(entry.key)),
          done: foundHeads.length + foundVersions.length === 0,
        })
      })
    })
  }

  hints({ peer, limit }: Extract<Effect, { kind: 'listHints' }>): void {
    const { disk, take } = this.#options
    const { from, to } = hintRange(peer)
    disk.scan(from, to, limit, (failure, found) => {
      if (failure) return
      take({ kind: 'hintsListed', peer, hints: found.map(entry => parseHintKey(entry.key)) })
    })
  }
}
