import { generateKeyPair, privateKeyFromProtobuf, privateKeyToProtobuf } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import type { FleetId, PeerId } from '../../base/ids.ts'
import { startLibp2p } from '../../node/adapters/libp2p/start.ts'
import { openGuard } from '../adapters/libp2p/fleet.ts'

/** What the process at the other end of a measured link is told: private keys as base64, and where the first one is. */
export type Job = { keys: string[]; bootstrap: string[] }

const fleet = 'be'.repeat(32) as FleetId

export async function newKeys(count: number): Promise<string[]> {
  const pairs = await Promise.all(Array.from({ length: count }, () => generateKeyPair('Ed25519')))
  return pairs.map(key => Buffer.from(privateKeyToProtobuf(key)).toString('base64'))
}

export const idOf = (key: string) =>
  peerIdFromPrivateKey(privateKeyFromProtobuf(Buffer.from(key, 'base64'))).toString() as PeerId

/** The real network of the peer whose key is number `own`; all keys are members. */
export const startEnd = (keys: readonly string[], own: number, bootstrap: readonly string[]) =>
  startLibp2p({
    privateKey: privateKeyFromProtobuf(Buffer.from(keys[own]!, 'base64')),
    fleet,
    listen: { host: '127.0.0.1', port: 0 },
    bootstrap,
    known: {},
    members: () => keys.map(key => ({ id: idOf(key) })),
    epoch: () => 1,
    guard: openGuard,
    incarnation: 1,
    verifyRecord: () => null,
    onAddresses: () => undefined,
  })
