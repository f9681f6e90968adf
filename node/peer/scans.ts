import type { ContextKey, PartitionId } from '../../base/ids.ts'
import type { ListedVersions } from '../../replication/collection.ts'
import type { ScanEntry } from '../../replication/messages.ts'
import type { Effect, Input, Now } from './step.ts'

type ThenPage = (entries: readonly ScanEntry[], done: boolean, now: Now) => void
type ThenVersions = (listed: ListedVersions, now: Now) => void

/** Lists that are waited for; those of a disk that could not be read never come and go first. */
const waitingMax = 1_024

/** Lists of this peer's own records, each with what is to be done when it is there. */
export class Scans {
  readonly #emit: (effect: Effect) => void
  #last = 0
  readonly #pages = new Map<number, ThenPage>()
  readonly #versions = new Map<number, ThenVersions>()

  constructor(emit: (effect: Effect) => void) {
    this.#emit = emit
  }

  heads(partition: PartitionId, after: ContextKey | null, limit: number, then: ThenPage): void {
    const scan = this.#note(this.#pages, then)
    this.#emit({ kind: 'scanPartition', scan, partition, after, limit })
  }

  versions(keys: readonly ContextKey[], then: ThenVersions): void {
    const list = this.#note(this.#versions, then)
    this.#emit({ kind: 'listVersions', list, keys })
  }

  scanned({ scan, entries, done }: Extract<Input, { kind: 'partitionScanned' }>, now: Now): void {
    const then = this.#pages.get(scan)
    this.#pages.delete(scan)
    then?.(entries, done, now)
  }

  listed({ list, versions }: Extract<Input, { kind: 'versionsListed' }>, now: Now): void {
    const then = this.#versions.get(list)
    this.#versions.delete(list)
    then?.(versions, now)
  }

  #note<Then>(waiting: Map<number, Then>, then: Then): number {
    this.#last += 1
    waiting.set(this.#last, then)
    const oldest = waiting.size > waitingMax ? waiting.keys().next() : null
    if (oldest && !oldest.done) waiting.delete(oldest.value)
    return this.#last
  }
}
