import { crc32 } from 'node:zlib'
import { admit, type Fence, type FenceChange, isDuty, raise, restoreFence } from '../../election/fence.ts'
import { isToken } from '../../election/record.ts'
import type { Disk, DiskChange, DiskEntry, DiskFailure } from '../ports/ports.ts'

/** `x`: fences. The name of the duty, or nothing for the floor of all. */
const letter = 0x78
const format = 1
const fencesMax = 1_024

/** `done(null)`: it cannot be read now. */
export type ReadToken = (done: (token: number | null) => void) => void

/**
 * The fence of this process (rule 11): an effect of a duty is carried out only under a token that is not below one that
 * it let through before, in whatever boot. Records: format (1), CRC-32 of key and token (4), token (6).
 */
export class Guard {
  readonly #disk: Disk
  #fence: Fence | null = null
  readonly #waiting: (() => void)[] = []
  readonly #readToken: ReadToken

  /**
   * @param isLost - whether the disk lost records: a fence may be among them.
   * @param readToken - of the lease register, linearizably: no token that was ever let through is above it.
   */
  constructor(disk: Disk, isLost: boolean, readToken: ReadToken) {
    this.#disk = disk
    this.#readToken = readToken
    disk.scan(Uint8Array.of(letter), Uint8Array.of(letter + 1), fencesMax, (failure, entries) => {
      const read = failure === null ? entries.map(decode) : [null]
      const sound = read.filter(record => record !== null)
      this.#fence = restoreFence(sound, isLost || sound.length < read.length)
      for (const run of this.#waiting.splice(0)) run()
    })
  }

  /** `done(true)` when the effect may be carried out: what it rests on is durable. */
  admit(duty: string, token: number, done: (admitted: boolean) => void): void {
    if (this.#fence === null) {
      this.#waiting.push(() => this.admit(duty, token, done))
      return
    }
    const admission = admit(this.#fence, duty, token)
    if (admission.kind === 'refused') {
      if (admission.reason !== 'lost') return done(false)
      return this.#recover(recovered => (recovered ? this.admit(duty, token, done) : done(false)))
    }
    this.#fence = admission.fence
    this.#save(admission.changes, done)
  }

  /** Rule 11: records of the fence are gone, so the present token is the floor of all duties from now on. */
  #recover(done: (recovered: boolean) => void): void {
    this.#readToken(token => {
      if (token === null || this.#fence === null) return done(false)
      const { fence, changes } = raise(this.#fence, token)
      this.#save(changes, saved => {
        if (saved) this.#fence = fence
        done(saved)
      })
    })
  }

  #save(changes: readonly FenceChange[], done: (saved: boolean) => void): void {
    if (changes.length === 0) return done(true)
    this.#disk.write(changes.map(encode), (failure: DiskFailure | null) => done(failure === null))
  }
}

function encode({ record }: FenceChange): DiskChange {
  const key = Buffer.concat([Uint8Array.of(letter), Buffer.from(record.duty ?? '', 'latin1')])
  const value = Buffer.alloc(11)
  value[0] = format
  value.writeUIntBE(record.token, 5, 6)
  value.writeUInt32BE(sumOf(key, value), 1)
  return { kind: 'put', key, value }
}

function decode({ key, value }: DiskEntry): { format: 1; duty: string | null; token: number } | null {
  const stored = Buffer.from(value)
  if (stored.length !== 11 || stored[0] !== format || stored.readUInt32BE(1) !== sumOf(key, stored))
    return null
  const duty = Buffer.from(key.subarray(1)).toString('latin1')
  const token = stored.readUIntBE(5, 6)
  if (!isToken(token) || (duty !== '' && !isDuty(duty))) return null
  return { format, duty: duty === '' ? null : duty, token }
}

const sumOf = (key: Uint8Array, value: Uint8Array): number => crc32(value.subarray(5), crc32(key))
