import { Agent } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import type { ChaosFleet, Door } from '../fleet/fleet.ts'
import { readRing } from '../fleet/ring.ts'
import { send } from '../load/requests.ts'

const pollMs = 100
const askMs = 5_000

type Status = {
  readonly partitions?: { readonly damaged: number }
  readonly members?: readonly { readonly id: string; readonly connected: boolean }[]
}

/** Waits until every peer is ready, sees every other one and has nothing damaged, and nothing moves. @returns what is wrong at last. */
export async function settle(fleet: ChaosFleet, withinMs: number): Promise<string[]> {
  const agent = new Agent({ keepAlive: true })
  const endMs = performance.now() + withinMs
  try {
    for (;;) {
      const wrong = (await Promise.all(fleet.doors.map(door => complaintsOf(fleet, door, agent)))).flat()
      const { unsettled } = (await readRing(fleet)) ?? { unsettled: 0 }
      if (unsettled > 0) wrong.push(`${unsettled} partitions or peers are still on their way`)
      if (wrong.length === 0 || performance.now() > endMs) return wrong
      await delay(pollMs)
    }
  } finally {
    agent.destroy()
  }
}

async function complaintsOf(fleet: ChaosFleet, door: Door, agent: Agent): Promise<string[]> {
  const ask = { door, agent, method: 'GET', patienceMs: askMs }
  const ready = await send({ ...ask, path: '/health/ready' })
  if (ready.kind !== 'answered') return [`${door.name} does not answer: ${ready.code}`]
  const { reasons = [] } = ready.body as { reasons?: string[] }
  const wrong = reasons.map(reason => `${door.name}: ${reason}`)
  const status = await send({ ...ask, path: '/v1/status' })
  if (status.kind !== 'answered') return [...wrong, `${door.name} gives no status: ${status.code}`]
  const { partitions, members = [] } = status.body as Status
  if ((partitions?.damaged ?? 0) > 0) wrong.push(`${door.name} has damaged partitions`)
  for (const { id, connected } of members)
    if (!connected && fleet.nameOf(id) !== door.name)
      wrong.push(`${door.name} does not see ${fleet.nameOf(id)}`)
  return wrong
}
