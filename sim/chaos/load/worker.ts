import { Agent } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import type { Random } from '../../../base/random.ts'
import type { Door } from '../fleet/fleet.ts'
import { type Ask, type Call, isServed } from '../history/call.ts'
import type { Recorder } from '../history/recorder.ts'
import type { Addresses } from './addresses.ts'
import { ask } from './ask.ts'

export type WorkerOptions = {
  readonly name: string
  readonly random: Random
  readonly addresses: Addresses
  readonly recorder: Recorder
  /** The doors of the moment; a worker starts with the one at `home` and goes on from there. */
  readonly doors: () => readonly Door[]
  readonly home: number
  readonly thinkMs: number
  readonly patienceMs: number
  readonly stopped: AbortSignal
}

const triesMax = 4
const retryPauseMs = 40
/** A door that did not serve is left alone for so long, as long as there are others. */
const grudgeMs = 2_000
const historyLimit = 30
const rememberedMax = 1_000

/** What to ask, without what makes each try of a write its own. */
type Wish = { readonly address: string; readonly kind: Ask['kind']; readonly ifVersion: string | null }

/** One client: one call at a time, a home among the doors, other doors and a few retries when that fails. */
export class Worker {
  private readonly options: WorkerOptions
  private readonly agent = new Agent({ keepAlive: true, maxSockets: 8 })
  private readonly grudges = new Map<string, number>()
  /** The version that it last saw live at an address. */
  private readonly seen = new Map<string, string | null>()
  private marks = 0

  constructor(options: WorkerOptions) {
    this.options = options
  }

  /** Thinks and asks until it is stopped. */
  async run(): Promise<void> {
    const { random, thinkMs, stopped, recorder } = this.options
    while (!stopped.aborted && !recorder.isFull) {
      await this.pause(-Math.log(1 - random.next()) * thinkMs)
      if (!stopped.aborted) await this.fulfil(this.wish())
    }
    this.agent.destroy()
  }

  private async fulfil(wish: Wish): Promise<void> {
    const { random, stopped } = this.options
    for (let tries = 0; tries < triesMax && !stopped.aborted; tries++) {
      if (tries > 0) await this.pause(random.next() * retryPauseMs)
      const door = this.door(tries)
      if (door === null) return
      const call = await this.try(door, wish)
      this.learn(call)
      if (isServed(call)) return
      this.grudges.set(door.name, performance.now() + grudgeMs)
    }
  }

  /** Each try of a write is a write of its own: nobody can tell the store that two of them mean the same. */
  private try(door: Door, wish: Wish): Promise<Call> {
    const { name, random, recorder, patienceMs } = this.options
    const { address, ifVersion } = wish
    const wanted = this.askOf(wish.kind, ifVersion)
    const size = random.chance(0.1) ? 4_000 : random.below(600)
    return recorder.record({ worker: name, door: door.name, address, ask: wanted }, () =>
      ask(door, this.agent, address, wanted, patienceMs, 'x'.repeat(size)),
    )
  }

  private askOf(kind: Ask['kind'], ifVersion: string | null): Ask {
    switch (kind) {
      case 'put':
        this.marks += 1
        return { kind, mark: `${this.options.name}-${this.marks}`, ifVersion }
      case 'delete':
        return { kind, ifVersion }
      case 'get':
        return { kind }
      case 'history':
        return { kind, limit: historyLimit }
    }
  }

  private wish(): Wish {
    const { random, addresses } = this.options
    if (random.chance(0.65)) return this.wishOf(addresses.pickHot(random), random.next())
    const old = addresses.pickCold(random)
    if (old === null || random.chance(0.5))
      return { address: addresses.newCold(), kind: 'put', ifVersion: 'none' }
    return this.wishOf(old, random.next())
  }

  private wishOf(address: string, choice: number): Wish {
    const known = this.seen.get(address)
    if (choice < 0.32) return { address, kind: 'get', ifVersion: null }
    if (choice < 0.4) return { address, kind: 'history', ifVersion: null }
    if (choice < 0.65) return { address, kind: 'put', ifVersion: null }
    if (choice < 0.9) return { address, kind: 'put', ifVersion: known ?? 'none' }
    const isConditional = typeof known === 'string' && choice < 0.95
    return { address, kind: 'delete', ifVersion: isConditional ? known : null }
  }

  private learn({ address, outcome }: Call): void {
    if (this.seen.size >= rememberedMax) this.seen.clear()
    if (outcome.kind === 'written' || outcome.kind === 'found') this.seen.set(address, outcome.version)
    else if (outcome.kind === 'conflict') this.seen.set(address, outcome.current)
    else if (outcome.kind === 'deleted' || outcome.kind === 'nothing') this.seen.set(address, null)
  }

  private door(tries: number): Door | null {
    const doors = this.options.doors()
    if (doors.length === 0) return null
    const nowMs = performance.now()
    const round = doors.map((_, at) => doors[(this.options.home + at) % doors.length]!)
    return (
      round.find(door => (this.grudges.get(door.name) ?? 0) <= nowMs) ?? round[tries % round.length] ?? null
    )
  }

  private async pause(ms: number): Promise<void> {
    try {
      await delay(ms, undefined, { signal: this.options.stopped })
    } catch {
      // Stopped: whoever loops sees that by itself.
      return
    }
  }
}
