import type { ByteQueue } from './byte-queue.ts'

/*
 * The bytes of a link after its handshake: a frame is its length as 32 bits, big endian, and its bytes.
 * The length `heartbeatMark` stands alone: nothing follows it, it only says that the sender lives.
 */

export const headerBytes = 4
const heartbeatMark = 0xffff_ffff

export const heartbeat: Uint8Array = new Uint8Array([0xff, 0xff, 0xff, 0xff])

export type Arrival =
  | { readonly kind: 'frame'; readonly frame: Uint8Array }
  | { readonly kind: 'heartbeat' }
  /** More bytes are needed. */
  | { readonly kind: 'partial' }
  /** The peer claims a frame above the cap; nothing after it can be trusted. */
  | { readonly kind: 'oversize'; readonly length: number }

const partial: Arrival = { kind: 'partial' }
const beat: Arrival = { kind: 'heartbeat' }

/** Takes the next frame out of `arrived`. Never allocates for more bytes than have arrived. */
export function nextArrival(arrived: ByteQueue, frameBytesMax: number): Arrival {
  const length = arrived.peekUint32()
  if (length === null) return partial
  if (length === heartbeatMark) {
    arrived.take(headerBytes)
    return beat
  }
  if (length > frameBytesMax) return { kind: 'oversize', length }
  if (arrived.length < headerBytes + length) return partial
  arrived.take(headerBytes)
  return { kind: 'frame', frame: arrived.take(length)! }
}

/** Frames on their way out, cut into writes of a bounded size; a large frame spans several. */
export class OutgoingFrames {
  private frames: Uint8Array[] = []
  private head = 0
  /** Bytes of the first frame, header included, that were cut already. */
  private cut = 0
  private size = 0

  /** Bytes that wait, headers included. */
  get length(): number {
    return this.size
  }

  push(frame: Uint8Array): void {
    this.frames.push(frame)
    this.size += headerBytes + frame.length
  }

  /** @returns the next at most `bytesMax` bytes; empty when nothing waits. */
  nextWrite(bytesMax: number): Uint8Array {
    const write = Buffer.allocUnsafe(Math.min(bytesMax, this.size))
    let filled = 0
    while (filled < write.length) {
      const frame = this.frames[this.head]!
      if (this.cut === 0 && write.length - filled < headerBytes) break
      if (this.cut === 0) {
        write.writeUInt32BE(frame.length, filled)
        filled += headerBytes
        this.cut = headerBytes
      }
      const from = this.cut - headerBytes
      const part = frame.subarray(from, from + write.length - filled)
      write.set(part, filled)
      filled += part.length
      this.cut += part.length
      if (this.cut === headerBytes + frame.length) this.dropHead()
    }
    this.size -= filled
    return filled === write.length ? write : write.subarray(0, filled)
  }

  private dropHead(): void {
    this.cut = 0
    this.head += 1
    if (this.head === this.frames.length || this.head >= 1024) {
      this.frames = this.frames.slice(this.head)
      this.head = 0
    }
  }
}
