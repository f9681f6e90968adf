import { LRUCache } from 'lru-cache'
import type { PeerId } from '../../base/ids.ts'

const noncesMax = 8_192

/** Each request for a share is answered once. The oldest nonces are forgotten past 8,192. */
export class ReplayGuard {
  readonly #seen = new LRUCache<string, true>({ max: noncesMax })

  /** Whether this nonce of a requester is new here; from now on it is not. */
  admit(requester: PeerId, nonce: Uint8Array): boolean {
    const name = `${requester}/${Buffer.from(nonce).toString('hex')}`
    if (this.#seen.has(name)) return false
    this.#seen.set(name, true)
    return true
  }
}
