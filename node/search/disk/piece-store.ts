import { ClassicLevel } from 'classic-level'
import { LRUCache } from 'lru-cache'
import { AskedBefore } from './asked-before.ts'

export type PieceChange =
  | { readonly type: 'put'; readonly key: string; readonly value: Uint8Array }
  | { readonly type: 'del'; readonly key: string }

const deletedAtOnceMax = 1024
/** Of sealed pieces; what is made of them takes up to twice as much. */
const openedBytesMax = 6 * 1024 * 1024

/** The database of the index: sealed pieces under names that say nothing. One thread has it. */
export class PieceStore {
  readonly #level: ClassicLevel<string, Uint8Array>
  #last: Promise<void> = Promise.resolve()
  /** What is being written: whoever looks finds it already. */
  readonly #underway = new Map<string, PieceChange>()
  /** What was made of pieces that were opened lately. */
  readonly #opened = new LRUCache<string, object>({ maxSize: openedBytesMax })
  readonly #askedBefore = new AskedBefore()

  private constructor(level: ClassicLevel<string, Uint8Array>) {
    this.#level = level
  }

  /**
   * Opens it; what Level itself cannot make sense of is thrown away, as all of it can be made anew.
   */
  static async open(dir: string): Promise<PieceStore> {
    const level = () =>
      new ClassicLevel<string, Uint8Array>(dir, {
        keyEncoding: 'utf8',
        valueEncoding: 'view',
        compression: false,
        writeBufferSize: 4 * 1024 * 1024,
      })
    const first = level()
    try {
      await first.open()
      return new PieceStore(first)
    } catch (failure) {
      if ((failure as { cause?: { code?: unknown } }).cause?.code === 'LEVEL_LOCKED') throw failure
    }
    await ClassicLevel.destroy(dir)
    const second = level()
    await second.open()
    return new PieceStore(second)
  }

  /** About 5 µs. Throws what Level throws for a block with a wrong checksum. */
  get(key: string): Uint8Array | null {
    const underway = this.#underway.get(key)
    if (underway !== undefined) return underway.type === 'put' ? underway.value : null
    return this.#level.getSync(key) ?? null
  }

  /**
   * What is made of a piece, kept from the second time on while the piece stands and there is room: to open one takes ten times
   * as long.
   *
   * @returns null when there is no such piece. Throws what {@link get} and `make` throw.
   */
  opened<Made extends object>(key: string, make: (piece: Uint8Array) => Made): Made | null {
    const known = this.#opened.get(key)
    if (known !== undefined) return known as Made
    const piece = this.get(key)
    if (piece === null) return null
    const made = make(piece)
    if (this.#askedBefore.note(key)) this.#opened.set(key, made, { size: piece.length })
    return made
  }

  /** All or nothing, in the order of the calls; `durable`: survives a power cut, else a kill of the process. */
  write(changes: readonly PieceChange[], durable = false): Promise<void> {
    for (const change of changes) {
      this.#underway.set(change.key, change)
      this.#opened.delete(change.key)
    }
    const write = this.#last.then(() => this.#level.batch([...changes], { sync: durable }))
    this.#last = write
      .catch(() => undefined)
      .then(() => {
        for (const change of changes) {
          if (this.#underway.get(change.key) === change) this.#underway.delete(change.key)
        }
      })
    return write
  }

  /** Of what is written. */
  async keys(prefix: string): Promise<string[]> {
    await this.#last
    return this.#level.keys({ gte: prefix, lt: `${prefix}~` }).all()
  }

  async removeAll(keys: readonly string[]): Promise<void> {
    for (let at = 0; at < keys.length; at += deletedAtOnceMax) {
      await this.write(keys.slice(at, at + deletedAtOnceMax).map(key => ({ type: 'del', key })))
    }
  }

  /** Drops everything under a prefix, from the files too. */
  async erase(prefix: string): Promise<void> {
    await this.#last
    this.#opened.clear()
    await this.#level.clear({ gte: prefix, lt: `${prefix}~` })
    await this.#level.compactRange(prefix, `${prefix}~`)
  }

  compact(prefix: string): Promise<void> {
    return this.#level.compactRange(prefix, `${prefix}~`)
  }

  async close(): Promise<void> {
    await this.#last
    await this.#level.close()
  }
}
