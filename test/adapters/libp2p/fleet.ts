import { generateKeyPair } from '@libp2p/crypto/keys'
import type { PrivateKey } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import type { FleetId, PeerId } from '../../../base/ids.ts'
import type { LinkGuard } from '../../../node/adapters/libp2p/network.ts'
import { type Libp2pOptions, type Libp2pPeer, startLibp2p } from '../../../node/adapters/libp2p/start.ts'

export const testFleet = '5a'.repeat(32) as FleetId

export type Identity = { readonly key: PrivateKey; readonly id: PeerId }

/** In ascending order of peer id, so that a test knows which side opens the stream of a pair. */
export async function newIdentities(n: number): Promise<Identity[]> {
  const keys = await Promise.all(Array.from({ length: n }, () => generateKeyPair('Ed25519')))
  return keys
    .map(key => ({ key, id: peerIdFromPrivateKey(key).toString() as PeerId }))
    .sort((a, b) => (a.id < b.id ? -1 : 1))
}

/** Lets every member be linked: these tests are about what comes before and after the grants. */
export const openGuard: LinkGuard = {
  shown: () => '',
  admits: async () => null,
  stays: () => true,
  isBarred: () => false,
  isAgent: () => false,
  answer: async () => null,
}

/** A peer on loopback with everything at its default but `more`. */
export const startPeer = (
  self: Identity,
  members: readonly Identity[],
  more: Partial<Libp2pOptions> = {},
): Promise<Libp2pPeer> =>
  startLibp2p({
    privateKey: self.key,
    fleet: testFleet,
    listen: { host: '127.0.0.1', port: 0 },
    bootstrap: [],
    known: {},
    members: () => members,
    epoch: () => 1,
    guard: openGuard,
    incarnation: 1,
    verifyRecord: () => null,
    onAddresses: () => undefined,
    ...more,
  })

export const portOf = (peer: Libp2pPeer): number => Number(/\/tcp\/(\d+)\//.exec(peer.addresses()[0]!)![1])

/** Waits for a state, not for a time. */
export async function until(holds: () => boolean, what: string, deadlineMs = 20_000): Promise<void> {
  const deadline = performance.now() + deadlineMs
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`not within ${deadlineMs} ms: ${what}`)
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}
