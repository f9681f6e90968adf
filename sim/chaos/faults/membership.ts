import { existsSync, globSync, rmSync } from 'node:fs'
import { join as joinPath } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Random } from '../../../base/random.ts'
import { ChaosFailure } from '../failure.ts'
import type { ChaosFleet } from '../fleet/fleet.ts'
import type { FaultKind, Struck } from './fault.ts'

/** Members at most; the machine that runs them all has to bear them. */
const membersMax = 9
const triesMax = 10
const retryPauseMs = 2_000

const can = (command: string) => (fleet: ChaosFleet) => fleet.understands(['help', 'peer', command])

const nothingToUndo = async (): Promise<void> => undefined

/** A name and a directory that no peer of this run ever had. */
function newcomer(fleet: ChaosFleet): { name: string; dir: string } {
  for (let number = 1; ; number++) {
    const name = `n${number}`
    const dir = joinPath(fleet.fleetDir, name)
    if (!existsSync(dir)) return { name, dir }
  }
}

/**
 * Runs a command that registers a new peer and then is that peer. What the network or a dead door hinders is tried
 * again; a peer whose directory was made by then is started as it is.
 */
async function enter(fleet: ChaosFleet, command: readonly string[]): Promise<string> {
  const { name, dir } = newcomer(fleet)
  await fleet.add(name, dir)
  for (let tries = 1; ; tries++) {
    const isMade = existsSync(joinPath(dir, 'peer.json'))
    const anew = ['peer', ...command, '--dir', dir, '--name', name, '--json', ...fleet.target()]
    try {
      await fleet.up(name, isMade ? undefined : anew)
      return name
    } catch (failure) {
      if (!(failure instanceof ChaosFailure) || tries === triesMax) throw failure
      await fleet.peer(name).kill()
      await delay(retryPauseMs)
    }
  }
}

async function persist(fleet: ChaosFleet, command: readonly string[], victim: string): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await fleet.command(['peer', ...command, victim, ...fleet.target(victim)])
      return
    } catch (failure) {
      if (!(failure instanceof ChaosFailure) || tries === triesMax) throw failure
      await delay(retryPauseMs)
    }
  }
}

/** A peer joins, while everything else goes on. */
export const join: FaultKind = {
  name: 'join',
  lane: 'members',
  weight: 2,
  lastsMs: [5_000, 20_000],
  healsMs: 0,
  isPossible: can('join'),
  strike: async fleet => {
    if (fleet.names.length >= membersMax) return null
    return { what: `join ${await enter(fleet, ['join'])}`, heal: nothingToUndo }
  },
}

/** A peer hands everything over, leaves the fleet and is stopped. */
export const drain: FaultKind = {
  name: 'drain',
  lane: 'members',
  weight: 2,
  lastsMs: [5_000, 20_000],
  healsMs: 0,
  isPossible: can('drain'),
  strike: async (fleet, random) => {
    const victim = spare(fleet, random)
    if (victim === null) return null
    await persist(fleet, ['drain', '--wait'], victim)
    await persist(fleet, ['remove'], victim)
    await fleet.peer(victim).stop()
    fleet.drop(victim)
    return { what: `drain ${victim}`, heal: nothingToUndo }
  },
}

/** The disk of a peer is gone: it must not come back under its id, and another peer takes its place. */
export const wipe: FaultKind = {
  name: 'wipe',
  lane: 'members',
  weight: 2,
  lastsMs: [5_000, 20_000],
  healsMs: 0,
  isPossible: can('replace'),
  strike: async (fleet, random) => {
    const victim = spare(fleet, random)
    return victim === null ? null : wiped(fleet, victim)
  },
}

async function wiped(fleet: ChaosFleet, victim: string): Promise<Struck> {
  const peer = fleet.peer(victim)
  await peer.kill()
  for (const path of globSync(joinPath(peer.dir, 'data*'))) rmSync(path, { recursive: true })
  const came = await enter(fleet, ['replace', victim])
  fleet.drop(victim)
  return { what: `wipe ${victim}, replaced by ${came}`, heal: nothingToUndo }
}

/** A peer that runs and that the fleet can do without, so that enough are left to own every copy and to lose one. */
function spare(fleet: ChaosFleet, random: Random): string | null {
  const running = fleet.names.filter(name => fleet.peer(name).state === 'up')
  return running.length <= fleet.plan.replicas + 1 ? null : random.pick(running)
}
