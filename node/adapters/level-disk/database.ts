import { ClassicLevel } from 'classic-level'
import { SlurpError } from '../../../base/errors.ts'

/** Level with raw keys and values. */
export type Database = ClassicLevel<Uint8Array, Uint8Array>

const writeBufferBytes = 32 * 1024 * 1024
const cacheBytes = 16 * 1024 * 1024

/**
 * Asks Level to open an existing database only if there is none: it takes the lock and gives up before it looks
 * at anything else.
 *
 * @throws SlurpError DIRECTORY_TAKEN when another process holds the lock.
 */
export async function checkUnlocked(dir: string): Promise<void> {
  const database = new ClassicLevel(dir)
  try {
    await database.open({ createIfMissing: false, errorIfExists: true })
    await database.close()
  } catch (failure) {
    if (isLocked(failure)) throw taken(dir, failure)
  }
}

/**
 * Opens Level in `dir`.
 *
 * @returns `contradictory` when Level cannot make sense of its files: a case for `rebuild`.
 * @throws SlurpError DIRECTORY_TAKEN, or INTEGRITY_FAILED for what no rebuilding helps: no rights, no space.
 */
export async function openDatabase(dir: string, anew: boolean): Promise<Database | 'contradictory'> {
  const database: Database = new ClassicLevel(dir, { keyEncoding: 'view', valueEncoding: 'view' })
  try {
    await database.open({
      createIfMissing: anew,
      compression: false,
      writeBufferSize: writeBufferBytes,
      cacheSize: cacheBytes,
    })
    return database
  } catch (failure) {
    if (isLocked(failure)) throw taken(dir, failure)
    if (anew || isOfTheMachine(causeOf(failure))) throw integrityFailed(dir, failure)
    return 'contradictory'
  }
}

/**
 * Makes a database of the tables and logs that are left. It may lack records and hold old ones: note the damage
 * first. Damaged files are moved to the folder `lost` in `dir`.
 *
 * @throws SlurpError INTEGRITY_FAILED when that is not possible either.
 */
export async function rebuild(dir: string): Promise<Database> {
  try {
    await ClassicLevel.repair(dir)
  } catch (failure) {
    throw integrityFailed(dir, failure)
  }
  const database = await openDatabase(dir, false)
  if (database === 'contradictory')
    throw integrityFailed(dir, new Error('Level cannot open what it rebuilt.'))
  return database
}

/** Whether Level said so because a file is damaged or cut. */
export function isDamage(failure: unknown): boolean {
  const code = failure instanceof Error ? (failure as { code?: unknown }).code : undefined
  return (code === 'LEVEL_CORRUPTION' || code === 'LEVEL_IO_ERROR') && !isOfTheMachine(failure)
}

export function integrityFailed(dir: string, cause: unknown): SlurpError {
  return new SlurpError('INTEGRITY_FAILED', `The database in ${dir} cannot be opened.`, {
    cause,
    hint: 'Set the directory aside and let this peer join as a new one; the other replicas hold its data.',
  })
}

export const taken = (dir: string, cause: unknown): SlurpError =>
  new SlurpError('DIRECTORY_TAKEN', `Another process has ${dir} open.`, { cause })

const causeOf = (failure: unknown): unknown => (failure instanceof Error ? failure.cause : undefined)
const isLocked = (failure: unknown): boolean =>
  (causeOf(failure) as { code?: unknown } | undefined)?.code === 'LEVEL_LOCKED'

/** Level gives these no code of their own. */
const machineReasons =
  /No space left|Quota|Permission denied|not permitted|Read-only|Too many open files|Cannot allocate/i

const isOfTheMachine = (failure: unknown): boolean =>
  failure instanceof Error && machineReasons.test(failure.message)
