import { mkdir, readdir, readFile, rename, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32c, masked } from './crc32c.ts'
import { unsnappied } from './snappy.ts'

/**
 * Level writes a checksum with every block of a table file and does not look at it when it reads: a flipped byte
 * in a stored key or in a filter makes a record silently absent, and others trip an assertion that ends the
 * process (both measured). So we check the blocks before Level opens, and before a compaction gives damaged
 * bytes a new checksum. Format: LevelDB's doc/table_format.md.
 */

/** Newest tables first, at most this much a start, in bytes; older ones were checked in starts before. */
export const tablesCheckedBytesMax = 1024 * 1024 * 1024
/** Above this a table is no table that we wrote. */
const tableBytesMax = 512 * 1024 * 1024

const indexBytesMax = 64 * 1024 * 1024

const footerBytes = 48
const trailerBytes = 5
const magic = Buffer.from('57fb808b247547db', 'hex')

/**
 * Moves tables that do not have the checksums they carry to the folder `lost` in `dir`, where Level's own repair
 * puts what it gives up too; the caller then rebuilds the database from the others.
 *
 * @param live - numbers of the tables that count, as the others say nothing about what was stored; null: all of them.
 * @param before - called before the first is moved.
 */
export async function setDamagedTablesAside(
  dir: string,
  live: ReadonlySet<number> | null,
  before: () => void,
): Promise<void> {
  const damaged = await damagedTables(dir, live)
  if (damaged.length === 0) return
  before()
  await mkdir(join(dir, 'lost'), { recursive: true })
  for (const name of damaged) await rename(join(dir, name), join(dir, 'lost', name))
}

async function damagedTables(dir: string, live: ReadonlySet<number> | null): Promise<readonly string[]> {
  const numberOf = (name: string) => Number.parseInt(name, 10)
  const isTable = (name: string) => /^\d+\.(ldb|sst)$/.test(name)
  const names = (await readdir(dir)).filter(name => isTable(name) && live?.has(numberOf(name)) !== false)
  names.sort((a, b) => numberOf(b) - numberOf(a))
  const damaged: string[] = []
  let checkedBytes = 0
  for (const name of names) {
    const bytes = await contents(join(dir, name))
    if (bytes === null) continue
    if (!tableIsWhole(bytes)) damaged.push(name)
    checkedBytes += bytes.length
    if (checkedBytes > tablesCheckedBytesMax) break
  }
  return damaged
}

/** @returns null when the file is gone: another process holds the database, which its lock will tell. */
async function contents(path: string): Promise<Buffer | null> {
  try {
    if ((await stat(path)).size > tableBytesMax) return Buffer.alloc(0)
    return await readFile(path)
  } catch (failure) {
    if ((failure as NodeJS.ErrnoException).code === 'ENOENT') return null
    // A sector that cannot be read is damage like any other.
    if ((failure as NodeJS.ErrnoException).code === 'EIO') return Buffer.alloc(0)
    throw failure
  }
}

/** Whether every block of a table, its index and its filters have their checksums. */
export function tableIsWhole(bytes: Buffer): boolean {
  if (bytes.length < footerBytes) return false
  const footer = bytes.subarray(bytes.length - footerBytes)
  if (!footer.subarray(footerBytes - magic.length).equals(magic)) return false
  const handles = new Cursor(footer)
  const metaIndex = blockAt(bytes, handles.handle())
  const index = blockAt(bytes, handles.handle())
  if (metaIndex === null || index === null) return false
  for (const block of [metaIndex, index]) {
    const plain = uncompressed(block)
    const inner = plain === null ? null : handlesIn(plain)
    if (inner === null || inner.some(handle => blockAt(bytes, handle) === null)) return false
  }
  return true
}

type Handle = { readonly offset: number; readonly size: number }

/** @returns the contents of a block, null when it lies outside the file or its checksum is wrong. */
function blockAt(bytes: Buffer, handle: Handle | null): Buffer | null {
  if (handle === null) return null
  const end = handle.offset + handle.size
  if (end + trailerBytes > bytes.length - footerBytes) return null
  // The sum covers the contents and the byte behind them, which names the compression.
  return bytes.readUInt32LE(end + 1) === masked(crc32c(bytes.subarray(handle.offset, end + 1)))
    ? bytes.subarray(handle.offset, end + 1)
    : null
}

/** @param block - as `blockAt` gives it. */
function uncompressed(block: Buffer): Buffer | null {
  const contents = block.subarray(0, -1)
  if (block.at(-1) === 0) return contents
  const plain = block.at(-1) === 1 ? unsnappied(contents, indexBytesMax) : null
  return plain === null ? null : Buffer.from(plain.buffer)
}

/** The handles that the entries of an index block hold; null when it is no such block. */
function handlesIn(block: Buffer): readonly Handle[] | null {
  if (block.length < 4) return null
  const restarts = block.readUInt32LE(block.length - 4)
  const end = block.length - 4 - restarts * 4
  if (end < 0) return null
  const handles: Handle[] = []
  const cursor = new Cursor(block.subarray(0, end))
  while (cursor.at < end) {
    cursor.varint()
    const keyBytes = cursor.varint()
    const valueBytes = cursor.varint()
    const valueAt = cursor.at + keyBytes
    cursor.at = valueAt
    const handle = cursor.handle()
    if (handle === null || cursor.at !== valueAt + valueBytes) return null
    handles.push(handle)
  }
  return handles
}

/** Reads past the end give -1 and stay there, so a walk over damaged bytes ends. */
class Cursor {
  at = 0
  private readonly bytes: Buffer

  constructor(bytes: Buffer) {
    this.bytes = bytes
  }

  varint(): number {
    let value = 0
    for (let scale = 1; scale <= 2 ** 42; scale *= 0x80) {
      const byte = this.bytes[this.at++]
      if (byte === undefined) break
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return value
    }
    this.at = this.bytes.length
    return -1
  }

  handle(): Handle | null {
    const offset = this.varint()
    const size = this.varint()
    return offset < 0 || size < 0 ? null : { offset, size }
  }
}
