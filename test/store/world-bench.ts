import { createHash } from 'node:crypto'
import { nextHlc } from '../../base/hlc.ts'
import type { ContextKey } from '../../base/ids.ts'
import { newEnvelopeChecker } from '../../crypto/envelope-checker.ts'
import { initialView, type View } from '../../dht/view.ts'
import { Driver } from '../../node/driver/driver.ts'
import type { Disk } from '../../node/ports/ports.ts'
import { defaultLimits } from '../../replication/limits.ts'
import { MachineTime, SimClock } from '../../sim/clock.ts'
import { noDiskFaults, SimDisk } from '../../sim/disk.ts'
import { SimNetwork } from '../../sim/network.ts'
import { World } from '../../sim/world.ts'
import type { SubmitterBench } from '../contracts/submitter.ts'
import { fleetId, newHlcOf, newIdentity } from './identities.ts'

/** Virtual milliseconds that pass in one turn of the event loop. */
const stepMs = 0.5
/** How long one tick of a process collects inputs, in virtual milliseconds. */
const tickMs = 0.2

export type WorldBench = SubmitterBench & {
  readonly world: World
  readonly network: SimNetwork
  readonly view: View
  /** By the number of the process. */
  readonly disks: readonly Disk[]
  /** The process is gone for good; its disk with it. */
  kill(process: number): void
}

/**
 * A fleet of production drivers and peers on virtual disks and a virtual network, with real identities and the real
 * envelope checker. Virtual time goes on with the event loop, so that sealing and waiting mix and a timeout of
 * seconds costs none.
 */
export async function openWorldBench(peers: number, seed = 1): Promise<WorldBench> {
  const world = new World(seed)
  const network = new SimNetwork(world)
  const identities = await Promise.all(Array.from({ length: peers }, newIdentity))
  const members = identities.map(({ peerId }, at) => ({
    id: peerId,
    name: `p${at + 1}`,
    weight: 1,
    zone: `z${at}`,
  }))
  const hash = (text: string) => createHash('sha256').update(text).digest('hex') as ContextKey
  const view = initialView({ fleet: fleetId, members, replicas: 3, partitionCount: 16, hash })
  const isMember = new Set(members.map(member => member.id))
  const dead = new Set<number>()
  const disks: Disk[] = []
  let started = 0

  const processes = identities.map((author, at) => {
    const whenRunning = (run: () => void) => {
      if (!dead.has(at)) run()
    }
    const clock = new SimClock(world, new MachineTime(world, 1, 0), tickMs, whenRunning)
    const hlc = newHlcOf(author)
    nextHlc(hlc, clock.wallMs())
    const disk = new SimDisk({
      random: world.random(`disk ${at}`),
      schedule: (delayMs, run) => void world.after(delayMs, run),
      faults: noDiskFaults,
    }).restart({ expectExisting: false, deliver: whenRunning }).disk
    disks.push(disk)
    const driver = new Driver({
      self: author.peerId,
      view,
      hlc,
      incarnation: 1,
      disk,
      recordsLost: false,
      network: network.portOf(author.peerId, () => !dead.has(at), whenRunning),
      clock,
      checker: newEnvelopeChecker({
        fleet: fleetId,
        isAuthor: peer => isMember.has(peer),
        isGranted: () => true,
      }),
      limits: defaultLimits,
      random: world.random(`driver ${at}`),
      report: () => undefined,
      failed: failure => {
        throw failure
      },
    })
    driver.start(failure => {
      if (failure !== null) throw failure
      started += 1
    })
    const submit: SubmitterBench['processes'][number]['submitter']['submit'] = (operation, timeoutMs) =>
      new Promise(resolve => driver.submit(operation, timeoutMs, resolve))
    return { author, hlc, clock, submitter: { submit } }
  })

  world.run(world.nowMs + 1_000, () => started === peers)
  world.run(world.nowMs + 500)
  let pump: NodeJS.Immediate
  const turn = () => {
    world.run(world.nowMs + stepMs)
    pump = setImmediate(turn)
  }
  pump = setImmediate(turn)
  return {
    fleet: fleetId,
    processes,
    world,
    network,
    view,
    disks,
    kill(process) {
      dead.add(process)
      network.drop(processes[process]!.author.peerId, false)
    },
    close: async () => clearImmediate(pump),
  }
}
