import type { Stream } from '@libp2p/interface'

/** What a stream of @libp2p/yamux has beyond the interface of libp2p. */
type WindowedStream = Stream & {
  /** Bytes that the other side may have under way in all. */
  readonly recvWindow: number
  /** Bytes of it that the other side may still send. */
  readonly recvWindowCapacity: number
  sendWindowUpdate(): void
}

/**
 * Tells the other side of free window only once half of it is used up. By itself the muxer answers every message
 * that arrives with an update: a packet, a system call and a wake-up of the other side, as costly as the answer
 * itself (docs/decisions/010 has the measurements). For a stream that is established, not for its opening.
 *
 * @returns whether the stream is one of those that do so.
 */
export function spareWindowUpdates(stream: Stream): boolean {
  if (!isWindowed(stream)) return false
  const update = stream.sendWindowUpdate.bind(stream)
  stream.sendWindowUpdate = () => {
    if (stream.recvWindowCapacity <= stream.recvWindow / 2) update()
  }
  return true
}

const isWindowed = (stream: Stream): stream is WindowedStream =>
  'sendWindowUpdate' in stream && 'recvWindow' in stream && 'recvWindowCapacity' in stream
