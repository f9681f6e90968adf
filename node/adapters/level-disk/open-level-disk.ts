import { mkdir, readdir, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { SlurpError } from '../../../base/errors.ts'
import type { DiskFound, FollowedDisk } from '../../ports/opened-disk.ts'
import { DiskFailure } from '../../ports/ports.ts'
import { changesFrom, changeWindowDefault } from './change-log.ts'
import { DamageNote } from './damage-note.ts'
import {
  checkUnlocked,
  type Database,
  integrityFailed,
  isDamage,
  openDatabase,
  rebuild,
  taken,
} from './database.ts'
import { LevelDisk } from './level-disk.ts'
import { liveTables } from './manifest.ts'
import { baseKey, checkMarkers, sequenceValue } from './markers.ts'
import { setDamagedTablesAside } from './tables.ts'
import { type Mark, readWatermark, Watermark } from './watermark.ts'

export type LevelDiskOptions = {
  /** Folder of the database; `<dir>.watermark` and, after damage, `<dir>.damage` lie beside it. */
  readonly dir: string
  /** The caller knows of data in it: an empty disk is an error. */
  readonly expectExisting: boolean
  /** What a record is about, for the log of changes; nothing is listed without it. */
  readonly subjectOf?: (key: Uint8Array) => Uint8Array | null
  /** So many batches back it can be told what they changed. */
  readonly changeWindow?: number
}

/**
 * Opens the database of one peer, or makes it where nothing was. Finds silent loss: checksums of all table
 * blocks, markers of the last batches, and a watermark outside of the database (docs/FORMATS.md, Disk).
 *
 * @throws SlurpError DATA_MISSING when data was there and is gone, DIRECTORY_TAKEN when another process has it
 * open, INTEGRITY_FAILED when Level can neither open nor rebuild its files.
 * Cost: about 3 ms a megabyte of tables, up to `tablesCheckedBytesMax` of them, and up to 0.4 s for the markers.
 */
export async function openLevelDisk(options: LevelDiskOptions): Promise<FollowedDisk> {
  const place = resolve(options.dir)
  if (openHere.has(place)) throw taken(place, new Error('This very process has it open.'))
  openHere.add(place)
  try {
    const opened = await openFiles(options)
    return {
      ...opened,
      close: async () => {
        await opened.close()
        openHere.delete(place)
      },
    }
  } catch (failure) {
    openHere.delete(place)
    throw failure
  }
}

/**
 * Folders that this process has open. Level's lock belongs to the process, and closing any handle of the lock
 * file gives it up, a refused second open included (measured): a second open must not even come to Level.
 */
const openHere = new Set<string>()

async function openFiles(options: LevelDiskOptions): Promise<FollowedDisk> {
  const { dir } = options
  const files = await listed(dir)
  const exists = files.includes('CURRENT')
  if (!exists && (options.expectExisting || dataWasThere(files, dir))) {
    throw new SlurpError('DATA_MISSING', `The data in ${dir} is gone or incomplete: it has no CURRENT file.`)
  }
  await mkdir(dir, { recursive: true, mode: 0o700 })
  const note = new DamageNote(`${dir}.damage`)
  if (exists) {
    await checkUnlocked(dir)
    await setDamagedTablesAside(dir, await liveTables(dir), () => note.make())
  }
  const database = await openDatabase(dir, !exists)
  if (database !== 'contradictory') {
    const verdict = await examine(database, options)
    if (verdict !== null) return inUse(database, note, verdict, options)
    await database.close()
  }
  // Noted first: rebuilding rewrites the damaged files, and with them the evidence.
  note.make()
  // A rebuilt database is made of whatever lies there, what is left over too.
  await setDamagedTablesAside(dir, null, () => undefined)
  const rebuilt = await rebuild(dir)
  const verdict = await examine(rebuilt, options)
  if (verdict !== null) return inUse(rebuilt, note, verdict, options)
  await rebuilt.close()
  throw integrityFailed(dir, new Error('Level cannot read what it rebuilt.'))
}

type Verdict = {
  readonly found: DiskFound
  /** Where the count of batches goes on. */
  readonly from: Mark
  readonly watermarkIsUsable: boolean
}

/** Reads only; closes the database when it throws. @returns null when Level meets damaged files. */
async function examine(
  database: Database,
  { dir, expectExisting }: LevelDiskOptions,
): Promise<Verdict | null> {
  try {
    const remembered = readWatermark(watermarkOf(dir))
    const mark: Mark = typeof remembered === 'string' ? { base: 1, last: 0 } : remembered
    const markers = await checkMarkers(database, mark.base)
    if (expectExisting && remembered === 'missing' && markers.last === 0) {
      throw new SlurpError('DATA_MISSING', `The database in ${dir} is empty although this peer had data.`)
    }
    const lostTail =
      remembered === 'damaged' ||
      (remembered === 'missing' ? markers.last > 0 : markers.last < mark.last && mark.last >= markers.base)
    return {
      found: { fresh: mark.last === 0 && markers.last === 0, lostTail, gaps: markers.gaps },
      from: { base: markers.base, last: Math.max(markers.last, mark.last) },
      watermarkIsUsable: typeof remembered !== 'string',
    }
  } catch (failure) {
    if (isDamage(failure)) return null
    await database.close()
    throw failure instanceof SlurpError ? failure : integrityFailed(dir, failure)
  }
}
/** From here on the database is in use, and what was found is kept until it is acknowledged. */
function inUse(
  database: Database,
  note: DamageNote,
  verdict: Verdict,
  { dir, subjectOf = () => null, changeWindow = changeWindowDefault }: LevelDiskOptions,
): FollowedDisk {
  const { from } = verdict
  const gaps = verdict.found.gaps || note.isThere
  const damaged = gaps || verdict.found.lostTail
  // Before the watermark is made anew: a crash now must not make us forget what was found.
  if (damaged) note.make()
  const disk = new LevelDisk(database, new Watermark(watermarkOf(dir), from, !verdict.watermarkIsUsable), {
    ...from,
    changesFrom: changesFrom(database, from.last, damaged),
    changeWindow,
    subjectOf,
  })
  return {
    disk,
    found: { fresh: verdict.found.fresh && !damaged, lostTail: verdict.found.lostTail, gaps },
    acknowledgeDamage: () => acknowledge(disk, note, dir),
    close: () => disk.close(),
    compact: () => compact(database),
    sizeOf: (from, to) => database.approximateSize(from, to),
    stats: () => disk.stats(),
    changes: disk.changeLog,
  }
}

/** The batch that starts the new count is its first. */
async function acknowledge(disk: LevelDisk, note: DamageNote, dir: string): Promise<void> {
  const base = disk.nextSequence
  await new Promise<void>((resolve, reject) => {
    disk.submit([{ kind: 'put', key: baseKey, value: sequenceValue(base) }], failure =>
      failure === null ? resolve() : reject(failure),
    )
  })
  disk.restartMarkers(base)
  await rm(join(dir, 'lost'), { recursive: true, force: true })
  note.remove()
}

async function compact(database: Database): Promise<void> {
  try {
    await database.compactRange(new Uint8Array(0), new Uint8Array(64).fill(0xff))
  } catch (cause) {
    throw new DiskFailure('the database cannot be compacted', { cause })
  }
}

const watermarkOf = (dir: string): string => `${dir}.watermark`

/** Tables or logs without CURRENT, or a watermark: there was a database here. */
function dataWasThere(files: readonly string[], dir: string): boolean {
  return files.some(name => /\.(ldb|sst|log)$/.test(name)) || readWatermark(watermarkOf(dir)) !== 'missing'
}

async function listed(dir: string): Promise<readonly string[]> {
  try {
    return await readdir(dir)
  } catch (failure) {
    if ((failure as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw failure
  }
}
