import { fromHex } from '../../../base/bytes.ts'
import type { RoleName } from '../../../base/ids.ts'
import { analyze } from '../analysis/analyze.ts'
import type { Change, IndexDocument } from '../api.ts'
import type { PieceChange } from '../disk/piece-store.ts'
import type { LogOp } from '../disk/shelf-disk.ts'
import { searchLimits } from '../limits.ts'
import { compareVersion, type Place } from '../rank/shelf.ts'
import { buildSegment } from '../segment/build.ts'
import { analyzersOf, type IndexConfiguration, weightsOf } from './configuration.ts'
import type { KeptShelf } from './kept-shelf.ts'

/** What a step has to write to the disk, in one batch. */
type Step = { readonly changes: PieceChange[]; readonly ops: Map<KeptShelf, LogOp[]> }
type Waiting = { readonly document: IndexDocument; readonly record: number; readonly untilMs: number }

/** All shelves of one configuration, and what changes do to them. */
export class Catalog {
  readonly configuration: IndexConfiguration
  readonly kept: KeptShelf[] = []
  /** It is being made of what another one has, and lacks most of it. */
  filling = false
  readonly #waiting = new Map<KeptShelf, Waiting[]>()
  readonly #waitingKeys = new Set<string>()

  constructor(configuration: IndexConfiguration) {
    this.configuration = configuration
  }

  /** Those that answer. */
  get shown(): readonly KeptShelf[] {
    return this.kept.filter(({ hidden }) => !hidden)
  }

  /** The shelf of these roles, in any order; null when there is none yet. */
  shelfFor(roles: readonly RoleName[]): KeptShelf | null {
    const wanted = shelfName(roles)
    return this.shown.find(({ shelf }) => shelfName(shelf.roles) === wanted) ?? null
  }

  /**
   * Does some changes, a batch of documents at most. The shelves of their roles are there.
   *
   * @returns what must be written, in this order, before anything that is done later.
   */
  carryOut(changes: readonly Change[]): PieceChange[] {
    const step: Step = { changes: [], ops: new Map() }
    for (const change of changes) this.#carryOut(change, step)
    this.#build()
    return [
      ...step.changes,
      ...[...step.ops].map(([kept, ops]) => kept.disk.logged({ ops, checkpoint: null })),
    ]
  }

  /**
   * Takes a document over into a shelf that is being filled, as it stands in the one that it is made of. Until that shelf is
   * stored as a whole it does not count, so its log need not say when the document ended.
   */
  copy(document: IndexDocument, untilMs: number, to: KeptShelf): PieceChange[] {
    const step: Step = { changes: [], ops: new Map() }
    if (this.#has(to, document)) return []
    this.#add(to, document, untilMs, step)
    this.#build()
    return [
      ...step.changes,
      ...[...step.ops].map(([kept, ops]) => kept.disk.logged({ ops, checkpoint: null })),
    ]
  }

  /** Does again what a log says was done to a shelf. @returns documents that are missing now. */
  replay(
    kept: KeptShelf,
    ops: readonly LogOp[],
    missing: (LogOp & { op: 'put' })[],
  ): (LogOp & { op: 'put' })[] {
    let left = missing
    const step: Step = { changes: [], ops: new Map() }
    for (const op of ops) {
      switch (op.op) {
        case 'put': {
          kept.disk.noteRecord(op.record)
          const document = kept.disk.record(op.record)
          if (document === null) left = [...left, op]
          else this.#put(document, step, { kept, record: op.record })
          break
        }
        case 'remove':
          this.#build()
          for (const place of kept.shelf.placesOf(fromHex(op.key)!)) place.segment.end(place.at, 0)
          left = left.filter(({ key }) => key !== op.key)
          break
        case 'trim':
          this.#build()
          for (const place of below(kept, op.key, op.keepFrom)) place.segment.end(place.at, 0)
          left = left.filter(({ key, version }) => key !== op.key || version >= op.keepFrom)
          break
        case 'removePartition':
          this.#build()
          for (const place of inPartition(kept, op.partition)) place.segment.end(place.at, 0)
          left = left.filter(({ partition }) => partition !== op.partition)
          break
        case 'end':
          this.#build()
          for (const place of below(kept, op.key, op.version)) place.segment.end(place.at, op.untilMs)
          if (op.untilMs === 0)
            left = left.filter(({ key, version }) => key !== op.key || version >= op.version)
      }
    }
    this.#build()
    return left
  }

  /** Whether a later version of a key is anywhere here. */
  hasAbove(key: string, version: string): boolean {
    return this.kept.some(({ shelf }) =>
      shelf.placesOf(fromHex(key)!).some(place => compareVersion(place, fromHex(version)!) > 0),
    )
  }

  #carryOut(change: Change, step: Step): void {
    if (change.kind === 'put') {
      this.#put(change.document, step, null)
      return
    }
    this.#build()
    for (const kept of this.kept) {
      const { places, op } = doomed(kept, change)
      for (const place of places) this.#end(kept, place, 0, step)
      if (places.length > 0) noteOp(step, kept, op)
    }
  }

  /** @param again - where a log says that it was put. */
  #put(document: IndexDocument, step: Step, again: { kept: KeptShelf; record: number } | null): void {
    if (this.#waitingKeys.has(document.key)) this.#build()
    const name = shelfName(document.roles)
    const targets = (again === null ? this.kept : [again.kept]).filter(
      kept => shelfName(kept.shelf.roles) === name && !this.#has(kept, document),
    )
    if (targets.length === 0) return
    const keepsHistory = this.configuration.history ?? true
    const version = fromHex(document.version)!
    let untilMs = Number.POSITIVE_INFINITY
    for (const kept of this.kept) {
      for (const place of kept.shelf.placesOf(fromHex(document.key)!)) {
        const order = compareVersion(place, version)
        if (order > 0)
          untilMs = Math.min(untilMs, keepsHistory ? place.segment.columns.writtenMs[place.at]! : 0)
        if (order >= 0 || place.segment.until[place.at]! <= document.writtenMs) continue
        const endMs = keepsHistory ? document.writtenMs : 0
        this.#end(kept, place, endMs, step)
        if (!targets.includes(kept) && again === null) noteOp(step, kept, endOp(document, endMs))
      }
    }
    if (untilMs === 0) return
    for (const kept of targets) this.#add(kept, document, untilMs, step, again?.record)
  }

  #add(kept: KeptShelf, document: IndexDocument, untilMs: number, step: Step, known?: number): void {
    let record = known
    if (record === undefined) {
      const recorded = kept.disk.recorded(document)
      record = recorded.record
      step.changes.push(recorded.change)
      const { key, version, partition } = document
      noteOp(step, kept, { op: 'put', record, key, version, partition })
    }
    const waiting = this.#waiting.get(kept) ?? []
    waiting.push({ document, record, untilMs })
    this.#waiting.set(kept, waiting)
    this.#waitingKeys.add(document.key)
    if (waiting.length >= searchLimits.batchDocumentsMax) this.#build()
  }

  #has(kept: KeptShelf, { key, version }: IndexDocument): boolean {
    return kept.shelf.placesOf(fromHex(key)!).some(place => compareVersion(place, fromHex(version)!) === 0)
  }

  #end(kept: KeptShelf, { segment, at }: Place, untilMs: number, step: Step): void {
    if (untilMs === 0) step.changes.push(kept.disk.forgotten(segment.columns.records[at]!))
    segment.end(at, untilMs)
  }

  /** Makes segments of the documents that wait for it. */
  #build(): void {
    const weights = weightsOf(this.configuration)
    const analyzers = analyzersOf(this.configuration)
    for (const [kept, waiting] of this.#waiting) {
      const { shelf } = kept
      const entries = waiting.map(({ document, record }) => ({
        document,
        record,
        analyzed: analyze(document, shelf.words, analyzers),
      }))
      const segment = buildSegment(entries, weights, shelf.tables)
      for (const [at, { untilMs }] of waiting.entries()) segment.end(at, untilMs)
      shelf.replace([], [segment])
    }
    this.#waiting.clear()
    this.#waitingKeys.clear()
  }
}

/** Roles as one name, in whatever order they came. */
export const shelfName = (roles: readonly RoleName[]): string => [...new Set(roles)].sort().join('+')

const endOp = ({ key, version }: IndexDocument, untilMs: number): LogOp => ({
  op: 'end',
  key,
  version,
  untilMs,
})

function noteOp(step: Step, kept: KeptShelf, op: LogOp): void {
  const ops = step.ops.get(kept)
  if (ops === undefined) step.ops.set(kept, [op])
  else ops.push(op)
}

function doomed(kept: KeptShelf, change: Exclude<Change, { kind: 'put' }>): { places: Place[]; op: LogOp } {
  switch (change.kind) {
    case 'remove':
      return { places: kept.shelf.placesOf(fromHex(change.key)!), op: { op: 'remove', key: change.key } }
    case 'trim': {
      const { key, keepFrom } = change
      return { places: below(kept, key, keepFrom), op: { op: 'trim', key, keepFrom } }
    }
    case 'removePartition': {
      const { partition } = change
      return { places: inPartition(kept, partition), op: { op: 'removePartition', partition } }
    }
  }
}

const below = ({ shelf }: KeptShelf, key: string, version: string): Place[] =>
  shelf.placesOf(fromHex(key)!).filter(place => compareVersion(place, fromHex(version)!) < 0)

function inPartition({ shelf }: KeptShelf, partition: number): Place[] {
  const places: Place[] = []
  for (const segment of shelf.segments) {
    for (let at = 0; at < segment.documents; at++) {
      if (segment.columns.partitions[at] === partition && segment.until[at] !== 0)
        places.push({ segment, at })
    }
  }
  return places
}
