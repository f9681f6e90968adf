import { existsSync, globSync, rmSync } from 'node:fs'
import { join as joinPath } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Random } from '../../../base/random.ts'
import { ChaosFailure } from '../failure.ts'
import type { ChaosFleet } from '../fleet/fleet.ts'
import { type Ring, readRing } from '../fleet/ring.ts'
import type { FaultKind } from './fault.ts'

/** Members at most; the machine that runs them all has to bear them. */
const membersMax = 9
const triesMax = 20
const retryPauseMs = 2_000
const waitSeconds = 60
const endMsMax = 20_000
const rebuildMsMax = 180_000
const lookEveryMs = 500

const nothingToUndo = async (): Promise<void> => undefined

/** A change of members goes on by itself when it has begun: nothing to undo, and time for the next one. */
const common = { lane: 'members', weight: 1, lastsMs: [2_000, 15_000], healsMs: 5_000 } as const

/** A peer joins, while everything else goes on. */
export const join: FaultKind = {
  ...common,
  name: 'join',
  strike: async fleet => {
    if (fleet.names.length >= membersMax) return null
    await owe(fleet, ring => (ring.parts.length * ring.replicas) / (fleet.names.length + 1))
    return { what: `join ${await enter(fleet, ['join'])}`, heal: nothingToUndo }
  },
}

/** A peer hands everything over and leaves the fleet; its process ends by itself. */
export const drain: FaultKind = {
  ...common,
  name: 'drain',
  strike: async (fleet, random) => {
    const victim = spare(fleet, random)
    if (victim === null) return null
    await oweWhatItHas(fleet, victim)
    const id = fleet.peer(victim).ready?.id ?? victim
    await persist(fleet, ['drain', id, '--wait', '--wait-seconds', String(waitSeconds)], victim)
    await fleet.peer(victim).ended(endMsMax)
    fleet.drop(victim)
    return { what: `drain ${victim}`, heal: nothingToUndo }
  },
}

/** The data of a peer is gone: it must not come back under its id, and comes back under another one by itself. */
export const wipe: FaultKind = {
  ...common,
  name: 'wipe',
  strike: async (fleet, random) => {
    const victim = await bearable(fleet, random)
    if (victim === null) return null
    await oweWhatItHas(fleet, victim)
    const peer = fleet.peer(victim)
    const before = peer.ready?.id
    await peer.kill()
    for (const path of globSync(joinPath(peer.dir, 'data*'))) rmSync(path, { recursive: true })
    await fleet.revive(victim)
    if (peer.ready?.id === before)
      throw new ChaosFailure(`${victim} came back under its old id without its data`)
    return { what: `wipe ${victim}`, heal: () => rebuilt(fleet) }
  },
}

/** The directory of a peer is gone as a whole, and a new peer is put in its place. */
export const replace: FaultKind = {
  ...common,
  name: 'replace',
  strike: async (fleet, random) => {
    const victim = await bearable(fleet, random)
    if (victim === null) return null
    await oweWhatItHas(fleet, victim)
    const { dir, ready } = fleet.peer(victim)
    await fleet.peer(victim).kill()
    rmSync(dir, { recursive: true })
    fleet.drop(victim)
    const came = await enter(fleet, ['replace', ready?.id ?? victim])
    return { what: `replace ${victim} by ${came}`, heal: () => rebuilt(fleet) }
  },
}

/** Registers a new peer under a name that no peer of this run ever had, and starts it. */
async function enter(fleet: ChaosFleet, command: readonly string[]): Promise<string> {
  const name = fleet.newName()
  const dir = joinPath(fleet.fleetDir, name)
  await persist(fleet, [...command, '--dir', dir, '--name', name, '--no-start'])
  await fleet.add(name, dir)
  await fleet.revive(name)
  return name
}

/** What a cut network or a dead door hinders is asked again, as an operator would; a peer that exists is there. */
async function persist(fleet: ChaosFleet, command: readonly string[], victim?: string): Promise<void> {
  const at = command.indexOf('--dir')
  await again(async () => {
    if (at >= 0 && existsSync(joinPath(command[at + 1]!, 'peer.json'))) return
    await fleet.command(['peer', ...command, '--json', ...fleet.target(victim)])
  })
}

async function again(attempt: () => Promise<void>): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      return await attempt()
    } catch (failure) {
      if (!(failure instanceof ChaosFailure) || tries === triesMax) throw failure
      await delay(retryPauseMs)
    }
  }
}

/** Somebody has to get every copy that this peer has. */
const oweWhatItHas = (fleet: ChaosFleet, victim: string): Promise<void> =>
  owe(fleet, ring => ring.parts.filter(({ owners }) => owners.includes(victim)).length)

async function owe(fleet: ChaosFleet, copiesOf: (ring: Ring) => number): Promise<void> {
  const ring = await readRing(fleet)
  if (ring !== null) fleet.leastCopies += Math.round(copiesOf(ring))
}

/**
 * A peer whose disk the fleet can bear to lose: nobody who lost one before is still counted as an owner. Two lost disks
 * at once are a lost majority of what both held, which is more than is promised.
 */
async function bearable(fleet: ChaosFleet, random: Random): Promise<string | null> {
  const victim = spare(fleet, random)
  return victim !== null && (await isWhole(fleet)) ? victim : null
}

/** Waits until every copy that was lost with a disk is somewhere else; who waits in vain is told so at the end of the run. */
async function rebuilt(fleet: ChaosFleet): Promise<void> {
  const endMs = performance.now() + rebuildMsMax
  while (performance.now() < endMs && !(await isWhole(fleet))) await delay(lookEveryMs)
}

/** Whether all owners of all partitions are peers that still have their disks. */
async function isWhole(fleet: ChaosFleet): Promise<boolean> {
  const ring = await readRing(fleet)
  const here = new Set(fleet.names)
  return ring?.parts.every(({ owners, next }) => [...owners, ...next].every(name => here.has(name))) ?? false
}

/** A peer that runs and that the fleet can do without, so that enough are left to own every copy and to lose one. */
function spare(fleet: ChaosFleet, random: Random): string | null {
  const running = fleet.names.filter(name => fleet.peer(name).state === 'up')
  return running.length <= fleet.plan.replicas + 1 ? null : random.pick(running)
}
