import { createReadStream, statSync } from 'node:fs'
import { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { SlurpError } from '../../../base/errors.ts'
import { lineBytesMaxDefault, type NumberedLine, splitLines } from '../../store/ndjson.ts'

const chunkBytes = 256 * 1024

/** A file of lines, gzip or not, with how much of it was read. */
export type Source = {
  readonly lines: AsyncGenerator<NumberedLine>
  /** Bytes of the file read so far; with `bytesTotal` the progress. */
  readonly bytesRead: () => number
  /** Null where it is not known: standard input. */
  readonly bytesTotal: number | null
}

/**
 * Opens FILE, or standard input for `-`. Memory stays constant: one line and one chunk at a time.
 *
 * @throws SlurpError USAGE when it cannot be read; while reading also INTEGRITY_FAILED for damaged gzip.
 */
export function openSource(path: string, input: Readable | null, lineBytesMax = lineBytesMaxDefault): Source {
  let bytesRead = 0
  const raw = path === '-' ? input : openFile(path)
  if (raw === null) throw new SlurpError('USAGE', 'There is no standard input here.')
  const bytesTotal = path === '-' ? null : statSync(path).size
  async function* counted(): AsyncGenerator<Buffer> {
    for await (const chunk of raw as Readable) {
      const bytes = Buffer.from(chunk)
      bytesRead += bytes.length
      yield bytes
    }
  }
  return {
    lines: splitLines(unzipped(counted(), path), lineBytesMax),
    bytesRead: () => bytesRead,
    bytesTotal,
  }
}

function openFile(path: string): Readable {
  try {
    if (!statSync(path).isFile()) throw new SlurpError('USAGE', `${path} is not a file.`)
  } catch (thrown) {
    if (thrown instanceof SlurpError) throw thrown
    const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : 'unknown'
    throw new SlurpError('USAGE', `The file ${path} cannot be read (${code}).`, { cause: thrown })
  }
  return createReadStream(path, { highWaterMark: chunkBytes })
}

/** Unzips what starts as gzip does, however many members follow each other. */
async function* unzipped(chunks: AsyncGenerator<Buffer>, path: string): AsyncGenerator<Buffer> {
  const first = await chunks.next()
  if (first.done) return
  async function* whole() {
    yield first.value as Buffer
    yield* chunks
  }
  const isGzip = first.value[0] === 0x1f && first.value[1] === 0x8b
  if (!isGzip) {
    yield* whole()
    return
  }
  const gunzip = createGunzip()
  const source = Readable.from(whole())
  source.on('error', failure => gunzip.destroy(failure))
  source.pipe(gunzip)
  try {
    for await (const chunk of gunzip) yield chunk as Buffer
  } catch (cause) {
    throw new SlurpError(
      'INTEGRITY_FAILED',
      `${path} is damaged: its gzip data ends early or is not valid.`,
      {
        hint: 'Get the file again; what was read before the damage was sent.',
        cause,
      },
    )
  } finally {
    source.destroy()
  }
}
