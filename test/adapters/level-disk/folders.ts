import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openLevelDisk } from '../../../node/adapters/level-disk/open-level-disk.ts'
import type { OpenedDisk } from '../../../node/ports/opened-disk.ts'
import type { DiskUnderTest } from '../../contracts/disk.ts'

export const emptyFolder = (): Promise<string> => mkdtemp(join(tmpdir(), 'slurp-level-disk-'))
export const removeFolder = (folder: string): Promise<void> => rm(folder, { recursive: true, force: true })

/** A copy of a closed database and its watermark, to be damaged. */
export async function copyOfFolder(folder: string): Promise<string> {
  const copy = await emptyFolder()
  await cp(folder, copy, { recursive: true })
  return copy
}

export const openIn = (folder: string, expectExisting = false): Promise<OpenedDisk> =>
  openLevelDisk({ dir: join(folder, 'data'), expectExisting })

export async function opensIn(folder: string): Promise<DiskUnderTest> {
  const opened = await openIn(folder)
  return {
    disk: opened.disk,
    stats: opened.stats,
    close: opened.close,
    reopen: async () => {
      await opened.close()
      return opensIn(folder)
    },
    remove: async () => {
      await opened.close()
      await removeFolder(folder)
    },
  }
}
