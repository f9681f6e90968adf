import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Random, seeded } from '../../../base/random.ts'
import type { BenchFleet } from '../fleet.ts'
import { send } from '../http-load.ts'
import type { Kind } from './questions.ts'

export type Latencies = {
  readonly count: number
  readonly perSecond: number
  readonly failed: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly mostMs: number
}

/** Doors, and what a question to one of them looks like. */
export type Asked = Pick<BenchFleet, 'side' | 'post'>

type Body = { readonly total: number; readonly coverage: number }

/** Asks one door. @returns null when it was not answered in full. */
export async function ask(fleet: Asked, door: number, question: object): Promise<Body | null> {
  const { doors, agent } = fleet.side
  const { status, text } = await send(doors[door % doors.length]!, agent, fleet.post('/v1/search', question))
  if (status !== 200) return null
  const body = JSON.parse(text) as Body
  return body.coverage === 1 ? body : null
}

class Waits {
  readonly #ms: number[] = []
  readonly #beganMs = performance.now()
  #failed = 0

  async time(asked: () => Promise<Body | null>): Promise<void> {
    const sentMs = performance.now()
    if ((await asked()) === null) this.#failed += 1
    else this.#ms.push(performance.now() - sentMs)
  }

  result(): Latencies {
    const ms = this.#ms.sort((a, b) => a - b)
    const at = (part: number) => ms[Math.min(ms.length - 1, Math.floor(ms.length * part))] ?? Number.NaN
    const perSecond = ms.length / ((performance.now() - this.#beganMs) / 1000)
    return {
      count: ms.length,
      perSecond,
      failed: this.#failed,
      p50Ms: at(0.5),
      p99Ms: at(0.99),
      mostMs: at(1),
    }
  }
}

/** Questions at a fixed rate at all doors in turn, whether or not those before are answered. */
export async function openLoad(fleet: Asked, kind: Kind, rate: number, seconds: number): Promise<Latencies> {
  const by = seeded(5)
  const waits = new Waits()
  const asked: Promise<void>[] = []
  const beganMs = performance.now()
  while (performance.now() - beganMs < seconds * 1000) {
    const due = ((performance.now() - beganMs) / 1000) * rate
    while (asked.length < due) {
      const [door, question] = [asked.length, kind(by)]
      asked.push(waits.time(() => ask(fleet, door, question)))
    }
    await sleep(untilDue(asked.length, rate, beganMs))
  }
  await Promise.all(asked)
  return waits.result()
}

/** To wake more often would be a load of its own. @returns milliseconds until the next of them is due. */
const untilDue = (next: number, rate: number, beganMs: number): number =>
  Math.max(1, (next * 1000) / rate - (performance.now() - beganMs))

/** Clients that ask as soon as they have an answer, each at its door. */
export async function closedLoad(
  fleet: BenchFleet,
  kinds: readonly Kind[],
  clients: number,
  seconds: number,
): Promise<Latencies> {
  const by: Random = seeded(6)
  const waits = new Waits()
  const beganMs = performance.now()
  await Promise.all(
    Array.from({ length: clients }, async (_, door) => {
      while (performance.now() - beganMs < seconds * 1000) {
        const question = by.pick(kinds)(by)
        await waits.time(() => ask(fleet, door, question))
      }
    }),
  )
  return waits.result()
}

const foundWithinMs = 30_000
/** Whoever looks more often than this is a load of its own. */
const lookEveryMs = 100

/** Writes contexts at a fixed rate; of some of them it is watched, at another door, when they are found. */
export async function writeLoad(
  fleet: BenchFleet,
  contextAt: (number: number) => object,
  {
    from,
    rate,
    seconds,
    watchedEvery,
  }: { from: number; rate: number; seconds: number; watchedEvery: number },
): Promise<{ readonly written: number; readonly failed: number; readonly foundMs: readonly number[] }> {
  const { doors, agent } = fleet.side
  const foundMs: number[] = []
  let failed = 0
  const write = async (number: number) => {
    const isWatched = number % watchedEvery === 0
    const word = `found${from + number}`
    const { roles, ...context } = contextAt(from + number) as { roles: string[]; title: string }
    const text = JSON.stringify({ ...context, ...(isWatched && { title: word }) })
    const address = `ucxl://any:any@bench:any/*^/written/${from + number}`
    const shot = fleet.put(address, text, roles.join())
    const { status } = await send(doors[number % doors.length]!, agent, shot)
    if (status !== 200) failed += 1
    else if (isWatched) foundMs.push(await findsWithin(fleet, number + 1, word))
  }
  const written: Promise<void>[] = []
  const beganMs = performance.now()
  while (performance.now() - beganMs < seconds * 1000) {
    const due = ((performance.now() - beganMs) / 1000) * rate
    while (written.length < due) written.push(write(written.length))
    await sleep(untilDue(written.length, rate, beganMs))
  }
  await Promise.all(written)
  return { written: written.length, failed, foundMs: foundMs.sort((a, b) => a - b) }
}

/** How long after its write was answered a context is found at a door. */
async function findsWithin(fleet: BenchFleet, door: number, word: string): Promise<number> {
  const answeredMs = performance.now()
  while (performance.now() - answeredMs < foundWithinMs) {
    if (((await ask(fleet, door, { query: word }))?.total ?? 0) > 0) return performance.now() - answeredMs
    await sleep(lookEveryMs)
  }
  return Number.POSITIVE_INFINITY
}
