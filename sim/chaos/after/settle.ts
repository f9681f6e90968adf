import { Agent } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { ChaosFailure } from '../failure.ts'
import type { ChaosFleet, Door } from '../fleet/fleet.ts'
import { send } from '../load/requests.ts'
import type { Ownership } from './compare.ts'

const pollMs = 100
const askMs = 5_000

type Status = {
  readonly partitions?: { readonly damaged: number }
  readonly members?: readonly { readonly name: string; readonly connected: boolean }[]
}

/** Waits until every peer is ready, sees every other one and has nothing damaged. @returns what is wrong at last. */
export async function settle(fleet: ChaosFleet, withinMs: number): Promise<string[]> {
  const agent = new Agent({ keepAlive: true })
  const endMs = performance.now() + withinMs
  try {
    for (;;) {
      const wrong = (await Promise.all(fleet.doors.map(door => complaintsOf(door, agent)))).flat()
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

/** The owners of every partition, as a peer that answers tells them. @throws ChaosFailure when none does. */
export async function ownershipOf(fleet: ChaosFleet): Promise<Ownership> {
  const agent = new Agent()
  for (const door of fleet.doors) {
    const answer = await send({ door, agent, method: 'GET', path: '/v1/ring', patienceMs: askMs })
    if (answer.kind !== 'answered' || answer.status !== 200) continue
    const { members, partitions } = answer.body as {
      members: readonly { id: string; name: string }[]
      partitions: readonly { owners: readonly string[] }[]
    }
    const names = new Map(members.map(({ id, name }) => [id, name]))
    return partitions.map(({ owners }) => owners.map(owner => names.get(owner) ?? owner))
  }
  throw new ChaosFailure('no peer tells who owns what')
}
