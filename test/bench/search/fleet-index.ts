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
