import type { Database } from './database.ts'
import { sequenceValue } from './markers.ts'

/**
 * So many batches back it can be told what they changed: minutes of a busy peer. Of whoever follows and falls behind
 * further all is looked through again. At most 64 subjects of 33 bytes in most batches.
 */
export const changeWindowDefault = 32_768

/** Byte 0 is the disk's own: callers' keys start above it. */
const own = 0
const letter = { base: 0x6c, change: 0x63 } as const
const sequenceBytes = 6
const formatVersion = 1
const subjectBytesMax = 255

/** Number of the first batch from which on changes are listed. */
export const changesBaseKey = Uint8Array.of(own, letter.base)

export function changeKey(sequence: number): Uint8Array {
  const key = Buffer.alloc(2 + sequenceBytes)
  key[0] = own
  key[1] = letter.change
  key.writeUIntBE(sequence, 2, sequenceBytes)
  return key
}

/** What a batch changed: format version, then for each subject its length (1 byte) and bytes. Each is listed once. */
export function changeValue(subjects: readonly Uint8Array[]): Uint8Array {
  const distinct = new Map(subjects.map(subject => [Buffer.from(subject).toString('latin1'), subject]))
  const parts: Uint8Array[] = [Uint8Array.of(formatVersion)]
  for (const subject of distinct.values())
    if (subject.length <= subjectBytesMax) parts.push(Uint8Array.of(subject.length), subject)
  return Buffer.concat(parts)
}

/** Whether the list goes back to a batch, or has to begin anew behind `last`. */
export function changesFrom(database: Database, last: number, isDamaged: boolean): number | null {
  const stored = database.getSync(changesBaseKey)
  if (isDamaged || stored === undefined || stored.length < sequenceBytes) return null
  const base = Buffer.from(stored).readUIntBE(0, sequenceBytes)
  return base <= last + 1 ? base : null
}

export const changesBase = (sequence: number): Uint8Array => sequenceValue(sequence)

/**
 * What some batches changed, oldest first.
 *
 * @returns null when a list is no list of this format: whoever follows looks through everything.
 */
export async function readChanges(
  database: Database,
  after: number,
  last: number,
  batchesMax: number,
): Promise<{ readonly through: number; readonly subjects: readonly Uint8Array[] } | null> {
  const gte = changeKey(after + 1)
  const found = await database.iterator({ gte, lt: changeKey(last + 1), limit: batchesMax }).all()
  const subjects: Uint8Array[] = []
  for (const [, value] of found) {
    if (value[0] !== formatVersion) return null
    for (let at = 1; at < value.length; ) {
      const end = at + 1 + value[at]!
      if (end > value.length) return null
      subjects.push(value.subarray(at + 1, end))
      at = end
    }
  }
  const [newest] = found.at(-1) ?? []
  const isLast = found.length < batchesMax || newest === undefined
  return { through: isLast ? last : sequenceOf(newest), subjects }
}

const sequenceOf = (key: Uint8Array): number =>
  Buffer.from(key.buffer, key.byteOffset, key.length).readUIntBE(2, sequenceBytes)
