import { peerIdFromString } from '@libp2p/peer-id'
import { CODE_P2P, type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { SlurpError } from '../../../base/errors.ts'
import type { PeerId } from '../../../base/ids.ts'

const addressCharactersMax = 256

/** Where members can be dialled, as far as this process knows: most trusted address first. */
export class AddressBook {
  private readonly addresses = new Map<PeerId, readonly string[]>()
  private readonly addressesMax: number

  constructor(addressesMax: number) {
    this.addressesMax = addressesMax
  }

  /** Multiaddresses without the peer id. */
  of(peer: PeerId): readonly string[] {
    return this.addresses.get(peer) ?? []
  }

  /** What is known, with the peer id at the end, as libp2p wants it. */
  dialable(peer: PeerId): Multiaddr[] {
    return this.of(peer).map(address => multiaddr(`${address}/p2p/${peer}`))
  }

  /**
   * Puts addresses in front of those known before; what is no TCP address is left out.
   *
   * @param instead - forget the earlier ones: the peer itself said where it listens.
   * @returns whether anything changed.
   */
  learn(peer: PeerId, found: readonly (Multiaddr | string)[], instead = false): boolean {
    const before = this.of(peer)
    const usable = found.map(usableAddress).filter(address => address !== null)
    const after = [...new Set(instead && usable.length > 0 ? usable : [...usable, ...before])]
    after.length = Math.min(after.length, this.addressesMax)
    if (after.length === before.length && after.every((address, at) => address === before[at])) return false
    this.addresses.set(peer, after)
    return true
  }
}

/** @returns the address without its peer id, or null for anything that is not `/ip4|ip6|dns…/tcp/port`. */
function usableAddress(found: Multiaddr | string): string | null {
  const text = found.toString()
  if (text.length > addressCharactersMax) return null
  const bare = text.replace(/\/p2p\/[^/]+$/, '')
  if (!/^\/(ip4|ip6|dns|dns4|dns6)\/[^/]+\/tcp\/[1-9][0-9]{0,4}$/.test(bare)) return null
  try {
    return multiaddr(bare).toString()
  } catch {
    // No such IP address or port.
    return null
  }
}

/**
 * One bootstrap address, which must name its peer.
 *
 * @throws SlurpError CONFIG_INVALID.
 */
export function parseBootstrap(text: string): { peer: PeerId; address: string } {
  const wrong = (cause?: unknown) =>
    new SlurpError('CONFIG_INVALID', `Not a bootstrap address: ${text.slice(0, addressCharactersMax)}`, {
      hint: 'Write it as /ip4/127.0.0.1/tcp/4001/p2p/12D3KooW…; `slurp status` of a peer shows its addresses.',
      cause,
    })
  const address = usableAddress(text)
  if (address === null) throw wrong()
  try {
    const id = multiaddr(text)
      .getComponents()
      .find(component => component.code === CODE_P2P)?.value
    if (id === undefined) throw wrong()
    return { peer: peerIdFromString(id).toString() as PeerId, address }
  } catch (cause) {
    throw wrong(cause)
  }
}
