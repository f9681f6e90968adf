import { defaultLimits } from '../../../node/adapters/libp2p/limits.ts'
import type { Libp2pPeer } from '../../../node/adapters/libp2p/start.ts'
import { type NetworkFleet, networkContract } from '../../contracts/network.ts'
import { newIdentities, portOf, startPeer, until } from './fleet.ts'

// Goal: the real network passes the suite of its port. Method: several hosts of one process on loopback; a cut
// pair refuses each other's key, a restart closes the host and starts another on the same port.
async function makeFleet(n: number): Promise<NetworkFleet> {
  const members = await newIdentities(n)
  const cuts = new Set<string>()
  const peers: Libp2pPeer[] = []
  const known: Record<string, string[]> = {}
  const start = async (i: number, port: number) => {
    const reachable = () => members.filter((_, other) => !cuts.has(`${i} ${other}`))
    peers[i] = await startPeer(members[i]!, members, {
      members: reachable,
      listen: { host: '127.0.0.1', port },
      known,
    })
    known[members[i]!.id] = peers[i]!.addresses()
  }
  for (let i = 0; i < n; i++) await start(i, 0)
  return {
    ids: members.map(member => member.id),
    network: i => peers[i]!.network,
    cut: (a, b) => cuts.add(`${a} ${b}`).add(`${b} ${a}`),
    heal: (a, b) => {
      cuts.delete(`${a} ${b}`)
      cuts.delete(`${b} ${a}`)
    },
    restart: async i => {
      const port = portOf(peers[i]!)
      await peers[i]!.stop()
      await start(i, port)
    },
    until,
    stop: async () => {
      await Promise.all(peers.map(peer => peer.stop()))
    },
  }
}

networkContract('libp2p on loopback', makeFleet, defaultLimits.queuedBytesMax)
