import type { AbortOptions, ConnectionProtector, MessageStream } from '@libp2p/interface'
import { ByteQueue } from './byte-queue.ts'

/** How two ends disagree on the key of the network. `keyUnwanted`: they have one and we have none. */
export type KeyTrouble = 'noKey' | 'otherKey' | 'keyUnwanted'

export type PrivateNetworkOptions = {
  /** In libp2p's form; null: the network is open. */
  readonly key: Uint8Array | null
  /** A caller disagrees; it is cut off. */
  refused(trouble: KeyTrouble, from: string): void
}

/** What the caller says first on every connection: the length and the name of libp2p's negotiation. */
const opening = Buffer.from('\x13/multistream/1.0.0\n', 'latin1')
const nonceBytes = 24

const toldEveryMs = 60_000

/** Counts all, tells one of each kind a minute: a peer with another key calls again and again. */
export class KeyTroubles {
  count = 0
  readonly #tell: (trouble: KeyTrouble, from: string) => void
  readonly #toldAtMs = new Map<KeyTrouble, number>()

  constructor(tell: (trouble: KeyTrouble, from: string) => void) {
    this.#tell = tell
  }

  note(trouble: KeyTrouble, from: string): void {
    this.count += 1
    const now = performance.now()
    if (now - (this.#toldAtMs.get(trouble) ?? Number.NEGATIVE_INFINITY) < toldEveryMs) return
    this.#toldAtMs.set(trouble, now)
    this.#tell(trouble, from)
  }
}

type Protect = ConnectionProtector['protect']

/**
 * libp2p's pre-shared key, and a look at the first bytes of whoever calls: a wrong key by itself only shows as silence
 * and a timeout. Only callers are looked at, as they speak first.
 */
export async function privateNetwork(options: PrivateNetworkOptions): Promise<() => ConnectionProtector> {
  const inner = await innerProtector(options.key)
  const protect: Protect = async (connection, more) => {
    if (connection.direction !== 'inbound') return await inner(connection, more)
    const refuse = (trouble: KeyTrouble) => {
      const failure = new Error(`not of this private network: ${trouble}`)
      options.refused(trouble, callerOf(connection))
      connection.abort(failure)
      return failure
    }
    if (options.key !== null && opens(await peek(connection, nonceBytes, more))) throw refuse('noKey')
    const shared = await inner(connection, more)
    if (!opens(await peek(shared, opening.length, more))) {
      throw refuse(options.key === null ? 'keyUnwanted' : 'otherKey')
    }
    return shared
  }
  return () => ({ protect, [Symbol.toStringTag]: 'private network' })
}

async function innerProtector(key: Uint8Array | null): Promise<Protect> {
  if (key === null) return async connection => connection
  const { preSharedKey } = await import('@libp2p/pnet')
  const protector = preSharedKey({ psk: key })()
  return async (connection, more) => endsWith(await protector.protect(connection, more), connection)
}

/** The library's stream stays open a moment longer than what it writes to, and would throw at whoever sends then. */
function endsWith(shared: MessageStream, connection: MessageStream): MessageStream {
  const send = shared.send.bind(shared)
  shared.send = data => {
    if (connection.status === 'open') return send(data)
    if (shared.status === 'open') shared.abort(new Error('the connection is closing'))
    return false
  }
  return shared
}

const callerOf = (connection: MessageStream): string =>
  'remoteAddr' in connection ? String(connection.remoteAddr) : 'an unknown address'

const opens = (bytes: Uint8Array): boolean => opening.equals(bytes.subarray(0, opening.length))

/** Its first bytes, which stay to be read; fewer when it ends before. */
function peek(
  connection: MessageStream,
  wanted: number,
  options: AbortOptions | undefined,
): Promise<Uint8Array> {
  const arrived = new ByteQueue()
  return new Promise((resolve, reject) => {
    const done = () => {
      connection.removeEventListener('message', take)
      connection.removeEventListener('close', done)
      options?.signal?.removeEventListener('abort', late)
      const all = arrived.take(arrived.length) ?? new Uint8Array(0)
      if (connection.status === 'open') connection.unshift(all)
      resolve(all.subarray(0, wanted))
    }
    const late = () => {
      done()
      reject(new Error('The caller said nothing in time.'))
    }
    const take = (event: Event & { data: Parameters<ByteQueue['push']>[0] }) => {
      arrived.push(event.data)
      if (arrived.length >= wanted) done()
    }
    options?.signal?.addEventListener('abort', late)
    connection.addEventListener('close', done)
    connection.addEventListener('message', take)
    if (connection.status !== 'open') done()
  })
}
