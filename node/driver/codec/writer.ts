import { assert } from '../../../base/assert.ts'

/** Above this, in bytes, a grown buffer is handed out instead of kept for the next record. */
const pooledBytesMax = 256 * 1024

/**
 * Grows while one record is written and is used again for the next one. What it is given is our own and
 * typed, so a value that does not fit is a bug: InvariantBroken.
 */
export class Writer {
  private buffer: Buffer
  private length = 0

  constructor(initialBytes = 16 * 1024) {
    this.buffer = Buffer.allocUnsafeSlow(initialBytes)
  }

  /** Bytes written since the last `take`. */
  get writtenBytes(): number {
    return this.length
  }

  u8(value: number): void {
    assert(Number.isInteger(value) && value >= 0 && value <= 0xff, 'u8 out of range')
    this.reserve(1)
    this.buffer[this.length++] = value
  }

  u32(value: number): void {
    assert(Number.isInteger(value) && value >= 0 && value <= 0xffffffff, 'u32 out of range')
    this.reserve(4)
    this.length = this.buffer.writeUInt32BE(value, this.length)
  }

  /** Seven bits a byte, lowest first; at most 2^53 - 1, so at most 8 bytes. */
  varint(value: number): void {
    assert(Number.isSafeInteger(value) && value >= 0, 'varint out of range')
    this.reserve(8)
    let rest = value
    while (rest >= 0x80) {
      this.buffer[this.length++] = (rest % 0x80) | 0x80
      rest = Math.floor(rest / 0x80)
    }
    this.buffer[this.length++] = rest
  }

  /** `text` is lowercase hex of exactly `bytes` bytes. */
  hex(text: string, bytes: number): void {
    assert(text.length === bytes * 2, 'hex text of another length')
    this.reserve(bytes)
    assert(this.buffer.write(text, this.length, bytes, 'hex') === bytes, 'text that is not hex')
    this.length += bytes
  }

  raw(bytes: Uint8Array): void {
    this.reserve(bytes.length)
    this.buffer.set(bytes, this.length)
    this.length += bytes.length
  }

  /** @returns what was written, in memory of its own; the writer is empty again. */
  take(): Uint8Array {
    const { buffer, length } = this
    this.length = 0
    if (buffer.length > pooledBytesMax) {
      this.buffer = Buffer.allocUnsafeSlow(pooledBytesMax)
      return new Uint8Array(buffer.buffer, buffer.byteOffset, length)
    }
    const taken = new Uint8Array(length)
    taken.set(buffer.subarray(0, length))
    return taken
  }

  /** Forgets what was written: after an encoder that threw. */
  clear(): void {
    this.length = 0
  }

  private reserve(bytes: number): void {
    const wanted = this.length + bytes
    if (wanted <= this.buffer.length) return
    const grown = Buffer.allocUnsafeSlow(Math.max(wanted, this.buffer.length * 2))
    grown.set(this.buffer.subarray(0, this.length))
    this.buffer = grown
  }
}
