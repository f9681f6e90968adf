import { Agent } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import type { ChaosFleet, Door } from '../fleet/fleet.ts'
import { readRing } from '../fleet/ring.ts'
import { send } from '../load/requests.ts'

const pollMs = 100
const askMs = 5_000

type Status = {
  readonly partitions?: { readonly damaged: number }
  readonly members?: readonly { readonly name: string; readonly connected: boolean }[]
}

/** Waits until every peer is ready, sees every other one and has nothing damaged, and nothing moves. @returns what is wrong at last. */
export async function settle(fleet: ChaosFleet, withinMs: number): Promise<string[]> {
  const agent = new Agent({ keepAlive: true })
  const endMs = performance.now() + withinMs
  try {
    for (;;) {
      const wrong = (await Promise.all(fleet.doors.map(door => complaintsOf(door, agent)))).flat()
      const moving = (await readRing(fleet))?.parts.filter(part => part.next.length > 0).length ?? 0
      if (moving > 0) wrong.push(`${moving} partitions are still moving`)
      if (wrong.length === 0 || performance.now() > endMs) return wrong
      await delay(pollMs)
    }
  } finally {
    agent.destroy()
  }
}

async function complaintsOf(door: Door, agent: Agent): Promise<string[]> {
  const ask = { door, agent, method: 'GET', patienceMs: askMs }
  const ready = await send({ ...ask, path: '/health/ready' })
  if (ready.kind !== 'answered') return [`${door.name} does not answer: ${ready.code}`]
  const { reasons = [] } = ready.body as { reasons?: string[] }
  const wrong = reasons.map(reason => `${door.name}: ${reason}`)
  const status = await send({ ...ask, path: '/v1/status' })
  if (status.kind !== 'answered') return [...wrong, `${door.name} gives no status: ${status.code}`]
  const { partitions, members = [] } = status.body as Status
  if ((partitions?.damaged ?? 0) > 0) wrong.push(`${door.name} has damaged partitions`)
  for (const { name, connected } of members)
    if (!connected && name !== door.name) wrong.push(`${door.name} does not see ${name}`)
  return wrong
}
