/** Writes whole numbers below 2^32 as varints: seven bits a byte, lowest first. */
export class PackedWriter {
  #bytes: Uint8Array
  #length = 0

  constructor(bytesExpected = 256) {
    this.#bytes = new Uint8Array(bytesExpected)
  }

  get length(): number {
    return this.#length
  }

  varint(value: number): void {
    if (this.#length + 5 > this.#bytes.length) this.#grow()
    const bytes = this.#bytes
    let left = value
    while (left > 127) {
      bytes[this.#length++] = (left & 127) | 128
      left >>>= 7
    }
    bytes[this.#length++] = left
  }

  /** What was written, without the room that was kept for more. */
  finish(): Uint8Array {
    const wasted = this.#bytes.length - this.#length
    return wasted * 16 > this.#bytes.length
      ? this.#bytes.slice(0, this.#length)
      : this.#bytes.subarray(0, this.#length)
  }

  #grow(): void {
    const larger = new Uint8Array(this.#bytes.length * 2 + 16)
    larger.set(this.#bytes)
    this.#bytes = larger
  }
}

/** Reads what {@link PackedWriter} wrote. Reading past the end gives zeros: lengths are checked when bytes are opened. */
export class PackedReader {
  readonly #bytes: Uint8Array
  at: number

  constructor(bytes: Uint8Array, at = 0) {
    this.#bytes = bytes
    this.at = at
  }

  /** Passes over numbers up to the first even one. */
  skipRow(): void {
    const bytes = this.#bytes
    let { at } = this
    let first: number
    do {
      first = bytes[at]!
      while (bytes[at++]! > 127);
    } while ((first & 1) === 1)
    this.at = at
  }

  varint(): number {
    const bytes = this.#bytes
    let byte = bytes[this.at++]!
    if (byte < 128) return byte
    let value = byte & 127
    let shift = 7
    do {
      byte = bytes[this.at++]!
      value |= (byte & 127) << shift
      shift += 7
    } while (byte > 127)
    return value >>> 0
  }
}
