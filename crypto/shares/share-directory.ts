import { mkdir, open, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { decode, encode } from 'cborg'
import { SlurpError } from '../../base/errors.ts'
import { codeOf } from '../failure-code.ts'
import { damagedFile, readSecretFile, writeNewSecretFile } from '../secret-file.ts'
import { decodeShareSet, type SignedShareSet } from './share-set-codec.ts'

const format = 1
const what = 'share of a key'
const suffix = '.share'

/** What one holder keeps of one dealing: its record, and the bytes that only this holder can open. */
export type KeptShare = { readonly record: SignedShareSet; readonly sealed: Uint8Array }

/** Name of its file: one for each dealing, so that nothing is ever overwritten. */
export function fileOf({ set }: SignedShareSet): string {
  const { secret, keyVersion, setVersion, setId } = set
  return `${secret}-v${keyVersion}-set${setVersion}-${setId}${suffix}`
}

/** Puts a share on the disk, mode 0600, and waits until it is there; one that is there already stays as it is. */
export async function keepShare(dir: string, share: KeptShare): Promise<void> {
  await mkdir(dir, { recursive: true, mode: 0o700 })
  try {
    const bytes = encode([format, share.record.bytes, share.sealed])
    await writeNewSecretFile(join(dir, fileOf(share.record)), bytes)
  } catch (failure) {
    if (!(failure instanceof SlurpError) || failure.code !== 'DIRECTORY_TAKEN') throw failure
  }
  const folder = await open(dir, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

/** Shares that were dealt to this peer, and the names of files that are none; none where there is no directory. */
export async function readShares(
  dir: string,
): Promise<{ readonly shares: readonly KeptShare[]; readonly damaged: readonly string[] }> {
  const shares: KeptShare[] = []
  const damaged: string[] = []
  for (const name of await namesIn(dir)) {
    if (!name.endsWith(suffix)) continue
    try {
      shares.push(shareFrom(await readSecretFile(join(dir, name), what), name))
    } catch (failure) {
      if (!(failure instanceof SlurpError) || failure.code === 'CONFIG_INVALID') throw failure
      damaged.push(name)
    }
  }
  return { shares, damaged }
}

export const dropShare = (dir: string, record: SignedShareSet): Promise<void> =>
  rm(join(dir, fileOf(record)), { force: true })

function shareFrom(bytes: Uint8Array, name: string): KeptShare {
  let value: unknown
  try {
    value = decode(bytes, { strict: true })
  } catch {
    throw damagedFile(what, name)
  }
  const [found, record, sealed] = Array.isArray(value) ? value : []
  if (found !== format || !(record instanceof Uint8Array) || !(sealed instanceof Uint8Array))
    throw damagedFile(what, name)
  return { record: decodeShareSet(record), sealed: Uint8Array.from(sealed) }
}

async function namesIn(dir: string): Promise<string[]> {
  try {
    return (await readdir(dir)).sort()
  } catch (failure) {
    if (codeOf(failure) === 'ENOENT') return []
    throw failure
  }
}
