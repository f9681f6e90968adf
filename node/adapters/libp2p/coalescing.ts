import type { AbortOptions, ConnectionEncrypter, MessageStream } from '@libp2p/interface'
import type { TickEnd } from './tick-end.ts'

/** Above this many bytes there is nothing to gain from waiting. */
const heldBytesMax = 64 * 1024

type Sent = Parameters<MessageStream['send']>[0]

/**
 * The same encrypter, but all that it puts on a connection within one tick leaves in one write. By itself it
 * writes the length, the sealed bytes and every window update of the muxer as packets of their own, and the
 * other side wakes up for each (docs/decisions/010 has the measurements).
 */
export function coalescing<Components, Extension>(
  make: (components: Components) => ConnectionEncrypter<Extension>,
  tickEnd: TickEnd,
): (components: Components) => ConnectionEncrypter<Extension> {
  return components => {
    const encrypter = make(components)
    const inbound = encrypter.secureInbound.bind(encrypter)
    const outbound = encrypter.secureOutbound.bind(encrypter)
    encrypter.secureInbound = (connection, options) => inbound(holdBack(connection, tickEnd), options)
    encrypter.secureOutbound = (connection, options) => outbound(holdBack(connection, tickEnd), options)
    return encrypter
  }
}

/** Replaces `send` and `close` of this one connection; nothing else of it changes. */
function holdBack(connection: MessageStream, tickEnd: TickEnd): MessageStream {
  const send = connection.send.bind(connection)
  const close = connection.close.bind(connection)
  let held: Uint8Array[] = []
  let heldBytes = 0
  let planned = false

  const release = (): boolean => {
    if (heldBytes === 0) return !connection.writableNeedsDrain
    const whole = held.length === 1 ? held[0]! : Buffer.concat(held, heldBytes)
    held = []
    heldBytes = 0
    return send(whole)
  }
  const releaseAtTickEnd = () => {
    planned = false
    // What a dead connection still holds is lost with it.
    if (connection.status === 'open') release()
  }
  connection.send = (data: Sent): boolean => {
    if (connection.status !== 'open') return send(data)
    if (data instanceof Uint8Array) held.push(data)
    else held.push(...data)
    heldBytes += data.byteLength
    if (heldBytes >= heldBytesMax) return release()
    if (!planned) {
      planned = true
      tickEnd.write(releaseAtTickEnd)
    }
    return !connection.writableNeedsDrain
  }
  connection.close = async (options?: AbortOptions): Promise<void> => {
    if (connection.status === 'open') release()
    await close(options)
  }
  return connection
}
