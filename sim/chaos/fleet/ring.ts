import { Agent } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { send } from '../load/requests.ts'
import type { ChaosFleet } from './fleet.ts'

/** One partition, by the names of the peers. While it moves it needs a quorum of both groups. */
export type RingPart = {
  readonly owners: readonly string[]
  readonly next: readonly string[]
  /** Ids of all of them: a peer that lost its data keeps its name in this run and gets another id. */
  readonly ids: ReadonlySet<string>
}
export type Ring = {
  readonly epoch: number
  readonly replicas: number
  readonly parts: readonly RingPart[]
  /** Moves that have not ended or not begun, and peers on their way out. */
  readonly unsettled: number
}

const lookEveryMs = 2_000
const askMs = 5_000

/** Who owned what when, as far as it was looked at. */
export class RingLog {
  private readonly noted: { readonly atMs: number; readonly ring: Ring }[] = []

  note(atMs: number, ring: Ring): void {
    if (this.noted.at(-1)?.ring.epoch !== ring.epoch) this.noted.push({ atMs, ring })
  }

  /** Copies of partitions that went to a peer which did not have them, from one look to the next. */
  get movedCopies(): number {
    return this.noted.reduce((sum, { ring }, at) => {
      const before = this.noted[at - 1]?.ring
      return before === undefined
        ? sum
        : sum + ring.parts.reduce((some, part, index) => some + newIn(part, before.parts[index]), 0)
    }, 0)
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
      return answer.kind === 'answered' && answer.status === 200
        ? ringFrom(answer.body as View, id => fleet.nameOf(id))
        : null
    }),
  )
  agent.destroy()
  return rings.reduce(
    (newest, ring) => (ring !== null && ring.epoch > (newest?.epoch ?? -1) ? ring : newest),
    null,
  )
}

const newIn = (part: RingPart, before: RingPart | undefined): number =>
  [...part.ids].filter(id => before?.ids.has(id) !== true).length

type View = {
  readonly epoch: number
  readonly replicas: number
  readonly partitions: readonly {
    readonly stage: string
    readonly owners: readonly string[]
    readonly nextOwners: readonly string[]
  }[]
  readonly pending: readonly unknown[]
  readonly leaving: readonly unknown[]
}

function ringFrom(view: View, nameOf: (id: string) => string): Ring {
  const { epoch, replicas, partitions, pending, leaving } = view
  const moving = partitions.filter(({ stage }) => stage !== 'stable').length
  return {
    epoch,
    replicas,
    unsettled: moving + pending.length + leaving.length,
    parts: partitions.map(({ stage, owners, nextOwners }) => ({
      owners: owners.map(nameOf),
      next: stage === 'stable' ? [] : nextOwners.map(nameOf),
      ids: new Set([...owners, ...nextOwners]),
    })),
  }
}
