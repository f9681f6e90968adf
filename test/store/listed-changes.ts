import { toHex } from '../../base/bytes.ts'
import type { ContextKey } from '../../base/ids.ts'
import type { ContextChanges } from '../../node/fleet-search/ports.ts'
import { contextSubject } from '../../node/local-changes.ts'
import type { Disk, DiskChange } from '../../node/ports/ports.ts'

/** What batches touched, in memory; `forget` makes the list begin anew. */
export class ListedChanges implements ContextChanges {
  readonly source = 'disk'
  readonly batches: ContextKey[][] = []
  readonly #told = new Set<() => void>()
  #from = 0
  reads = 0

  /** Lists what becomes durable on a disk from now on. */
  static of(disk: Disk): ListedChanges {
    const changes = new ListedChanges()
    const write = disk.write.bind(disk)
    disk.write = (batch, done) =>
      write(batch, failure => {
        changes.note(batch)
        done(failure)
      })
    return changes
  }

  get last(): number {
    return this.batches.length
  }

  note(batch: readonly DiskChange[]): void {
    const subjects = batch.flatMap(({ key }) => contextSubject(key) ?? [])
    this.batches.push(subjects.map(subject => toHex(subject) as ContextKey))
    for (const told of this.#told) told()
  }

  forget(): void {
    this.#from = this.last
  }

  async read(after: number, stepsMax: number) {
    this.reads += 1
    if (after < this.#from || after > this.last) return null
    const through = Math.min(this.last, after + stepsMax)
    return { through, keys: [...new Set(this.batches.slice(after, through).flat())] }
  }

  listen(told: () => void): () => void {
    this.#told.add(told)
    return () => this.#told.delete(told)
  }
}
