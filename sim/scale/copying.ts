import type { PartitionId } from '../../base/ids.ts'
import { assignmentAt, type View } from '../../dht/view.ts'
import { type Waits, waitsOf } from './clients.ts'
import type { Stored } from './stored.ts'

/** The time in which new peers copy what had been stored before. */
export type CopyingFigures = Waits & {
  /** Everything that they copied meanwhile, what was written since then too. */
  readonly bytes: number
  /** From the first view of the first wave until the last copy of it was there. */
  readonly tookMs: number
  /** Of one new peer, the mean of them. */
  readonly bytesPerSecond: number
  readonly operations: number
}

type Moment = {
  readonly atMs: number
  readonly copiedBytes: number
  /** Operations that had been answered. */
  readonly answered: number
}

/** Watches the first wave of moves from view to view. */
export class Copying {
  private readonly before: View
  private readonly partitions: readonly PartitionId[]
  private readonly added: number
  private readonly moment: () => Moment
  private begun: Moment | null = null
  private ended: Moment | null = null

  /** @param added - new peers: all of them copy, what was written meanwhile at least. */
  constructor(before: View, { comers }: Stored, added: number, moment: () => Moment) {
    this.before = before
    this.added = added
    this.partitions = [...comers.values()].flat()
    this.moment = moment
  }

  agreed(view: View): void {
    if (this.ended !== null) return
    if (this.partitions.some(partition => assignmentAt(view, partition).stage === 'learn'))
      this.begun ??= this.moment()
    if (this.partitions.every(partition => this.isCopied(view, partition))) this.ended = this.moment()
  }

  /** Of a join that is over. @param waitedMs - of every operation since it began. */
  figures(waitedMs: readonly number[]): CopyingFigures {
    const [begun, ended] = [this.begun!, this.ended!]
    const bytes = ended.copiedBytes - begun.copiedBytes
    const tookMs = ended.atMs - begun.atMs
    return {
      bytes,
      tookMs,
      bytesPerSecond: bytes / (tookMs / 1_000) / this.added,
      operations: ended.answered - begun.answered,
      ...waitsOf(waitedMs.slice(begun.answered, ended.answered)),
    }
  }

  private isCopied(view: View, partition: PartitionId): boolean {
    const { epoch, stage } = assignmentAt(view, partition)
    return stage !== 'learn' && epoch > assignmentAt(this.before, partition).epoch
  }
}
