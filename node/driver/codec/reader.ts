/** Bytes that are not what their format allows. The only thing that a decoder of this folder throws. */
export class DecodeError extends Error {
  override name = 'DecodeError'
}

/** Walks bytes of unknown origin; every step is checked and throws DecodeError. Never changes or keeps them. */
export class Reader {
  private readonly bytes: Buffer
  private at = 0

  constructor(bytes: Uint8Array) {
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  }

  get leftBytes(): number {
    return this.bytes.length - this.at
  }

  u8(): number {
    this.need(1)
    return this.bytes[this.at++]!
  }

  u32(): number {
    this.need(4)
    const value = this.bytes.readUInt32BE(this.at)
    this.at += 4
    return value
  }

  /** Canonical only: a number has one encoding, so equal records have equal bytes. */
  varint(): number {
    let value = 0
    let scale = 1
    for (let index = 0; index < 8; index++) {
      const byte = this.u8()
      value += (byte & 0x7f) * scale
      if (byte < 0x80) {
        if (byte === 0 && index > 0) throw new DecodeError('a varint with needless bytes')
        if (value > Number.MAX_SAFE_INTEGER) break
        return value
      }
      scale *= 0x80
    }
    throw new DecodeError('a varint above 2^53 - 1')
  }

  hex(bytes: number): string {
    this.need(bytes)
    this.at += bytes
    return this.bytes.toString('hex', this.at - bytes, this.at)
  }

  /** One character a byte. */
  latin1(bytes: number): string {
    this.need(bytes)
    this.at += bytes
    return this.bytes.toString('latin1', this.at - bytes, this.at)
  }

  /** A copy: what is kept must neither change with the frame nor keep all of it in memory. */
  raw(bytes: number): Uint8Array {
    this.need(bytes)
    const copy = new Uint8Array(bytes)
    copy.set(this.bytes.subarray(this.at, this.at + bytes))
    this.at += bytes
    return copy
  }

  /** A view for a look at bytes that are not kept. */
  peek(bytes: number): Uint8Array {
    this.need(bytes)
    this.at += bytes
    return this.bytes.subarray(this.at - bytes, this.at)
  }

  end(): void {
    if (this.leftBytes !== 0) throw new DecodeError(`${this.leftBytes} bytes after the end`)
  }

  private need(bytes: number): void {
    if (bytes > this.leftBytes) throw new DecodeError('it ends too early')
  }
}
