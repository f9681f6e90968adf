import type { RoleName } from '../../../base/ids.ts'
import type { Lexicon } from '../analysis/lexicon.ts'
import type { Checkpoint } from '../api.ts'
import type { PieceChange } from '../disk/piece-store.ts'
import type { Manifest, ShelfDisk } from '../disk/shelf-disk.ts'
import { Shelf } from '../rank/shelf.ts'
import { type Merged, merge } from '../segment/merge.ts'
import type { Segment } from '../segment/segment.ts'
import { inSlices } from './slices.ts'

/** A shelf with its place on disk. */
export class KeptShelf {
  readonly shelf: Shelf
  readonly disk: ShelfDisk
  /** Being filled to take the place of another: gets every change, answers nothing. */
  hidden = false
  checkpoint: Checkpoint | null

  /** @param lexicon - of all shelves of this process. */
  constructor(disk: ShelfDisk, lexicon: Lexicon) {
    const roles = disk.header.roles.map(({ name }) => name as RoleName)
    this.shelf = new Shelf(disk.id, roles, lexicon)
    this.disk = disk
    this.checkpoint = disk.manifest.checkpoint
  }

  /** Documents that are in memory and in the log only. */
  get unstored(): readonly Segment[] {
    return this.shelf.segments.filter(({ stored }) => stored === null)
  }

  get logged(): number {
    return this.disk.nextLog - this.disk.manifest.logFrom
  }

  /**
   * Makes one segment of what holds in some segments, and another of what has ended and is kept; what was removed is in
   * neither. In memory, or on disk as well.
   */
  async rewrite(segments: readonly Segment[], onDisk: boolean): Promise<void> {
    await this.#replace(segments, onDisk)
    if (onDisk) await this.commit({})
  }

  /** Puts all that is in memory only on disk, and ends the log there. */
  async flush(configuration: string): Promise<void> {
    const before = { logFrom: this.disk.nextLog, checkpoint: this.checkpoint }
    await this.#replace(this.unstored, true)
    await this.commit({ ...before, configuration })
  }

  async #replace(segments: readonly Segment[], onDisk: boolean): Promise<void> {
    // What ends from here on ends in the new segments too, when they take the place of the old ones.
    const holding = new Map(segments.map(segment => [segment, segment.current.slice()]))
    const removed = new Map(
      segments.map(segment => [segment, segment.until.map(until => (until === 0 ? 1 : 0))]),
    )
    const made: Merged[] = []
    for (const wanted of [1, 0]) {
      const merged = await inSlices(
        merge(
          segments,
          (segment, place) => holding.get(segment)![place] === wanted && removed.get(segment)![place] === 0,
        ),
      )
      if (merged !== null) made.push(merged)
    }
    if (onDisk) for (const { segment } of made) await this.#store(segment)
    for (const { catchUp } of made) catchUp()
    this.shelf.replace(
      segments,
      made.map(({ segment }) => segment),
    )
  }

  /** Writes a manifest of the segments that are stored now. */
  async commit(more: Partial<Manifest>): Promise<void> {
    const changes: PieceChange[] = this.shelf.segments.flatMap(segment => this.disk.stated(segment))
    const segments = this.shelf.segments.flatMap(({ stored }) =>
      stored === null ? [] : [{ id: stored.id, chunks: stored.chunks, state: stored.state }],
    )
    const { manifest } = this.disk
    await this.disk.commit({ ...manifest, ...more, generation: manifest.generation + 1, segments }, changes)
  }

  async #store(segment: Segment): Promise<void> {
    const { words, tables } = this.shelf
    const { id, chunks } = await inSlices(this.disk.writeSegment(segment, words, tables))
    segment.stored = { id, chunks, state: null, changes: 0 }
  }
}
