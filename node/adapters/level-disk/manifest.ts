import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32c, masked } from './crc32c.ts'

/*
 * Which tables count is written in the file that CURRENT names. What else lies in the folder was left by a compaction
 * that did not come to its end, as a stop in the middle of one does, and Level removes it: it may be cut anywhere.
 * Formats: LevelDB's doc/log_format.md and the tags of db/version_edit.cc.
 */

const blockBytes = 32 * 1024
const headerBytes = 7
const types = { full: 1, first: 2, middle: 3, last: 4 } as const
const tags = {
  comparator: 1,
  logNumber: 2,
  nextFile: 3,
  lastSequence: 4,
  compactPointer: 5,
  deletedFile: 6,
  newFile: 7,
  previousLog: 9,
} as const

/** Numbers of the tables that count; null where that cannot be read, and all that are there may. */
export async function liveTables(dir: string): Promise<ReadonlySet<number> | null> {
  try {
    const name = (await readFile(join(dir, 'CURRENT'), 'latin1')).trim()
    if (!/^MANIFEST-\d+$/.test(name)) return null
    return tablesIn(await readFile(join(dir, name)))
  } catch (failure) {
    const { code } = failure as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'EIO') return null
    throw failure
  }
}

function tablesIn(bytes: Buffer): ReadonlySet<number> | null {
  const live = new Set<number>()
  const records = recordsOf(bytes)
  if (records === null) return null
  for (const record of records) {
    if (!applyEdit(record, live)) return null
  }
  return live
}

/** The records of a log, whole; one at the end that is cut is none. Null for a checksum that is wrong. */
function recordsOf(bytes: Buffer): Buffer[] | null {
  const records: Buffer[] = []
  let parts: Buffer[] = []
  let at = 0
  while (at + headerBytes <= bytes.length) {
    const leftInBlock = blockBytes - (at % blockBytes)
    if (leftInBlock < headerBytes) {
      at += leftInBlock
      continue
    }
    const length = bytes.readUInt16LE(at + 4)
    const type = bytes[at + 6]!
    const end = at + headerBytes + length
    if (end > bytes.length) break
    if (length > leftInBlock - headerBytes) return null
    if (bytes.readUInt32LE(at) !== masked(crc32c(bytes.subarray(at + 6, end)))) return null
    if (type === types.full || type === types.first) parts = []
    parts.push(bytes.subarray(at + headerBytes, end))
    if (type === types.full || type === types.last) records.push(Buffer.concat(parts))
    at = end
  }
  return records
}

/** @returns false for what is no edit of Level's. */
function applyEdit(bytes: Buffer, live: Set<number>): boolean {
  const reader = new Reader(bytes)
  while (!reader.isAtEnd) {
    switch (reader.varint()) {
      case tags.comparator:
        reader.skipBytes()
        break
      case tags.logNumber:
      case tags.nextFile:
      case tags.lastSequence:
      case tags.previousLog:
        reader.varint()
        break
      case tags.compactPointer:
        reader.varint()
        reader.skipBytes()
        break
      case tags.deletedFile:
        reader.varint()
        live.delete(reader.varint())
        break
      case tags.newFile: {
        reader.varint()
        const number = reader.varint()
        reader.varint()
        reader.skipBytes()
        reader.skipBytes()
        live.add(number)
        break
      }
      default:
        return false
    }
  }
  return !reader.isPastEnd
}

class Reader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length
  }

  get isPastEnd(): boolean {
    return this.#at > this.#bytes.length
  }

  /** Anything past the end reads as zeros, and leaves it past the end. */
  varint(): number {
    let value = 0
    for (let scale = 1; scale <= 2 ** 56; scale *= 0x80) {
      const byte = this.#bytes[this.#at++] ?? 0
      value += (byte & 0x7f) * scale
      if (byte < 0x80) break
    }
    return value
  }

  skipBytes(): void {
    const length = this.varint()
    this.#at += length
  }
}
