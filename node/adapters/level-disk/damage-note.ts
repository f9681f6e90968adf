import { closeSync, existsSync, fsyncSync, openSync, rmSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'

const text =
  'Records of the database beside this file were lost. They are being read back from the other replicas; ' +
  'the peer removes this file when that is noted. Do not remove it.\n'

/**
 * A file beside the database that is there from the moment damage was found until it was acknowledged. It is no
 * record of the database: opening and repairing that rewrites the damaged files, and with them the evidence.
 */
export class DamageNote {
  private readonly path: string

  constructor(path: string) {
    this.path = path
  }

  get isThere(): boolean {
    return existsSync(this.path)
  }

  /** Durable when it returns. */
  make(): void {
    const file = openSync(this.path, 'w', 0o600)
    try {
      writeSync(file, text)
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    syncFolder(dirname(this.path))
  }

  remove(): void {
    rmSync(this.path, { force: true })
    syncFolder(dirname(this.path))
  }
}

/** Makes names in a folder durable: files that were made or removed. */
export function syncFolder(path: string): void {
  const folder = openSync(path, 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}
