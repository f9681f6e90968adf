import type { Random } from '../base/random.ts'
import type { DiskChange } from '../node/ports/ports.ts'

/** Batches that can still be lost from the journal; older ones have gone into tables. */
export const journalBatchesMax = 512

/** What is on the platter: a table of what is settled and a journal of the last batches. Keys compare as bytes. */
export class DiskJournal {
  private readonly settled = new Map<string, Uint8Array>()
  private current = new Map<string, Uint8Array>()
  private journal: (readonly DiskChange[])[] = []
  private order: string[] | null = null
  /** Keys that came after `order` was made. */
  private unordered: string[] = []
  private appended = 0

  /** Batches ever appended. */
  get batches(): number {
    return this.appended
  }

  get entries(): number {
    return this.current.size
  }

  append(batch: readonly DiskChange[]): void {
    this.journal.push(batch)
    this.appended++
    if (this.journal.length > journalBatchesMax) applyTo(this.settled, this.journal.shift()!)
    for (const change of batch) {
      const key = textOf(change.key)
      if (change.kind === 'delete') {
        if (this.current.delete(key)) this.forgetOrder()
      } else {
        if (this.order !== null && !this.current.has(key)) this.unordered.push(key)
        this.current.set(key, change.value)
      }
    }
  }

  get(key: Uint8Array): Uint8Array | null {
    return this.current.get(textOf(key))?.slice() ?? null
  }

  /** Entries with from <= key < to, in order, at most `limit`. */
  range(from: Uint8Array, to: Uint8Array, limit: number): { key: Uint8Array; value: Uint8Array }[] {
    const order = this.sorted()
    const end = textOf(to)
    const entries: { key: Uint8Array; value: Uint8Array }[] = []
    for (let at = firstAtLeast(order, textOf(from)); at < order.length && entries.length < limit; at++) {
      const key = order[at]!
      if (key >= end) break
      entries.push({ key: bytesOf(key), value: this.current.get(key)!.slice() })
    }
    return entries
  }

  /** The last `count` batches vanish. @returns how many did. */
  loseTail(count: number): number {
    return this.lose(this.journal.length - Math.min(count, this.journal.length), count)
  }

  /** Some batches vanish that others followed, as behind a flipped byte in a log. @returns how many did. */
  loseMiddle(random: Random, count: number): number {
    const followed = this.journal.length - 1
    if (followed < 1) return 0
    const from = random.below(followed)
    return this.lose(from, Math.min(count, followed - from))
  }

  /** One bit of one stored value flips and stays flipped. @returns the key, null when nothing is stored. */
  flipBit(random: Random): Uint8Array | null {
    const order = this.sorted()
    if (order.length === 0) return null
    const first = random.below(order.length)
    for (let step = 0; step < order.length; step++) {
      const key = order[(first + step) % order.length]!
      const value = this.current.get(key)!
      if (value.length === 0) continue
      // In place: the journal holds the same bytes, so a rebuild does not heal it.
      value[random.below(value.length)]! ^= 1 << random.below(8)
      return bytesOf(key)
    }
    return null
  }

  wipe(): void {
    this.settled.clear()
    this.journal = []
    this.appended = 0
    this.rebuild()
  }

  private lose(from: number, count: number): number {
    const lost = this.journal.splice(from, count).length
    if (lost > 0) this.rebuild()
    return lost
  }

  private rebuild(): void {
    this.current = new Map(this.settled)
    for (const batch of this.journal) applyTo(this.current, batch)
    this.forgetOrder()
  }

  private forgetOrder(): void {
    this.order = null
    this.unordered = []
  }

  private sorted(): readonly string[] {
    if (this.order === null) this.order = [...this.current.keys()].sort(ascending)
    else if (this.unordered.length > 0) {
      this.order = merged(this.order, this.unordered.sort(ascending))
      this.unordered = []
    }
    return this.order
  }
}

const ascending = (a: string, b: string): number => (a < b ? -1 : 1)

/** Two lists in order as one: a disk with much on it is listed while little is written. */
function merged(a: readonly string[], b: readonly string[]): string[] {
  const all: string[] = []
  let at = 0
  for (const key of b) {
    while (at < a.length && a[at]! < key) all.push(a[at++]!)
    all.push(key)
  }
  while (at < a.length) all.push(a[at++]!)
  return all
}

function applyTo(table: Map<string, Uint8Array>, batch: readonly DiskChange[]): void {
  for (const change of batch) {
    if (change.kind === 'put') table.set(textOf(change.key), change.value)
    else table.delete(textOf(change.key))
  }
}

/** A batch of our own, in one piece of memory: the caller may use its bytes again. */
export function copyOf(batch: readonly DiskChange[]): readonly DiskChange[] {
  const own = new Uint8Array(batch.reduce((sum, change) => sum + bytesIn(change), 0))
  let end = 0
  const copied = (bytes: Uint8Array) => {
    own.set(bytes, end)
    end += bytes.length
    return new Uint8Array(own.buffer, end - bytes.length, bytes.length)
  }
  return batch.map(change =>
    change.kind === 'put'
      ? { kind: 'put', key: copied(change.key), value: copied(change.value) }
      : { kind: 'delete', key: copied(change.key) },
  )
}

const bytesIn = (change: DiskChange): number =>
  change.key.length + (change.kind === 'put' ? change.value.length : 0)

/** One character a byte, so that text order is byte order. */
const textOf = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
const bytesOf = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'latin1'))

function firstAtLeast(order: readonly string[], key: string): number {
  let low = 0
  let high = order.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (order[middle]! < key) low = middle + 1
    else high = middle
  }
  return low
}
