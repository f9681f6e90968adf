import type { Random } from '../../../base/random.ts'
import type { ChaosFleet } from '../fleet/fleet.ts'
import type { FaultKind, Struck } from './fault.ts'

/** From the start of a peer until it is ready, on a busy machine. */
const restartMs = 3_000

const jumpMsMax = 3_600_000

const runningOf = (fleet: ChaosFleet): string[] => fleet.names.filter(name => fleet.peer(name).state === 'up')

async function killed(fleet: ChaosFleet, victims: readonly string[]): Promise<Struck> {
  await Promise.all(victims.map(name => fleet.peer(name).kill()))
  return {
    what: `kill -9 ${victims.join(' ')}`,
    heal: async () => {
      await Promise.all(victims.map(name => fleet.revive(name)))
    },
  }
}

/** `kill -9`, and `slurp up` again after a while. */
export const kill: FaultKind = {
  name: 'kill',
  lane: 'peers',
  weight: 4,
  lastsMs: [200, 8_000],
  healsMs: restartMs,
  strike: async (fleet, random) => {
    const running = runningOf(fleet)
    return running.length === 0 ? null : killed(fleet, [random.pick(running)])
  },
}

/** All peers at once, as when the power of a room fails: whatever was acknowledged must be on the disks. */
export const powerCut: FaultKind = {
  name: 'powerCut',
  lane: 'peers',
  weight: 0.4,
  lastsMs: [100, 1_500],
  healsMs: restartMs,
  strike: async fleet => killed(fleet, runningOf(fleet)),
}

/** SIGSTOP: the process answers nobody, keeps its connections, and goes on later as if nothing had been. */
export const pause: FaultKind = {
  name: 'pause',
  lane: 'peers',
  weight: 3,
  lastsMs: [1_000, 30_000],
  healsMs: 0,
  strike: async (fleet, random) => paused(fleet, random),
}

function paused(fleet: ChaosFleet, random: Random): Struck | null {
  const running = runningOf(fleet)
  if (running.length === 0) return null
  const victim = random.pick(running)
  const peer = fleet.peer(victim)
  peer.pause()
  return { what: `SIGSTOP ${victim}`, heal: async () => peer.resume() }
}

/** The wall clock of one peer jumps, and jumps back: a peer whose clock is off is one of a minority. */
export const clockJump: FaultKind = {
  name: 'clockJump',
  lane: 'clocks',
  weight: 1,
  lastsMs: [2_000, 30_000],
  healsMs: 0,
  strike: async (fleet, random) => {
    const victim = random.pick(fleet.names)
    const byMs = (random.chance(0.5) ? -1 : 1) * random.below(jumpMsMax)
    const peer = fleet.peer(victim)
    peer.setClock(byMs)
    return {
      what: `clock of ${victim} ${byMs < 0 ? '' : '+'}${Math.round(byMs / 1_000)} s`,
      heal: async () => peer.setClock(0),
    }
  },
}
