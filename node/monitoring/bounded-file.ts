import { closeSync, fstatSync, openSync, renameSync, writeSync } from 'node:fs'

/**
 * A log file that never takes more than twice `bytesMax` of disk: when it is full it becomes `PATH.1`,
 * replacing the one before. A full disk loses log lines, never the process.
 */
export class BoundedFile {
  readonly #path: string
  readonly #bytesMax: number
  #file: number
  #bytes: number
  /** Lines that could not be written. */
  lost = 0

  constructor(path: string, bytesMax: number) {
    this.#path = path
    this.#bytesMax = bytesMax
    this.#file = openSync(path, 'a', 0o600)
    this.#bytes = fstatSync(this.#file).size
  }

  write(line: string): void {
    try {
      if (this.#bytes >= this.#bytesMax) this.#turn()
      this.#bytes += writeSync(this.#file, line)
    } catch {
      this.lost += 1
    }
  }

  close(): void {
    closeSync(this.#file)
  }

  #turn(): void {
    renameSync(this.#path, `${this.#path}.1`)
    closeSync(this.#file)
    this.#file = openSync(this.#path, 'a', 0o600)
    this.#bytes = 0
  }
}
