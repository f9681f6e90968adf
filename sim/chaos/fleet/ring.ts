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

/** One copy of a partition that a peer had to get, and when that was seen. */
export type MovedCopy = { readonly partition: number; readonly atMs: number }

const lookEveryMs = 2_000
const askMs = 5_000

/** Who owned what when, as far as it was looked at. */
export class RingLog {
  private readonly noted: { readonly atMs: number; readonly ring: Ring }[] = []

  note(atMs: number, ring: Ring): void {
    if (this.noted.at(-1)?.ring.epoch !== ring.epoch) this.noted.push({ atMs, ring })
  }

  /** Copies of partitions that went to a peer which did not have them, from one look to the next. */
  get moved(): MovedCopy[] {
    return this.noted.flatMap(({ atMs, ring }, at) => {
      const before = this.noted[at - 1]?.ring
      if (before === undefined) return []
      return ring.parts.flatMap((part, partition) =>
        Array.from({ length: newIn(part, before.parts[partition]) }, () => ({ partition, atMs })),
      )
    })
  }

  /** Whether partitions were on their way all the time from `fromMs` to `toMs`, as far as it was looked at. */
  wasMoving(fromMs: number, toMs: number): boolean {
    const rings = this.during(fromMs, toMs)
    return rings.length > 0 && rings.every(({ unsettled }) => unsettled > 0)
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
    const [ring] = await Promise.all([readRing(fleet), readCopied(fleet)])
    if (ring !== null) log.note(nowMs(), ring)
    // Ended early by `stopped`, which the loop looks at.
    await delay(lookEveryMs, undefined, { signal: stopped }).catch(() => undefined)
  }
}

/** The newest ring that a peer knows which answers at once; null when none does. */
export async function readRing(fleet: ChaosFleet): Promise<Ring | null> {
  const views = await askAll<View>(fleet, '/v1/ring')
  const rings = views.map(({ body }) => ringFrom(body, id => fleet.nameOf(id)))
  return rings.reduce<Ring | null>(
    (newest, ring) => (ring.epoch > (newest?.epoch ?? -1) ? ring : newest),
    null,
  )
}

/** Notes how much every peer that answers has copied. What one copies just before it is killed is missed. */
export async function readCopied(fleet: ChaosFleet): Promise<void> {
  for (const { name, body } of await askAll<{ copiedBytes: number }>(fleet, '/v1/ring/progress'))
    fleet.copied.note(name, body.copiedBytes)
}

/** The answers of those doors that give one. */
async function askAll<T>(fleet: ChaosFleet, path: string): Promise<{ name: string; body: T }[]> {
  const agent = new Agent()
  const answers = await Promise.all(
    fleet.doors.map(async door => {
      const answer = await send({ door, agent, method: 'GET', path, patienceMs: askMs })
      return answer.kind === 'answered' && answer.status === 200
        ? [{ name: door.name, body: answer.body as T }]
        : []
    }),
  )
  agent.destroy()
  return answers.flat()
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
