import { SlurpError } from '../base/errors.ts'

/** Reads fixed fields one after the other. @throws SlurpError INTEGRITY_FAILED past the end, nothing else. */
export class ByteReader {
  readonly #bytes: Buffer
  readonly #what: string
  #at = 0

  /** @param what - begins the sentence of a refusal. */
  constructor(bytes: Uint8Array, what = 'An envelope') {
    this.#what = what
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  }

  get at(): number {
    return this.#at
  }

  get left(): number {
    return this.#bytes.length - this.#at
  }

  take(length: number): Buffer {
    if (length > this.left) throw new SlurpError('INTEGRITY_FAILED', `${this.#what} is cut off.`)
    this.#at += length
    return this.#bytes.subarray(this.#at - length, this.#at)
  }

  hex(length: number): string {
    return this.take(length).toString('hex')
  }

  ascii(length: number): string {
    return this.take(length).toString('latin1')
  }

  u8(): number {
    return this.take(1)[0]!
  }

  u32(): number {
    return this.take(4).readUInt32BE(0)
  }

  /** At most 2^53 − 1: more comes back as a number that is no safe integer. */
  u64(): number {
    return Number(this.take(8).readBigUInt64BE(0))
  }
}
