import { Agent } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import type { Door } from '../fleet/fleet.ts'
import { type ChainEntry, isServed } from '../history/call.ts'
import type { Recorder } from '../history/recorder.ts'
import { ask, entriesOf } from '../load/ask.ts'
import { contextPath, send } from '../load/requests.ts'

const atOnce = 16
/** How long to wait for an answer, and how often to ask. */
export type Persistence = { readonly patienceMs: number; readonly triesMax: number }
/** A busy machine may take its time, and nothing else is wrong. */
export const patient: Persistence = { patienceMs: 30_000, triesMax: 5 }
/** Of a fleet that is known to be unwell: thousands of reads that wait for what does not come take hours. */
export const impatient: Persistence = { patienceMs: 2_000, triesMax: 1 }
const retryPauseMs = 200
const pageVersions = 50

/**
 * Reads every address at every door: each answer is one more call of the history, and mends the replicas that it
 * meets apart (rule 7).
 *
 * @returns what could not be read.
 */
export async function readEverywhere(
  doors: readonly Door[],
  addresses: Iterable<string>,
  recorder: Recorder,
  { patienceMs, triesMax }: Persistence,
): Promise<string[]> {
  const wrong: string[] = []
  const agent = new Agent({ keepAlive: true, maxSockets: atOnce })
  await eachOf(addresses, async address => {
    for (const door of doors) {
      const about = { worker: 'reader', door: door.name, address, ask: { kind: 'get' } as const }
      const isRead = await persist(triesMax, async () =>
        isServed(await recorder.record(about, () => ask(door, agent, address, about.ask, patienceMs))),
      )
      if (!isRead) wrong.push(`${door.name} cannot read ${address} after the faults ended`)
    }
  })
  agent.destroy()
  return wrong
}

/** All versions of every address, newest first; an address that cannot be read is left out. */
export async function readChains(
  doors: readonly Door[],
  addresses: Iterable<string>,
  { patienceMs, triesMax }: Persistence,
): Promise<Map<string, ChainEntry[]>> {
  const chains = new Map<string, ChainEntry[]>()
  const agent = new Agent({ keepAlive: true, maxSockets: atOnce })
  let turn = 0
  await eachOf(addresses, async address => {
    const door = doors[turn++ % doors.length]!
    await persist(triesMax, async () => {
      const chain = await chainOf(door, agent, address, patienceMs)
      if (chain !== null) chains.set(address, chain)
      return chain !== null
    })
  })
  agent.destroy()
  return chains
}

async function chainOf(
  door: Door,
  agent: Agent,
  address: string,
  patienceMs: number,
): Promise<ChainEntry[] | null> {
  const chain: ChainEntry[] = []
  let cursor: string | null = null
  do {
    const query = new URLSearchParams({ limit: String(pageVersions), timeoutMs: String(patienceMs) })
    if (cursor !== null) query.set('cursor', cursor)
    const path = contextPath(address, `/history?${query}`)
    const answer = await send({ door, agent, method: 'GET', path, patienceMs: patienceMs + 1_000 })
    if (answer.kind !== 'answered') return null
    const body = answer.body as { error?: { code?: string }; cursor?: string | null }
    if (body.error?.code === 'NOT_FOUND' && cursor === null) return []
    if (answer.status !== 200) return null
    chain.push(...entriesOf(answer.body as Record<string, unknown>))
    cursor = body.cursor ?? null
  } while (cursor !== null)
  return chain
}

async function persist(triesMax: number, attempt: () => Promise<boolean>): Promise<boolean> {
  for (let tries = 1; tries <= triesMax; tries++) {
    if (await attempt()) return true
    await delay(retryPauseMs)
  }
  return false
}

async function eachOf<T>(items: Iterable<T>, work: (item: T) => Promise<void>): Promise<void> {
  const left = items[Symbol.iterator]()
  const hand = async () => {
    for (let next = left.next(); !next.done; next = left.next()) await work(next.value)
  }
  await Promise.all(Array.from({ length: atOnce }, hand))
}
