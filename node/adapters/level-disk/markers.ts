import type { Database } from './database.ts'

/**
 * Level's log is read leniently: behind a flipped byte it drops the rest of a 32 KB block and opens without a
 * word (measured). So each batch also puts a marker with its number, and a missing marker is a missing batch.
 * A marker is deleted this many batches later. Level's logs hold twice its write buffer, 64 MB, and a batch
 * of ours takes about 500 bytes or more, so what is older lies in tables, which tables.ts checks.
 */
export const markerWindow = 131_072

/** Byte 0 is the disk's own: callers' keys start above it. */
const own = 0
const letter = { base: 0x62, marker: 0x6d } as const

/** Number from which on markers are complete. */
export const baseKey = Uint8Array.of(own, letter.base)
const sequenceBytes = 6

export function markerKey(sequence: number): Uint8Array {
  const key = Buffer.alloc(2 + sequenceBytes)
  key[0] = own
  key[1] = letter.marker
  key.writeUIntBE(sequence, 2, sequenceBytes)
  return key
}

export function sequenceValue(sequence: number): Uint8Array {
  const value = Buffer.alloc(sequenceBytes)
  value.writeUIntBE(sequence, 0, sequenceBytes)
  return value
}

const markersEnd = Uint8Array.of(own, letter.marker + 1)

/** What the markers say. */
export type MarkerVerdict = {
  /** Greatest number with a marker; 0 for none. */
  readonly last: number
  readonly base: number
  /** Numbers between base and last are missing. */
  readonly gaps: boolean
}

/** @param knownBase - base that the watermark remembers. Cost: 3 µs a marker, at most `markerWindow` of them. */
export async function checkMarkers(database: Database, knownBase: number): Promise<MarkerVerdict> {
  const stored = database.getSync(baseKey)
  const storedBase =
    stored === undefined || stored.length < sequenceBytes
      ? 1
      : Buffer.from(stored).readUIntBE(0, sequenceBytes)
  const base = Math.max(knownBase, storedBase)
  const [newest] = await database.keys({ gte: markerKey(0), lt: markersEnd, reverse: true, limit: 1 }).all()
  const last = newest === undefined ? 0 : sequenceOf(newest)
  let expected = Math.max(base, last - markerWindow + 1)
  const walk = database.keys({ gte: markerKey(expected), lt: markersEnd })
  try {
    for (;;) {
      const keys = await walk.nextv(4096)
      if (keys.length === 0) break
      for (const key of keys) if (sequenceOf(key) !== expected++) return { last, base, gaps: true }
    }
  } finally {
    await walk.close()
  }
  return { last, base, gaps: expected <= last }
}

const sequenceOf = (key: Uint8Array): number =>
  Buffer.from(key.buffer, key.byteOffset, key.length).readUIntBE(2, sequenceBytes)
