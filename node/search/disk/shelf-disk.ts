import { randomInt } from 'node:crypto'
import { z } from 'zod'
import type { ShelfWords } from '../analysis/shelf-words.ts'
import type { Checkpoint, IndexDocument } from '../api.ts'
import type { ValueTables } from '../segment/columns.ts'
import type { Segment } from '../segment/segment.ts'
import { packPadded, unpackPadded } from './padded.ts'
import { damaged, PieceSealer } from './piece-sealer.ts'
import type { PieceChange, PieceStore } from './piece-store.ts'
import { decodeSegment, encodeSegment } from './segment-codec.ts'
import { headerBytes, type ShelfKey } from './shelf-key.ts'

const whole = z.number().int().min(0)
const checkpointShape = z.strictObject({ source: z.string(), sequence: whole }).nullable()

const manifestShape = z.strictObject({
  /** Grows with every manifest of this shelf. */
  generation: whole,
  /** What the segments were made with: another configuration asks for a rebuild. */
  configuration: z.string(),
  segments: z.array(z.strictObject({ id: whole, chunks: whole, state: whole.nullable() })),
  /** The first entry of the log that is not in the segments yet. */
  logFrom: whole,
  nextRecord: whole,
  nextState: whole,
  checkpoint: checkpointShape,
})
export type Manifest = z.infer<typeof manifestShape>

const opShape = z.discriminatedUnion('op', [
  z.strictObject({
    op: z.literal('put'),
    record: whole,
    key: z.string(),
    version: z.string(),
    partition: whole,
  }),
  z.strictObject({ op: z.literal('remove'), key: z.string() }),
  z.strictObject({ op: z.literal('trim'), key: z.string(), keepFrom: z.string() }),
  z.strictObject({ op: z.literal('removePartition'), partition: whole }),
  /** A version of the key in another shelf ended those below it here. */
  z.strictObject({ op: z.literal('end'), key: z.string(), version: z.string(), untilMs: z.number() }),
])
const logShape = z.strictObject({ ops: z.array(opShape), checkpoint: checkpointShape })
export type LogOp = z.infer<typeof opShape>
export type LogEntry = z.infer<typeof logShape>

/** Log entries and records that share a key. */
const headPrefix = 'head/'
const groupSize = 65_536
const segmentIdsEnd = 2 ** 47
const chunksAtOnce = 16
const digits = (number: number): string => number.toString(16).padStart(12, '0')

/** The pieces of one shelf on disk. Who calls orders the calls. */
export class ShelfDisk {
  readonly #store: PieceStore
  readonly #sealer: PieceSealer
  readonly #prefix: string
  readonly id: string
  readonly header: ShelfKey['header']
  manifest: Manifest
  nextLog: number

  constructor(store: PieceStore, id: string, { header, key }: ShelfKey, manifest: Manifest) {
    this.#store = store
    this.#sealer = new PieceSealer(key)
    this.#prefix = `${id}/`
    this.id = id
    this.header = header
    this.manifest = manifest
    this.nextLog = manifest.logFrom
  }

  static headerKey = (id: string): string => headPrefix + id

  /** Shelves that have a header. */
  static async ids(store: PieceStore): Promise<string[]> {
    return (await store.keys(headPrefix)).map(key => key.slice(headPrefix.length))
  }

  /** @throws SlurpError INTEGRITY_FAILED when it is missing, changed or older than `generation`. */
  static open(store: PieceStore, id: string, shelfKey: ShelfKey, generation: number): ShelfDisk {
    const disk = new ShelfDisk(store, id, shelfKey, emptyManifest(''))
    const manifest = parsed(manifestShape, disk.#open(manifestPlace, 'manifest'))
    if (manifest.generation < generation) throw damaged()
    disk.manifest = manifest
    disk.nextLog = manifest.logFrom
    return disk
  }

  /** The first pieces of a new shelf. */
  async create(): Promise<void> {
    await this.#store.write(
      [
        { type: 'put', key: ShelfDisk.headerKey(this.id), value: headerBytes(this.header) },
        this.#sealed('manifest', manifestPlace, this.manifest),
      ],
      true,
    )
  }

  /** Changes that note what was done, in one batch with `others`. Not durable before they are written. */
  logged(entry: LogEntry): PieceChange {
    const number = this.nextLog++
    return this.#sealed(logName(number), logPlace(number), entry)
  }

  /** Entries that are not in the segments yet. @throws SlurpError INTEGRITY_FAILED for a gap. */
  async log(): Promise<LogEntry[]> {
    const entries: LogEntry[] = []
    for (const name of await this.#names('l/')) {
      if (name < logName(this.manifest.logFrom)) continue
      if (name !== logName(this.nextLog)) throw damaged()
      entries.push(parsed(logShape, this.#open(logPlace(this.nextLog), name)))
      this.nextLog++
    }
    return entries
  }

  /** @returns the number of the record and the change that writes it. */
  recorded(document: IndexDocument): { record: number; change: PieceChange } {
    const record = this.manifest.nextRecord
    this.manifest = { ...this.manifest, nextRecord: record + 1 }
    const piece = this.#sealer.seal(recordPlace(record), packPadded(JSON.stringify(document)))
    return { record, change: { type: 'put', key: this.#prefix + recordName(record), value: piece } }
  }

  forgotten(record: number): PieceChange {
    return { type: 'del', key: this.#prefix + recordName(record) }
  }

  /** As it lies on disk. @returns null when it was forgotten. @throws SlurpError INTEGRITY_FAILED. */
  record(record: number): IndexDocument | null {
    const piece = this.#store.get(this.#prefix + recordName(record))
    return piece === null ? null : this.#opened(record, piece)
  }

  /** The same, from memory when it was asked for lately. */
  shownRecord(record: number): IndexDocument | null {
    const name = this.#prefix + recordName(record)
    return this.#store.opened(name, piece => this.#opened(record, piece))
  }

  /** Sees to it that numbers of records that were logged are not given again. */
  noteRecord(record: number): void {
    if (record >= this.manifest.nextRecord) this.manifest = { ...this.manifest, nextRecord: record + 1 }
  }

  /**
   * Writes the chunks of a segment; they mean nothing before a manifest names them.
   *
   * @returns its number and how many chunks it has. Yields promises of writes and rests.
   */
  async *writeSegment(
    segment: Segment,
    vocabulary: ShelfWords,
    tables: ValueTables,
  ): AsyncGenerator<void, { id: number; chunks: number }> {
    // By chance, so that what a crash left behind never has the number of a segment to come.
    const id = randomInt(segmentIdsEnd)
    let chunks = 0
    let batch: PieceChange[] = []
    for (const chunk of encodeSegment(segment, vocabulary, tables)) {
      const piece = this.#sealer.seal(chunkPlace(id, chunks), chunk)
      batch.push({ type: 'put', key: this.#prefix + chunkName(id, chunks), value: piece })
      chunks++
      if (batch.length >= chunksAtOnce) {
        await this.#store.write(batch)
        batch = []
      }
      yield
    }
    await this.#store.write(batch)
    return { id, chunks }
  }

  /** A stored segment with its state. @throws SlurpError INTEGRITY_FAILED. */
  *readSegment(
    stored: Manifest['segments'][number],
    vocabulary: ShelfWords,
    tables: ValueTables,
  ): Generator<void, Segment> {
    const chunk = (index: number) => {
      if (index >= stored.chunks) throw damaged()
      return this.#open(chunkPlace(stored.id, index), chunkName(stored.id, index))
    }
    const segment = yield* decodeSegment(chunk, vocabulary, tables)
    if (stored.state !== null) {
      const bytes = this.#open(statePlace(stored.id, stored.state), stateName(stored.id))
      for (let at = 0; at + 16 <= bytes.length; at += 16) {
        segment.end(bytes.readDoubleLE(at), bytes.readDoubleLE(at + 8))
      }
    }
    segment.stored = { ...stored, changes: segment.changes }
    return segment
  }

  /** Notes which documents of a stored segment have ended, when that is not on disk yet. */
  stated(segment: Segment): PieceChange[] {
    const stored = segment.stored
    if (stored === null || stored.changes === segment.changes) return []
    const state = this.manifest.nextState
    this.manifest = { ...this.manifest, nextState: state + 1 }
    const bytes = Buffer.alloc((segment.documents - segment.currentCount) * 16)
    let at = 0
    for (let place = 0; place < segment.documents; place++) {
      if (segment.current[place] === 1) continue
      at = bytes.writeDoubleLE(place, at)
      at = bytes.writeDoubleLE(segment.until[place]!, at)
    }
    segment.stored = { ...stored, state, changes: segment.changes }
    const piece = this.#sealer.seal(statePlace(stored.id, state), bytes)
    return [{ type: 'put', key: this.#prefix + stateName(stored.id), value: piece }]
  }

  /** Makes a manifest the one that counts, durably, and then removes what it does not name. */
  async commit(manifest: Manifest, changes: readonly PieceChange[]): Promise<void> {
    const old = this.manifest.segments.filter(({ id }) => !manifest.segments.some(one => one.id === id))
    const oldLog = await this.#names('l/')
    this.manifest = {
      ...manifest,
      nextRecord: Math.max(manifest.nextRecord, this.manifest.nextRecord),
      nextState: this.manifest.nextState,
    }
    await this.#store.write([...changes, this.#sealed('manifest', manifestPlace, this.manifest)], true)
    await this.#store.removeAll([
      ...old.flatMap(({ id, chunks }) => [
        ...Array.from({ length: chunks }, (_, index) => this.#prefix + chunkName(id, index)),
        this.#prefix + stateName(id),
      ]),
      ...oldLog.filter(name => name < logName(manifest.logFrom)).map(name => this.#prefix + name),
    ])
  }

  /** Removes what a crash left behind: chunks that no manifest names, a log that is in the segments. */
  async tidy(): Promise<void> {
    const named = new Set(this.manifest.segments.map(({ id }) => digits(id)))
    const segments = await this.#names('s/')
    const states = await this.#names('t/')
    const log = await this.#names('l/')
    await this.#store.removeAll(
      [
        ...[...segments, ...states].filter(name => !named.has(name.split('/')[1]!)),
        ...log.filter(name => name < logName(this.manifest.logFrom)),
      ].map(name => this.#prefix + name),
    )
  }

  /** Every record that lies on disk, by number. */
  async recordNumbers(): Promise<number[]> {
    return (await this.#names('r/')).map(name => Number.parseInt(name.slice(2), 16))
  }

  /** Removes a shelf for good, whether it opens or not. */
  static async erase(store: PieceStore, id: string): Promise<void> {
    await store.removeAll([ShelfDisk.headerKey(id)])
    await store.erase(`${id}/`)
  }

  compact(): Promise<void> {
    return this.#store.compact(this.#prefix)
  }

  #opened(record: number, piece: Uint8Array): IndexDocument {
    return JSON.parse(unpackPadded(this.#sealer.open(recordPlace(record), piece))) as IndexDocument
  }

  async #names(kind: string): Promise<string[]> {
    const keys = await this.#store.keys(this.#prefix + kind)
    return keys.map(key => key.slice(this.#prefix.length))
  }

  #open(place: Parameters<PieceSealer['open']>[0], name: string): Buffer {
    const piece = this.#store.get(this.#prefix + name)
    if (piece === null) throw damaged()
    return this.#sealer.open(place, piece)
  }

  #sealed(name: string, place: Parameters<PieceSealer['seal']>[0], value: unknown): PieceChange {
    return {
      type: 'put',
      key: this.#prefix + name,
      value: this.#sealer.seal(place, Buffer.from(JSON.stringify(value))),
    }
  }
}

export const emptyManifest = (configuration: string, checkpoint: Checkpoint | null = null): Manifest => ({
  generation: 0,
  configuration,
  segments: [],
  logFrom: 0,
  nextRecord: 0,
  nextState: 0,
  checkpoint,
})

const manifestPlace = { kind: 'manifest', group: 0, index: 0, count: 1 } as const
const inGroups = (kind: 'log' | 'record') => (number: number) => ({
  kind,
  group: Math.floor(number / groupSize),
  index: number,
  count: 0,
})
const logPlace = inGroups('log')
const recordPlace = inGroups('record')
const chunkPlace = (segment: number, index: number) =>
  ({ kind: 'chunk', group: segment, index, count: 0 }) as const
const statePlace = (segment: number, index: number) =>
  ({ kind: 'state', group: segment, index, count: 0 }) as const
const logName = (number: number) => `l/${digits(number)}`
const recordName = (number: number) => `r/${digits(number)}`
const chunkName = (segment: number, index: number) => `s/${digits(segment)}/${digits(index)}`
const stateName = (segment: number) => `t/${digits(segment)}`

function parsed<T>(shape: z.ZodType<T>, bytes: Buffer): T {
  try {
    return shape.parse(JSON.parse(bytes.toString()))
  } catch {
    throw damaged()
  }
}
