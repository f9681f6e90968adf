import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { IndexStatistics } from '../../../node/fleet-search/api.ts'
import type { BenchFleet } from '../fleet.ts'
import { send } from '../http-load.ts'

const withinMs = 1_800_000

/** The index of each peer. */
export async function indexesOf(fleet: BenchFleet): Promise<IndexStatistics[]> {
  const { doors, agent } = fleet.side
  const { headers = {} } = fleet.read('')
  return Promise.all(
    doors.map(async door => {
      const { status, text } = await send(door, agent, { method: 'GET', path: '/v1/index/stats', headers })
      if (status !== 200) throw new Error(`an index does not answer: ${text.slice(0, 300)}`)
      return JSON.parse(text) as IndexStatistics
    }),
  )
}

/** Waits until every index has so many contexts and nothing is on its way. */
export async function indexed(fleet: BenchFleet, contexts: number): Promise<IndexStatistics[]> {
  const deadlineMs = Date.now() + withinMs
  for (;;) {
    const all = await indexesOf(fleet).catch(() => [])
    const isThere = ({ phase, complete, lagChanges, indexes: [main] }: IndexStatistics) =>
      phase === 'following' &&
      complete &&
      lagChanges < 8 &&
      (main?.shelves.reduce((sum, { documents }) => sum + documents, 0) ?? 0) >= contexts
    if (all.length > 0 && all.every(isThere)) return all
    if (Date.now() > deadlineMs) throw new Error('the indexes are not whole')
    await sleep(500)
  }
}

/** Of the peers that did worst: for how long an event loop was held up since this was asked last. */
export async function longestHeld(fleet: BenchFleet, dir: string): Promise<Held> {
  const turns = () => new Map(readdirSync(dir).map(name => [name, read(join(dir, name))]))
  const before = turns()
  for (const { pid } of fleet.peers) process.kill(pid, 'SIGUSR2')
  const deadlineMs = Date.now() + 10_000
  for (;;) {
    const now = turns()
    const isNew = ({ pid }: { pid: number }) => {
      const name = `${pid}.json`
      return (now.get(name)?.turn ?? 0) > (before.get(name)?.turn ?? 0)
    }
    if (fleet.peers.every(isNew)) {
      const all = fleet.peers.map(({ pid }) => now.get(`${pid}.json`)!)
      const most = (of: keyof Held) => Math.max(...all.map(held => held[of]))
      return { longestMs: most('longestMs'), busiestMs: most('busiestMs') }
    }
    if (Date.now() > deadlineMs) throw new Error('a peer does not tell about its event loop')
    await sleep(50)
  }
}

export type Held = {
  /** By the clock, in milliseconds. */
  readonly longestMs: number
  /** What its thread had of the processor meanwhile, the rest is waiting for a core. */
  readonly busiestMs: number
}

/** Turn 0 while it is being written. */
function read(path: string): Held & { readonly turn: number } {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch (failure) {
    if (failure instanceof SyntaxError) return { turn: 0, longestMs: 0, busiestMs: 0 }
    throw failure
  }
}
