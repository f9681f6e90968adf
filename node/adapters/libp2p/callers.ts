import type { MultiaddrConnection } from '@libp2p/interface'

/** Connections of one address at once: half of what there is, so that nobody takes those of the others. */
const perAddressMax = 500

/** Counts who calls, before anything is known of them but their address. */
export class Callers {
  readonly #counts = new Map<string, number>()
  readonly #refused: (address: string) => void

  /** @param refused - a caller was one too many. @param refused.address - multiaddress. */
  constructor(refused: (address: string) => void) {
    this.#refused = refused
  }

  /** Whether an inbound connection is one too many; one that is not counts from now until it is closed. */
  isTooMany(connection: MultiaddrConnection): boolean {
    const address = connection.remoteAddr.toString()
    const host = address.split('/')[2] ?? ''
    const count = (this.#counts.get(host) ?? 0) + 1
    if (count > perAddressMax) {
      this.#refused(address)
      return true
    }
    this.#counts.set(host, count)
    connection.addEventListener('close', () => this.#left(host), { once: true })
    return false
  }

  #left(host: string): void {
    const left = this.#counts.get(host)! - 1
    if (left === 0) this.#counts.delete(host)
    else this.#counts.set(host, left)
  }
}
