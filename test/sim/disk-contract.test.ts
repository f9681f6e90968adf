import { seeded } from '../../base/random.ts'
import type { OpenedDisk } from '../../node/ports/opened-disk.ts'
import { noDiskFaults, SimDisk } from '../../sim/disk.ts'
import { World } from '../../sim/world.ts'
import { type DiskUnderTest, diskContract } from '../contracts/disk.ts'

/** Virtual time goes on whenever the test waits. */
function onItsOwn(world: World): (delayMs: number, run: () => void) => void {
  let pumping = false
  const pump = () => {
    pumping = false
    world.run(world.nowMs + 1000)
  }
  return (delayMs, run) => {
    world.after(delayMs, run)
    if (!pumping) setImmediate(pump)
    pumping = true
  }
}

function underTest(machine: SimDisk, opened: OpenedDisk): DiskUnderTest {
  return {
    disk: opened.disk,
    stats: opened.stats,
    close: opened.close,
    reopen: async () => {
      await opened.close()
      return underTest(machine, machine.restart())
    },
    remove: opened.close,
  }
}

diskContract('the fake disk', async () => {
  const world = new World(1)
  const machine = new SimDisk({ random: seeded(1), schedule: onItsOwn(world), faults: noDiskFaults })
  return underTest(machine, machine.restart())
})
