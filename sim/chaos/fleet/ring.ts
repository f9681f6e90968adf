import { Agent } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { send } from '../load/requests.ts'
import type { ChaosFleet } from './fleet.ts'

/** One partition, by the names of the peers. While it moves it needs a quorum of both groups. */
export type RingPart = { readonly owners: readonly string[]; readonly next: readonly string[] }
export type Ring = { readonly epoch: number; readonly parts: readonly RingPart[] }

const lookEveryMs = 2_000
const askMs = 5_000

/** Who owned what when, as far as it was looked at. */
export class RingLog {
  private readonly noted: { readonly atMs: number; readonly ring: Ring }[] = []

  note(atMs: number, ring: Ring): void {
    if (this.noted.at(-1)?.ring.epoch !== ring.epoch) this.noted.push({ atMs, ring })
  }

  /** Every ring that may have been in force from `fromMs` to `toMs`: between two looks that is both of them. */
  during(fromMs: number, toMs: number): Ring[] {
    return this.noted
      .filter(({ atMs }, at) => {
        const nextMs = this.noted[at + 1]?.atMs ?? Number.POSITIVE_INFINITY
        return atMs - lookEveryMs <= toMs && nextMs >= fromMs
      })
      .map(({ ring }) => ring)
  }
}

/** Looks at the ring again and again until it is stopped. */
export async function watchRing(
  fleet: ChaosFleet,
  log: RingLog,
  nowMs: () => number,
  stopped: AbortSignal,
): Promise<void> {
  while (!stopped.aborted) {
    const ring = await readRing(fleet)
    if (ring !== null) log.note(nowMs(), ring)
    // Ended early by `stopped`, which the loop looks at.
    await delay(lookEveryMs, undefined, { signal: stopped }).catch(() => undefined)
  }
}

/** The newest ring that a peer knows which answers at once; null when none does. */
export async function readRing(fleet: ChaosFleet): Promise<Ring | null> {
  const agent = new Agent()
  const rings = await Promise.all(
    fleet.doors.map(async door => {
      const answer = await send({ door, agent, method: 'GET', path: '/v1/ring', patienceMs: askMs })
      return answer.kind === 'answered' && answer.status === 200 ? ringFrom(answer.body) : null
    }),
  )
  agent.destroy()
  return rings.reduce(
    (newest, ring) => (ring !== null && ring.epoch > (newest?.epoch ?? -1) ? ring : newest),
    null,
  )
}

function ringFrom(body: unknown): Ring {
  const { epoch, members, partitions } = body as {
    epoch: number
    members: readonly { id: string; name: string }[]
    partitions: readonly { stage: string; owners: readonly string[]; nextOwners: readonly string[] }[]
  }
  const names = new Map(members.map(({ id, name }) => [id, name]))
  const named = (ids: readonly string[]) => ids.map(id => names.get(id) ?? id)
  return {
    epoch,
    parts: partitions.map(({ stage, owners, nextOwners }) => ({
      owners: named(owners),
      next: stage === 'stable' ? [] : named(nextOwners),
    })),
  }
}
