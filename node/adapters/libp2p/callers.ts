import type { MultiaddrConnection } from '@libp2p/interface'
import { AddressCounts } from '../../caps/address-counts.ts'

/** Connections of one address at once: half of what there is, so that nobody takes those of the others. */
const perAddressMax = 500

/** Counts who calls, before anything is known of them but their address. */
export class Callers {
  readonly #counts = new AddressCounts(perAddressMax)
  readonly #refused: (address: string) => void

  /** @param refused - a caller was one too many. @param refused.address - multiaddress. */
  constructor(refused: (address: string) => void) {
    this.#refused = refused
  }

  /** Whether an inbound connection is one too many; one that is not counts from now until it is closed. */
  isTooMany(connection: MultiaddrConnection): boolean {
    const address = connection.remoteAddr.toString()
    const leave = this.#counts.enter(address.split('/')[2] ?? '')
    if (leave === null) this.#refused(address)
    else connection.addEventListener('close', leave, { once: true })
    return leave === null
  }
}
