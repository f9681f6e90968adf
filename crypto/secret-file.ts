import { open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { SlurpError } from '../base/errors.ts'
import { codeOf } from './failure-code.ts'

/** Bytes of a file of keys, at most. */
export const secretFileBytesMax = 256 * 1024
const othersMay = 0o077

/**
 * Writes a new file that only its owner may read, and waits until its bytes are on the disk.
 *
 * @throws SlurpError DIRECTORY_TAKEN when it exists: a key is never overwritten.
 */
export async function writeNewSecretFile(path: string, bytes: Uint8Array): Promise<void> {
  let file: Awaited<ReturnType<typeof open>>
  try {
    file = await open(path, 'wx', 0o600)
  } catch (failure) {
    if (codeOf(failure) !== 'EEXIST') throw failure
    throw new SlurpError('DIRECTORY_TAKEN', `${path} exists already; keys are never overwritten.`)
  }
  try {
    // The mode of `open` is narrowed by the umask, which could shut the owner out.
    await file.chmod(0o600)
    await file.writeFile(bytes)
    await file.sync()
  } finally {
    await file.close()
  }
}

/**
 * Puts other bytes into a file of keys: a crash leaves the whole old file or the whole new one, and never a draft
 * under another name for good, as the next replacement begins by removing it.
 */
export async function replaceSecretFile(path: string, bytes: Uint8Array): Promise<void> {
  const draft = `${path}.draft`
  await rm(draft, { force: true })
  try {
    await writeNewSecretFile(draft, bytes)
    await rename(draft, path)
  } finally {
    await rm(draft, { force: true })
  }
  const folder = await open(dirname(path), 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

/**
 * Reads a file of keys.
 *
 * @param what - names it in the error: `identity key`.
 * @throws SlurpError DATA_MISSING when it is not there, CONFIG_INVALID when others may read it, INTEGRITY_FAILED
 * when it is larger than any such file.
 */
export async function readSecretFile(path: string, what: string): Promise<Uint8Array> {
  let file: Awaited<ReturnType<typeof open>>
  try {
    file = await open(path, 'r')
  } catch (failure) {
    if (codeOf(failure) !== 'ENOENT') throw failure
    throw new SlurpError('DATA_MISSING', `The ${what} ${path} is missing.`)
  }
  try {
    const { mode, size } = await file.stat()
    if (process.platform !== 'win32' && (mode & othersMay) !== 0) {
      throw new SlurpError('CONFIG_INVALID', `The ${what} ${path} is open to other users.`, {
        hint: `Run \`chmod 600 ${path}\`, and replace the key if somebody else may have read it.`,
      })
    }
    if (size > secretFileBytesMax) throw damagedFile(what, path)
    return await file.readFile()
  } finally {
    await file.close()
  }
}

/** What to throw for a file of keys whose bytes are not what was written. */
export const damagedFile = (what: string, path: string): SlurpError =>
  new SlurpError('INTEGRITY_FAILED', `The ${what} ${path} is damaged.`, {
    hint: 'Restore this file from a copy; nothing else can make it again.',
  })
