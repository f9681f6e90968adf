import type { ShelfWords } from '../analysis/shelf-words.ts'
import { listFields, valueFields } from '../api.ts'
import { type Columns, emptyColumns, forEachListField, type ValueTables } from '../segment/columns.ts'
import { Segment, type Words } from '../segment/segment.ts'
import type { Strings } from '../segment/strings.ts'
import { damaged } from './piece-sealer.ts'

/** Plaintext of one sealed chunk. */
export const chunkBytes = 256 * 1024
const wordsPerSlice = 4096
type Numbers = Uint8Array | Uint16Array | Uint32Array | Float32Array | Float64Array

/**
 * A segment as bytes, in chunks. First a JSON line of sizes, then the columns as they lie in memory (little-endian), the
 * words in the order in which they are packed, one a line, and the values of filters, as JSON. Numbers of words and values mean
 * something within the segment only.
 */
export function* encodeSegment(
  segment: Segment,
  vocabulary: ShelfWords,
  tables: ValueTables,
): Generator<Uint8Array, void> {
  const out = new Chunks()
  for (const section of sections(segment, vocabulary, tables)) {
    yield* out.add(section)
  }
  yield* out.end()
}

function* sections(segment: Segment, vocabulary: ShelfWords, tables: ValueTables): Generator<Uint8Array> {
  const { words, columns } = segment
  const locals = [
    ...valueFields.map(name => localNumbers(columns.values[name], tables[name])),
    ...listFields.map(name => localNumbers(columns.lists[name].ids, tables[name])),
  ]
  const texts = Buffer.from(JSON.stringify(locals.map(({ values }) => values)))
  const terms = Buffer.from(
    packedOrder(words)
      .map(id => vocabulary.textOf(id))
      .join('\n'),
  )
  const sizes = {
    documents: segment.documents,
    words: words.ids.length,
    postings: words.postings.length,
    positions: words.positions.length,
    listed: listFields.map(name => columns.lists[name].ids.length),
    terms: terms.length,
    texts: texts.length,
  }
  const head = Buffer.from(JSON.stringify(sizes))
  const length = Buffer.alloc(4)
  length.writeUInt32LE(head.length)
  yield length
  yield head
  for (const column of fixedColumns(columns)) yield bytesOf(column)
  for (const { numbers } of locals) yield bytesOf(numbers)
  for (const name of listFields) yield bytesOf(columns.lists[name].starts)
  for (const part of [words.postingStarts, words.positionStarts, words.postings, words.positions])
    yield bytesOf(part)
  yield terms
  yield texts
}

/**
 * The segment again; its words and values get the numbers of this vocabulary and these tables. Yields often.
 *
 * @param chunk - gives chunk `i`.
 * @throws SlurpError INTEGRITY_FAILED when the bytes are no segment.
 */
export function* decodeSegment(
  chunk: (index: number) => Uint8Array,
  vocabulary: ShelfWords,
  tables: ValueTables,
): Generator<void, Segment> {
  const input = new ChunkReader(chunk)
  const sizes = JSON.parse(input.take(input.take(4).readUInt32LE(0)).toString()) as Sizes
  const columns = emptyColumns(
    sizes.documents,
    forEachListField(name => sizes.listed[listFields.indexOf(name)]!),
  )
  for (const column of fixedColumns(columns)) input.fill(bytesOf(column))
  yield
  const numbers = [
    ...valueFields.map(name => columns.values[name]),
    ...listFields.map(name => columns.lists[name].ids),
  ]
  for (const column of numbers) input.fill(bytesOf(column))
  for (const name of listFields) input.fill(bytesOf(columns.lists[name].starts))
  yield
  const packed = {
    postingStarts: new Uint32Array(sizes.words + 1),
    positionStarts: new Uint32Array(sizes.words + 1),
    postings: new Uint8Array(sizes.postings),
    positions: new Uint8Array(sizes.positions),
  }
  for (const part of Object.values(packed)) {
    for (const slice of slices(bytesOf(part))) {
      input.fill(slice)
      yield
    }
  }
  const terms = input.take(sizes.terms).toString()
  const texts = JSON.parse(input.take(sizes.texts).toString()) as string[][]
  for (const [index, name] of [...valueFields, ...listFields].entries()) {
    renumber(numbers[index]!, texts[index]!, tables[name])
    yield
  }
  const words = { ...(yield* numberWords(terms, sizes.words, vocabulary)), ...packed }
  return new Segment(words, columns, new Float64Array(sizes.documents).fill(Number.POSITIVE_INFINITY))
}

type Sizes = {
  documents: number
  words: number
  postings: number
  positions: number
  listed: number[]
  terms: number
  texts: number
}

const fixedColumns = (columns: Columns): Numbers[] => [
  columns.keys,
  columns.versions,
  columns.writtenMs,
  columns.createdMs,
  columns.confidence,
  columns.lengths,
  columns.partitions,
  columns.records,
  columns.fieldStarts,
]

const bytesOf = (numbers: Numbers): Uint8Array =>
  new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength)

/** Numbers of words in the order in which they are packed. */
function packedOrder({ ids, slots }: Words): number[] {
  const order = new Array<number>(ids.length)
  for (let i = 0; i < ids.length; i++) order[slots[i]!] = ids[i]!
  return order
}

/** Numbers from 1 in the order of first use, and the texts that they stand for; 0 stays 0. */
function localNumbers(numbers: Uint32Array, table: Strings): { numbers: Uint32Array; values: string[] } {
  const local = new Map<number, number>([[0, 0]])
  const values: string[] = []
  const mapped = numbers.map(id => {
    const known = local.get(id)
    if (known !== undefined) return known
    local.set(id, values.push(table.textOf(id)))
    return values.length
  })
  return { numbers: mapped, values }
}

function renumber(numbers: Uint32Array, values: readonly string[], table: Strings): void {
  const ids = [0, ...values.map(value => table.idOf(value))]
  for (let i = 0; i < numbers.length; i++) numbers[i] = ids[numbers[i]!] ?? 0
}

function* numberWords(
  terms: string,
  count: number,
  vocabulary: ShelfWords,
): Generator<void, Pick<Words, 'ids' | 'slots'>> {
  const texts = count === 0 ? [] : terms.split('\n')
  if (texts.length !== count) throw damaged()
  // The number and the slot in one, to sort both.
  const order = new Float64Array(count)
  for (let slot = 0; slot < count; slot++) {
    order[slot] = vocabulary.add(texts[slot]!) * 2 ** 26 + slot
    if (slot % wordsPerSlice === wordsPerSlice - 1) yield
  }
  order.sort()
  return {
    ids: Uint32Array.from(order, value => Math.floor(value / 2 ** 26)),
    slots: Uint32Array.from(order, value => value % 2 ** 26),
  }
}

function* slices(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes)
}

/** Cuts a row of byte strings into chunks of one size. */
class Chunks {
  #chunk = new Uint8Array(chunkBytes)
  #length = 0;

  *add(bytes: Uint8Array): Generator<Uint8Array> {
    for (let at = 0; at < bytes.length; ) {
      const part = bytes.subarray(at, at + chunkBytes - this.#length)
      this.#chunk.set(part, this.#length)
      this.#length += part.length
      at += part.length
      if (this.#length === chunkBytes) yield* this.end()
    }
  }

  *end(): Generator<Uint8Array> {
    if (this.#length === 0) return
    yield this.#chunk.subarray(0, this.#length)
    this.#chunk = new Uint8Array(chunkBytes)
    this.#length = 0
  }
}

class ChunkReader {
  readonly #chunk: (index: number) => Uint8Array
  #bytes: Uint8Array = new Uint8Array(0)
  #at = 0
  #next = 0

  constructor(chunk: (index: number) => Uint8Array) {
    this.#chunk = chunk
  }

  fill(target: Uint8Array): void {
    for (let filled = 0; filled < target.length; ) {
      if (this.#at === this.#bytes.length) {
        this.#bytes = this.#chunk(this.#next++)
        this.#at = 0
      }
      const part = this.#bytes.subarray(this.#at, this.#at + target.length - filled)
      if (part.length === 0) throw damaged()
      target.set(part, filled)
      filled += part.length
      this.#at += part.length
    }
  }

  take(length: number): Buffer {
    const bytes = Buffer.alloc(length)
    this.fill(bytes)
    return bytes
  }
}
