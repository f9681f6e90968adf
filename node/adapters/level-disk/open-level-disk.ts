import { mkdir, readdir } from 'node:fs/promises'
import { ClassicLevel } from 'classic-level'
import { SlurpError } from '../../../base/errors.ts'
import type { DiskFound, OpenedDisk } from '../../ports/opened-disk.ts'
import { type DiskChange, DiskFailure } from '../../ports/ports.ts'
import { LevelDisk } from './level-disk.ts'
import { baseKey, checkMarkers, type Database, damageKey, sequenceValue, tableKey } from './markers.ts'
import { damagedTables } from './tables.ts'
import { type Mark, readWatermark, Watermark } from './watermark.ts'

export type LevelDiskOptions = {
  /** Folder of the database; `<dir>.watermark` lies beside it. */
  readonly dir: string
  /** The caller knows of data in it: an empty disk is an error. */
  readonly expectExisting: boolean
}

const writeBufferBytes = 32 * 1024 * 1024
const cacheBytes = 16 * 1024 * 1024
const noValue = new Uint8Array(0)

/**
 * Opens the database of one peer, or makes it where nothing was. Finds silent loss: checksums of all table
 * blocks, markers of the last batches, and a watermark outside of the database (docs/FORMATS.md, Disk).
 *
 * @throws SlurpError DATA_MISSING when data was there and is gone, DIRECTORY_TAKEN when another process has it
 * open, INTEGRITY_FAILED when Level cannot make sense of its own files.
 * Cost: about 2 ms a megabyte of tables and up to 0.4 s for the markers.
 */
export async function openLevelDisk(options: LevelDiskOptions): Promise<OpenedDisk> {
  const { dir } = options
  const watermarkPath = `${dir}.watermark`
  const files = await listed(dir)
  const exists = files.includes('CURRENT')
  if (!exists && (options.expectExisting || dataWasThere(files, watermarkPath))) {
    throw new SlurpError('DATA_MISSING', `The data in ${dir} is gone or incomplete: it has no CURRENT file.`)
  }
  const badTables = exists ? await damagedTables(dir) : []
  const database = await openDatabase(dir, !exists)
  try {
    const disk = await examine(database, watermarkPath, badTables, options)
    return disk
  } catch (failure) {
    await database.close()
    throw failure instanceof SlurpError ? failure : integrityFailed(dir, failure)
  }
}

async function examine(
  database: Database,
  watermarkPath: string,
  badTables: readonly string[],
  { dir, expectExisting }: LevelDiskOptions,
): Promise<OpenedDisk> {
  const remembered = readWatermark(watermarkPath)
  const mark: Mark = typeof remembered === 'string' ? { base: 1, last: 0 } : remembered
  const markers = await checkMarkers(database, mark.base)
  if (expectExisting && remembered === 'missing' && markers.last === 0) {
    throw new SlurpError('DATA_MISSING', `The database in ${dir} is empty although this peer had data.`)
  }
  const untold = badTables.filter(name => database.getSync(tableKey(name)) === undefined)
  const found: DiskFound = {
    fresh: mark.last === 0 && markers.last === 0 && remembered !== 'damaged',
    lostTail:
      remembered === 'damaged' ||
      (remembered === 'missing' ? markers.last > 0 : markers.last < mark.last && mark.last >= markers.base),
    gaps: markers.gaps || untold.length > 0 || database.getSync(damageKey) !== undefined,
  }
  const from = { base: markers.base, last: Math.max(markers.last, mark.last) }
  const damaged = found.lostTail || found.gaps
  // Before the watermark is made anew: a crash now must not make us forget what was found.
  if (damaged) await database.batch([{ type: 'put', key: damageKey, value: noValue }], { sync: true })
  const watermark = new Watermark(watermarkPath, from, typeof remembered === 'string')
  const disk = new LevelDisk(database, watermark, from)
  return {
    disk,
    found,
    acknowledgeDamage: () => acknowledge(disk, untold),
    close: () => disk.close(),
    compact: () => compact(database),
    stats: () => disk.stats(),
  }
}

/** The batch that forgets the damage is the first of the new count. */
async function acknowledge(disk: LevelDisk, badTables: readonly string[]): Promise<void> {
  const base = disk.nextSequence
  const batch: DiskChange[] = [
    { kind: 'put', key: baseKey, value: sequenceValue(base) },
    { kind: 'delete', key: damageKey },
    ...badTables.map(name => ({ kind: 'put', key: tableKey(name), value: noValue }) as const),
  ]
  await new Promise<void>((resolve, reject) => {
    disk.submit(batch, failure => (failure === null ? resolve() : reject(failure)))
  })
  disk.restartMarkers(base)
}

async function compact(database: Database): Promise<void> {
  try {
    await database.compactRange(noValue, new Uint8Array(64).fill(0xff))
  } catch (cause) {
    throw new DiskFailure('the database cannot be compacted', { cause })
  }
}

async function openDatabase(dir: string, anew: boolean): Promise<Database> {
  await mkdir(dir, { recursive: true, mode: 0o700 })
  const database: Database = new ClassicLevel(dir, { keyEncoding: 'view', valueEncoding: 'view' })
  try {
    await database.open({
      createIfMissing: anew,
      compression: false,
      writeBufferSize: writeBufferBytes,
      cacheSize: cacheBytes,
    })
  } catch (failure) {
    const cause = failure instanceof Error ? failure.cause : undefined
    if ((cause as { code?: unknown } | undefined)?.code === 'LEVEL_LOCKED') {
      throw new SlurpError('DIRECTORY_TAKEN', `Another process has ${dir} open.`, { cause: failure })
    }
    throw integrityFailed(dir, failure)
  }
  return database
}

function integrityFailed(dir: string, cause: unknown): SlurpError {
  return new SlurpError('INTEGRITY_FAILED', `The database in ${dir} cannot be opened.`, {
    cause,
    hint: 'Set the directory aside and let this peer join as a new one; the other replicas hold its data.',
  })
}

/** Tables or logs without CURRENT, or a watermark: there was a database here. */
function dataWasThere(files: readonly string[], watermarkPath: string): boolean {
  return files.some(name => /\.(ldb|sst|log)$/.test(name)) || readWatermark(watermarkPath) !== 'missing'
}

async function listed(dir: string): Promise<readonly string[]> {
  try {
    return await readdir(dir)
  } catch (failure) {
    if ((failure as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw failure
  }
}
