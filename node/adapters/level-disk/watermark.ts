import { closeSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { crc32 } from 'node:zlib'
import { syncFolder } from './damage-note.ts'

/** Sequence numbers of batches; the first is 1. */
export type Mark = {
  /** Markers are complete from here on. */
  readonly base: number
  /** Last durable batch; 0 for none. */
  readonly last: number
}

/** Version 1, three bytes 0, base and last as 48-bit numbers, CRC-32 of the bytes before. */
const formatVersion = 1
const slotBytes = 20
/** Slots lie in different pages, so that a torn write spoils one of them. */
const slotEvery = 4096
const slots = 2

/**
 * A small file beside the database that remembers its last batch, so that a log that ends too early is noticed.
 * It is written without sync: after a power cut it may be behind the data, never ahead. Batches take the two
 * slots in turn.
 */
export class Watermark {
  private readonly file: number
  private readonly slot = Buffer.alloc(slotBytes)

  /** Opens the file, or makes it anew. Only under the lock of the database. */
  constructor(path: string, mark: Mark, anew: boolean) {
    this.file = openSync(path, anew ? 'w+' : 'r+', 0o600)
    if (!anew) return
    // Its whole size from the start: it never grows later, so a full disk cannot stop it.
    writeSync(this.file, Buffer.alloc(slotEvery * slots))
    this.note(mark)
    this.sync()
    syncFolder(dirname(path))
  }

  /** A few microseconds. @throws what the file system throws. */
  note(mark: Mark): void {
    this.slot[0] = formatVersion
    this.slot.writeUIntBE(mark.base, 4, 6)
    this.slot.writeUIntBE(mark.last, 10, 6)
    this.slot.writeUInt32BE(crc32(this.slot.subarray(0, 16)), 16)
    writeSync(this.file, this.slot, 0, slotBytes, (mark.last % slots) * slotEvery)
  }

  sync(): void {
    fsyncSync(this.file)
  }

  close(): void {
    fsyncSync(this.file)
    closeSync(this.file)
  }
}

/** @returns `missing` without a file, `damaged` when no slot can be believed. */
export function readWatermark(path: string): Mark | 'missing' | 'damaged' {
  let bytes: Buffer
  try {
    bytes = readFileSync(path)
  } catch (failure) {
    if ((failure as NodeJS.ErrnoException).code === 'ENOENT') return 'missing'
    throw failure
  }
  let best: Mark | 'damaged' = 'damaged'
  for (let index = 0; index < slots; index++) {
    const slot = bytes.subarray(index * slotEvery, index * slotEvery + slotBytes)
    if (slot.length < slotBytes || slot[0] !== formatVersion) continue
    if (slot.readUInt32BE(16) !== crc32(slot.subarray(0, 16))) continue
    const mark = { base: slot.readUIntBE(4, 6), last: slot.readUIntBE(10, 6) }
    if (best === 'damaged' || mark.last > best.last) best = mark
  }
  return best
}
