// Goal: in calm weather the virtual network is a network as the port promises it. Method: the suite of the port;
// virtual time goes on while a test waits.
import assert from 'node:assert/strict'
import type { PeerId } from '../../base/ids.ts'
import type { Network } from '../../node/ports/ports.ts'
import { queuedBytesMax, SimNetwork } from '../../sim/network.ts'
import { World } from '../../sim/world.ts'
import { type NetworkFleet, networkContract } from '../contracts/network.ts'

const deadlineMs = 60_000
const noticedMs = 50

function makeFleet(n: number): NetworkFleet {
  const world = new World(1)
  const network = new SimNetwork(world)
  const ids = Array.from({ length: n }, (_, i) => `p${i + 1}` as PeerId)
  const boot = (i: number): Network =>
    network.portOf(
      ids[i]!,
      () => true,
      run => run(),
    )
  const ports = ids.map((_, i) => boot(i))
  const bothWays = (a: number, b: number, act: (from: PeerId, to: PeerId) => void) => {
    act(ids[a]!, ids[b]!)
    act(ids[b]!, ids[a]!)
  }
  return {
    ids,
    network: i => ports[i]!,
    cut: (a, b) => bothWays(a, b, (from, to) => network.block(from, to, noticedMs)),
    heal: (a, b) => bothWays(a, b, (from, to) => network.unblock(from, to)),
    restart: async i => {
      network.drop(ids[i]!, true)
      ports[i] = boot(i)
    },
    until: async (holds, what) => {
      const endMs = world.nowMs + deadlineMs
      while (!holds() && world.nowMs < endMs) world.run(world.nowMs + 1)
      assert.ok(holds(), what)
    },
    stop: async () => undefined,
  }
}

networkContract('the virtual network', async n => makeFleet(n), queuedBytesMax)
