import { seeded } from '../../base/random.ts'
import { Guard } from '../../node/control/guard.ts'
import { noDiskFaults, SimDisk } from '../disk.ts'
import { World } from '../world.ts'

/** Exact schedules of rule 11 on the parts that carry duties out. Each returns null when the rules hold in it. */
export const dutySchedules: Readonly<Record<string, () => string | null>> = { forgottenFence }

/**
 * A duty is let through under token 5. The machine dies right then, or a while later, and comes back: whatever was let
 * through before, a leader with token 4 is refused from then on.
 */
function forgottenFence(): string | null {
  for (const laterMs of [0, 1_000]) {
    const world = new World(1)
    const machine = new SimDisk({
      random: seeded(1),
      schedule: (delayMs, run) => void world.after(delayMs, run),
      faults: { ...noDiskFaults, durableAtCrashChance: 0 },
    })
    let isLetThrough = false
    const before = guardOn(machine)
    before.admit('moves', 5, admitted => {
      isLetThrough = admitted
    })
    world.run(1_000, () => isLetThrough)
    if (!isLetThrough) return 'the first token is refused'
    world.run(world.nowMs + laterMs)
    machine.crash()
    let isZombieLetThrough: boolean | null = null
    guardOn(machine).admit('moves', 4, admitted => {
      isZombieLetThrough = admitted
    })
    world.run(world.nowMs + 1_000)
    if (isZombieLetThrough !== false) return 'after a restart token 4 is let through, which comes after 5'
  }
  return null
}

const guardOn = (machine: SimDisk): Guard => new Guard(machine.restart().disk, false, done => done(null))
