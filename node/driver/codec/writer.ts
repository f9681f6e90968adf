import { assert } from '../../../base/assert.ts'

/** Above this, in bytes, a grown buffer is handed out instead of kept for the next record. */
const pooledBytesMax = 256 * 1024
/** Up to here records share memory: a block of its own is the dearest part of a small one. */
const sharedBytesMax = 2 * 1024

/**
 * Grows while one record is written and is used again for the next one. What it is given is our own and
 * typed, so a value that does not fit is a bug: InvariantBroken.
 */
export class Writer {
  private readonly initialBytes: number
  private buffer: Buffer
  /** Where the record begins; what is before was handed out. */
  private start = 0
  private end = 0

  /** @param initialBytes - of the buffer, which as many small records share. */
  constructor(initialBytes = 16 * 1024) {
    this.initialBytes = initialBytes
    this.buffer = Buffer.allocUnsafeSlow(initialBytes)
  }

  /** Bytes written since the last `take`. */
  get writtenBytes(): number {
    return this.end - this.start
  }

  u8(value: number): void {
    assert(Number.isInteger(value) && value >= 0 && value <= 0xff, 'u8 out of range')
    this.reserve(1)
    this.buffer[this.end++] = value
  }

  u32(value: number): void {
    assert(Number.isInteger(value) && value >= 0 && value <= 0xffffffff, 'u32 out of range')
    this.reserve(4)
    this.end = this.buffer.writeUInt32BE(value, this.end)
  }

  /** Seven bits a byte, lowest first; at most 2^53 - 1, so at most 8 bytes. */
  varint(value: number): void {
    assert(Number.isSafeInteger(value) && value >= 0, 'varint out of range')
    this.reserve(8)
    let rest = value
    while (rest >= 0x80) {
      this.buffer[this.end++] = (rest % 0x80) | 0x80
      rest = Math.floor(rest / 0x80)
    }
    this.buffer[this.end++] = rest
  }

  /** `text` is lowercase hex of exactly `bytes` bytes. */
  hex(text: string, bytes: number): void {
    assert(text.length === bytes * 2, 'hex text of another length')
    this.reserve(bytes)
    assert(this.buffer.write(text, this.end, bytes, 'hex') === bytes, 'text that is not hex')
    this.end += bytes
  }

  raw(bytes: Uint8Array): void {
    this.reserve(bytes.length)
    this.buffer.set(bytes, this.end)
    this.end += bytes.length
  }

  /** @returns what was written, in bytes that nobody writes to again; the writer is empty again. */
  take(): Uint8Array {
    const { buffer, start, end } = this
    const length = end - start
    if (length <= sharedBytesMax) {
      this.start = end
      return new Uint8Array(buffer.buffer, buffer.byteOffset + start, length)
    }
    this.end = start
    if (buffer.length > pooledBytesMax) {
      this.begin(Buffer.allocUnsafeSlow(pooledBytesMax), 0)
      return new Uint8Array(buffer.buffer, buffer.byteOffset + start, length)
    }
    const taken = new Uint8Array(length)
    taken.set(buffer.subarray(start, end))
    return taken
  }

  /** Forgets what was written: after an encoder that threw. */
  clear(): void {
    this.end = this.start
  }

  private reserve(bytes: number): void {
    if (this.end + bytes <= this.buffer.length) return
    const { buffer, start, end } = this
    const wanted = end - start + bytes
    const size = wanted <= this.initialBytes ? this.initialBytes : Math.max(wanted, buffer.length * 2)
    const grown = Buffer.allocUnsafeSlow(size)
    grown.set(buffer.subarray(start, end))
    this.begin(grown, end - start)
  }

  private begin(buffer: Buffer, end: number): void {
    this.buffer = buffer
    this.start = 0
    this.end = end
  }
}
