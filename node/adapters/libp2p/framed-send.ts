import { once } from 'node:events'
import type { Stream } from '@libp2p/interface'

const headerBytes = 4
const writeBytes = 128 * 1024

/** Sends one message with its length in front (32 bits), no faster than the stream takes it. @throws when it closes. */
export async function sendFramed(stream: Stream, message: Uint8Array, signal: AbortSignal): Promise<void> {
  const header = Buffer.alloc(headerBytes)
  header.writeUInt32BE(message.length, 0)
  const bytes = Buffer.concat([header, message])
  for (let at = 0; at < bytes.length; at += writeBytes) {
    const isFull = !stream.send(bytes.subarray(at, at + writeBytes))
    if (isFull && at + writeBytes < bytes.length)
      await once(stream as unknown as EventTarget, 'drain', { signal })
  }
}
