import type { ContextKey, PartitionId } from '../../base/ids.ts'
import type { Checkpoint } from '../search/api.ts'
import type { SearchHost } from '../search/search-host.ts'
import { pauseFor } from '../store/pause.ts'
import type { StoreDesk } from '../store/store-desk.ts'
import { Expiries } from './expiries.ts'
import type { IndexSight } from './index-document.ts'
import { IndexIntake } from './index-intake.ts'
import type { ContextChanges, LocalContexts } from './ports.ts'

/** The part of a search host that a feed uses. */
export type FedIndex = Pick<
  SearchHost,
  'checkpoint' | 'reconcile' | 'apply' | 'noteComplete' | 'noteIncomplete'
>

export type IndexFeedParts = {
  readonly index: FedIndex
  readonly changes: ContextChanges
  readonly local: LocalContexts
  readonly desk: StoreDesk
  readonly sees?: IndexSight | undefined
}

export type FeedState = {
  /** `filling`: all that the disk has is looked through. `following`: only what changes. */
  readonly phase: 'filling' | 'following'
  /** Of `filling`: partitions done, and to do. */
  readonly partitions: number
  readonly partitionsTotal: number
  /** Changes of the disk that the index does not have yet. */
  readonly lagChanges: number
  /** Since when it has not had all of them, in seconds. */
  readonly lagSeconds: number
  /** Versions that could be opened and are not in the index: sealed without their address, or damaged. */
  readonly unindexed: number
}

const stepsAtOnce = 512
const headsAtOnce = 256
/** Changes that come while others are taken over wait so long, to be taken over together. */
const gatherMs = 40
/** Batches without a context that the bookmark may lack, well below what the list goes back. */
const unnotedMax = 1024
/** Longer than this nobody sleeps: the clock of the wall may be set, and damage is looked for. */
const waitMaxMs = 2_000

/**
 * Keeps an index at what the disk of this peer has: goes on from the bookmark that lies sealed with the index, follows
 * the changes of the disk in their order, and takes out what expires. Where the order does not go back to the bookmark,
 * all is looked through, and only what differs is opened.
 */
export class IndexFeed {
  readonly #parts: IndexFeedParts
  readonly #expiries = new Expiries()
  readonly #intake: IndexIntake
  #phase: FeedState['phase'] = 'filling'
  #partitionsDone = 0
  #takenTo = 0
  #noted = 0
  #upToDateMs: number
  #closed = false
  #wake: () => void = () => undefined

  constructor(parts: IndexFeedParts) {
    this.#parts = parts
    this.#intake = new IndexIntake({
      ...parts,
      noteExpiry: (key, expiresAtMs) => this.#expiries.note(key, expiresAtMs),
      isClosed: () => this.#closed,
    })
    this.#upToDateMs = this.#clock.monotonicMs()
  }

  /** Works until it is closed. @throws what the disk and the index throw: the feed has ended then. */
  async run(): Promise<void> {
    const { changes, index } = this.#parts
    const unlisten = changes.listen(() => this.#wake())
    try {
      const bookmark = await index.checkpoint()
      if (bookmark?.source === changes.source && (await changes.read(bookmark.sequence, 1)) !== null) {
        this.#takenTo = bookmark.sequence
        this.#noted = bookmark.sequence
        await this.#eachPartition(partition => this.#learnExpiries(partition))
      } else await this.#lookThroughAll()
      this.#phase = 'following'
      while (!this.#closed) {
        await this.#follow()
        await this.#moreToDo()
        // Something was found damaged and is not in the index any more.
        if (!this.#closed && (await index.checkpoint()) === null) await this.#lookThroughAll()
      }
    } finally {
      unlisten()
    }
  }

  /** The index fails what it is asked from now on; `run` ends soon. */
  close(): void {
    this.#closed = true
    this.#wake()
  }

  /** Whether the index has what the disk has of a partition, but for what changed in the last moments. */
  covers(partition: PartitionId): boolean {
    return partition < this.#partitionsDone
  }

  state(): FeedState {
    const { changes, local } = this.#parts
    const lagChanges = Math.max(0, changes.last - this.#takenTo)
    const behindMs = lagChanges === 0 ? 0 : this.#clock.monotonicMs() - this.#upToDateMs
    const partitionsTotal = local.partitionsTotal()
    return {
      phase: this.#phase,
      partitions: this.#partitionsDone,
      partitionsTotal,
      lagChanges,
      lagSeconds: behindMs / 1000,
      unindexed: this.#intake.unindexed,
    }
  }

  /** What changes meanwhile is taken over between two partitions. */
  async #lookThroughAll(): Promise<void> {
    const { index, changes } = this.#parts
    this.#phase = 'filling'
    await index.noteIncomplete()
    this.#takenTo = changes.last
    await this.#eachPartition(async partition => {
      await this.#lookThrough(partition)
      await this.#follow()
    })
    if (this.#closed) return
    await this.#note(this.#takenTo)
    await index.noteComplete()
    this.#phase = 'following'
  }

  /** Not only those that this peer owns now: what comes and what goes lies on its disk as well. */
  async #eachPartition(use: (partition: PartitionId) => Promise<void>): Promise<void> {
    const total = this.#parts.local.partitionsTotal()
    for (this.#partitionsDone = 0; this.#partitionsDone < total; this.#partitionsDone++) {
      if (this.#closed) return
      await use(this.#partitionsDone as PartitionId)
    }
  }

  async #learnExpiries(partition: PartitionId): Promise<void> {
    await this.#eachHeads(partition, async (keys, expiries) => {
      for (const [at, key] of keys.entries()) this.#expiries.note(key, expiries[at]!)
    })
  }

  async #lookThrough(partition: PartitionId): Promise<void> {
    await this.#eachHeads(partition, (keys, _, after, isLast) =>
      this.#intake.takeRange(keys, { partition, after, through: isLast ? null : (keys.at(-1) ?? null) }),
    )
  }

  async #eachHeads(
    partition: PartitionId,
    use: (
      keys: readonly ContextKey[],
      expiries: readonly number[],
      after: ContextKey | null,
      isLast: boolean,
    ) => Promise<void>,
  ): Promise<void> {
    let after: ContextKey | null = null
    for (let isLast = false; !isLast && !this.#closed; ) {
      const found = await this.#parts.local.heads(partition, after, headsAtOnce)
      isLast = found.isLast
      const keys = found.entries.map(({ key }) => key)
      const expiries = found.entries.map(({ value }) => value?.expiresAtMs ?? 0)
      await use(keys, expiries, after, isLast)
      after = keys.at(-1) ?? after
      await pauseFor(this.#clock, 0)
    }
  }

  /** Takes over what changed up to now, and what expired. */
  async #follow(): Promise<void> {
    const { changes } = this.#parts
    while (this.#takenTo < changes.last && !this.#closed) {
      const found = await changes.read(this.#takenTo, stepsAtOnce)
      // Others wrote faster than this one read, for longer than the order goes back.
      if (found === null) return await this.#lookThroughAll()
      await this.#intake.takeKeys(found.keys)
      if (this.#closed) return
      // Most batches of an idle peer are of no context, and the bookmark is a write of its own.
      if (found.keys.length > 0 || found.through > this.#noted + unnotedMax) await this.#note(found.through)
      this.#takenTo = found.through
    }
    this.#upToDateMs = this.#clock.monotonicMs()
    await this.#intake.takeKeys(this.#expiries.take(this.#wallMs))
  }

  async #note(sequence: number): Promise<void> {
    const { index, changes } = this.#parts
    const bookmark: Checkpoint = { source: changes.source, sequence }
    await index.apply([], bookmark)
    this.#noted = sequence
    this.#takenTo = sequence
  }

  /** Until something changed or expires, and a little longer, so that what comes with it is taken over together. */
  async #moreToDo(): Promise<void> {
    const { changes } = this.#parts
    const dueMs = this.#expiries.nextMs
    await new Promise<void>(resolve => {
      let cancel: () => void = () => undefined
      const done = () => {
        cancel()
        resolve()
      }
      this.#wake = done
      const waitMs = Math.min(waitMaxMs, Math.max(0, (dueMs ?? Number.POSITIVE_INFINITY) - this.#wallMs))
      cancel = this.#clock.at(this.#clock.monotonicMs() + waitMs, done)
      if (this.#closed || changes.last > this.#takenTo) done()
    })
    this.#wake = () => undefined
    if (!this.#closed) await pauseFor(this.#clock, gatherMs)
  }

  get #clock() {
    return this.#parts.desk.parts.clock
  }

  get #wallMs(): number {
    return this.#parts.desk.wallMs
  }
}
