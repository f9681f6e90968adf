import { constants } from 'node:fs'
import { type FileHandle, mkdir, open, readdir, readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { seqOfName } from '../../crypto/audit/segment.ts'

/** The segment that is being written. Offsets are bytes from its start. */
export interface SegmentFile {
  /** Writes all of `bytes` at `at`, or fails. */
  write(bytes: Uint8Array, at: number): Promise<void>
  /** Resolves once what was written survives a power cut. */
  sync(): Promise<void>
  /** Drops what lies behind `bytes`. */
  cut(bytes: number): Promise<void>
  close(): Promise<void>
}

/** The segments of one log, by name. */
export interface AuditStorage {
  /** In the order of their names. */
  list(): Promise<readonly { readonly name: string; readonly bytes: number }[]>
  read(name: string): Promise<Buffer>
  /** Makes a new segment; fails when it exists. */
  create(name: string): Promise<SegmentFile>
  open(name: string): Promise<SegmentFile>
  remove(name: string): Promise<void>
}

const privateMode = 0o600
const privateFolder = 0o700

/** Segments as files of mode 0600 in one folder, which is made where it is not there. */
export class FolderStorage implements AuditStorage {
  readonly #dir: string
  readonly #makes: boolean

  /** @param options - `makes`: whether the folder is made where there is none; else it is an empty log. */
  constructor(dir: string, options = { makes: true }) {
    this.#dir = dir
    this.#makes = options.makes
  }

  async list(): Promise<{ name: string; bytes: number }[]> {
    if (this.#makes) await mkdir(this.#dir, { recursive: true, mode: privateFolder })
    const names = (await readdir(this.#dir)).filter(name => seqOfName(name) !== null).sort()
    return Promise.all(names.map(async name => ({ name, bytes: (await stat(join(this.#dir, name))).size })))
  }

  read(name: string): Promise<Buffer> {
    return readFile(join(this.#dir, name))
  }

  async create(name: string): Promise<SegmentFile> {
    const file = await open(join(this.#dir, name), 'wx', privateMode)
    await syncFolder(this.#dir)
    return new RealSegment(file)
  }

  async open(name: string): Promise<SegmentFile> {
    return new RealSegment(await open(join(this.#dir, name), constants.O_WRONLY))
  }

  async remove(name: string): Promise<void> {
    await rm(join(this.#dir, name), { force: true })
    await syncFolder(this.#dir)
  }
}

class RealSegment implements SegmentFile {
  readonly #file: FileHandle

  constructor(file: FileHandle) {
    this.#file = file
  }

  async write(bytes: Uint8Array, at: number): Promise<void> {
    for (let done = 0; done < bytes.length; ) {
      const { bytesWritten } = await this.#file.write(bytes, done, bytes.length - done, at + done)
      done += bytesWritten
    }
  }

  sync(): Promise<void> {
    return this.#file.datasync()
  }

  cut(bytes: number): Promise<void> {
    return this.#file.truncate(bytes)
  }

  close(): Promise<void> {
    return this.#file.close()
  }
}

/** A new name survives a power cut only once its folder is synced. */
async function syncFolder(dir: string): Promise<void> {
  const folder = await open(dir, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
