import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { BenchFleet } from '../fleet.ts'

/** For how long an event loop was held up, at most. */
export type Held = {
  /** By the clock, in milliseconds. */
  readonly longestMs: number
  /** What its thread had of the processor meanwhile, the rest is waiting for a core. */
  readonly busiestMs: number
}

/** What a peer writes at each signal; null: it begins to watch. */
export type Told = { readonly turn: number; readonly held: Held | null }

const withinMs = 10_000
const lookEveryMs = 50

/** Of the peers that did worst while `work` ran. @param dir - where they write. */
export async function heldUnder(fleet: BenchFleet, dir: string, work: () => Promise<unknown>): Promise<Held> {
  await signal(fleet, dir)
  await work()
  const all = await signal(fleet, dir)
  const most = (of: keyof Held) => Math.max(...all.map(({ held }) => held?.[of] ?? Number.NaN))
  return { longestMs: most('longestMs'), busiestMs: most('busiestMs') }
}

/** Each signal begins to watch, or ends it. */
async function signal(fleet: BenchFleet, dir: string): Promise<Told[]> {
  const before = tellings(dir)
  for (const { pid } of fleet.peers) process.kill(pid, 'SIGUSR2')
  const deadlineMs = Date.now() + withinMs
  for (;;) {
    const now = tellings(dir)
    const names = fleet.peers.map(({ pid }) => `${pid}.json`)
    if (names.every(name => (now.get(name)?.turn ?? 0) > (before.get(name)?.turn ?? 0)))
      return names.map(name => now.get(name)!)
    if (Date.now() > deadlineMs) throw new Error('a peer does not tell about its event loop')
    await sleep(lookEveryMs)
  }
}

const tellings = (dir: string) => new Map(readdirSync(dir).map(name => [name, read(join(dir, name))]))

/** Turn 0 while it is being written. */
function read(path: string): Told {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch (failure) {
    if (failure instanceof SyntaxError) return { turn: 0, held: null }
    throw failure
  }
}
