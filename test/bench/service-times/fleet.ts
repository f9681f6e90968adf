// Goal: whether the parts add up to the whole. Method: a real fleet of three peers under the load of the simulator,
// half writes of new contexts, half reads; processor time of the three processes for one operation.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startFleet } from '../fleet.ts'
import { type Load, runLoad } from '../http-load.ts'
import { eventLoopSeconds, processorSeconds } from '../machine.ts'

const clients = 48
const warmUpMs = 12_000
const measureMs = 8_000

export type FleetTimes = {
  /** Processor time of all event loops for one operation. */
  readonly eventLoopUs: number
  /** The same with all other threads: compilers, garbage collection, the disk. */
  readonly operationUs: number
  readonly perSecond: number
}

export async function measureFleet(context: string): Promise<FleetTimes> {
  const scratch = mkdtempSync(join(tmpdir(), 'slurp-bench-whole-'))
  const stateDir = join(scratch, 'state')
  mkdirSync(stateDir)
  const fleet = await startFleet({ peers: 3, dir: join(scratch, 'three'), stateDir })
  try {
    const written: string[] = []
    const asked = new Map<number, string | null>()
    let count = 0
    const load = (ms: number): Load => ({
      clients,
      ms,
      next: client => {
        if (written.length > 0 && Math.random() < 0.5) {
          asked.set(client, null)
          return fleet.read(written[Math.floor(Math.random() * written.length)]!)
        }
        count += 1
        const address = `ucxl://any:any@bench:any/*^/k${count}`
        asked.set(client, address)
        return fleet.put(address, context, 'architect,developer')
      },
      done: (_, client) => {
        const address = asked.get(client)
        if (address) written.push(address)
      },
    })
    const used = () => ({
      all: fleet.peers.reduce((sum, { pid }) => sum + processorSeconds(pid), 0),
      loops: fleet.peers.reduce((sum, { pid }) => sum + eventLoopSeconds(pid), 0),
    })
    await runLoad(fleet.side, load(warmUpMs))
    const before = used()
    const { count: answered, perSecond, failed, complaint } = await runLoad(fleet.side, load(measureMs))
    if (failed > 0) throw new Error(`an operation failed: ${complaint}`)
    const after = used()
    return {
      eventLoopUs: ((after.loops - before.loops) * 1e6) / answered,
      operationUs: ((after.all - before.all) * 1e6) / answered,
      perSecond,
    }
  } finally {
    await fleet.stop()
    rmSync(scratch, { recursive: true, force: true, maxRetries: 5 })
  }
}
