import { Agent } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import type { ChaosFleet, Door } from '../fleet/fleet.ts'
import { send } from '../load/requests.ts'

const pollMs = 200
const askMs = 5_000
const path = '/v1/duties'
const duty = 'repair'

type Duties = { readonly isLeader: boolean; readonly duties: readonly Duty[] }
type Duty = { readonly name: string; readonly phase: string; readonly runs: number }

/**
 * Has every peer compare its replicas with those of the others, as `slurp duty run repair` does: what one owner alone
 * holds stands everywhere then (rule 8).
 *
 * @returns what is wrong when it does not come to its end.
 */
export async function repairAll(fleet: ChaosFleet, withinMs: number): Promise<string[]> {
  const agent = new Agent({ keepAlive: true })
  const endMs = performance.now() + withinMs
  let runsWanted: number | null = null
  try {
    while (performance.now() < endMs) {
      const led = await leading(fleet.doors, agent)
      if (led !== null) {
        const { runs, phase } = led.duty
        // One run is the turn of one peer, and a round that went on when it was asked for leaves some out.
        runsWanted ??= runs + fleet.names.length
        if (phase === 'idle') {
          if (runs >= runsWanted) return []
          const wish = { path: `${path}/${duty}`, body: { wish: 'run' } }
          await send({ door: led.door, agent, method: 'POST', ...wish, patienceMs: askMs })
        }
      }
      await delay(pollMs)
    }
    return [`the duty "${duty}" does not come to its end`]
  } finally {
    agent.destroy()
  }
}

async function leading(doors: readonly Door[], agent: Agent): Promise<{ door: Door; duty: Duty } | null> {
  for (const door of doors) {
    const answer = await send({ door, agent, method: 'GET', path, patienceMs: askMs })
    if (answer.kind !== 'answered' || answer.status !== 200) continue
    const { isLeader, duties } = answer.body as Duties
    const found = duties.find(({ name }) => name === duty)
    if (isLeader && found !== undefined) return { door, duty: found }
  }
  return null
}
