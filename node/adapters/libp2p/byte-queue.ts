/** What a libp2p stream hands over: one piece, or a list of pieces. */
export type Chunk = Uint8Array | Iterable<Uint8Array>

/** Bytes that arrived in pieces, taken out in the lengths that a format asks for. */
export class ByteQueue {
  private pieces: Uint8Array[] = []
  /** Bytes of the first piece that were taken already. */
  private taken = 0
  private size = 0

  get length(): number {
    return this.size
  }

  push(chunk: Chunk): void {
    if (chunk instanceof Uint8Array) this.pushPiece(chunk)
    else for (const piece of chunk) this.pushPiece(piece)
  }

  /** @returns a copy of the next `length` bytes, or null while fewer have arrived. The copy is the caller's. */
  take(length: number): Uint8Array | null {
    if (length > this.size) return null
    const bytes = new Uint8Array(length)
    let filled = 0
    let used = 0
    while (filled < length) {
      const piece = this.pieces[used]!
      const part = piece.subarray(this.taken, this.taken + length - filled)
      bytes.set(part, filled)
      filled += part.length
      this.taken += part.length
      if (this.taken === piece.length) {
        used += 1
        this.taken = 0
      }
    }
    if (used > 0) this.pieces.splice(0, used)
    this.size -= length
    return bytes
  }

  /** @returns the next 32 bits as an unsigned number, or null while fewer have arrived; takes nothing. */
  peekUint32(): number | null {
    if (this.size < 4) return null
    let value = 0
    let at = this.taken
    let index = 0
    for (let read = 0; read < 4; read++) {
      while (at === this.pieces[index]!.length) {
        index += 1
        at = 0
      }
      value = value * 256 + this.pieces[index]![at]!
      at += 1
    }
    return value
  }

  private pushPiece(piece: Uint8Array): void {
    if (piece.length === 0) return
    this.pieces.push(piece)
    this.size += piece.length
  }
}
