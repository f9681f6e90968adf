import type { PeerId } from '../../base/ids.ts'
import type { Random } from '../../base/random.ts'
import type { RunOutcome } from '../../election/duty-record.ts'
import type { DutyEffect } from '../../election/duty-step.ts'
import type { Fence } from '../../election/fence.ts'
import { countOf, stateOf } from './duty-checker.ts'
import type { DutyProtocol } from './duty-protocol.ts'

export type Order = Extract<DutyEffect, { kind: 'run' | 'runAt' }>
export type Ending = { readonly outcome: RunOutcome; readonly state?: Uint8Array }

type World = {
  readonly random: Random
  canHang(): boolean
  after(delayMs: number, run: () => void): void
  complain(what: string): void
}

type Live = {
  readonly order: Order
  readonly heedsStop: boolean
  isStopped: boolean
  readonly end: (ending: Ending) => void
}

/** Carries the runs of one process out, behind the guard of its duties, and stops them when told or after their time. */
export class DutyRunner {
  readonly #self: PeerId
  readonly #protocol: DutyProtocol
  readonly #world: World
  #fence: Fence
  readonly #live = new Set<Live>()
  #isDead = false

  constructor(self: PeerId, protocol: DutyProtocol, world: World, fence = protocol.restoreFence([])) {
    this.#self = self
    this.#protocol = protocol
    this.#world = world
    this.#fence = fence
  }

  /** After the death of its process: the guard is durable, the runs are gone. */
  reborn(): DutyRunner {
    this.#isDead = true
    this.#live.clear()
    return new DutyRunner(this.#self, this.#protocol, this.#world, this.#fence)
  }

  get isRunningHere(): boolean {
    return [...this.#live].some(({ order, isStopped }) => order.kind === 'run' && !isStopped)
  }

  isRunning(name: string): boolean {
    return [...this.#live].some(({ order }) => order.name === name)
  }

  takes({ name, token }: Order): boolean {
    return this.#protocol.admit(this.#fence, name, token).kind === 'admitted'
  }

  take(order: Order, end: (ending: Ending) => void): void {
    const admission = this.#protocol.admit(this.#fence, order.name, order.token)
    if (admission.kind === 'refused') return this.#world.after(0, () => end({ outcome: 'failed' }))
    this.#fence = admission.fence
    for (const each of this.#live) {
      if (each.order.name !== order.name) continue
      if (each.order.token === order.token && order.kind === 'run')
        this.#world.complain(`runs ${each.order.run} and ${order.run} of ${order.name} at once`)
      // Whoever has the higher token, or gave up waiting, replaces it.
      this.#live.delete(each)
    }
    const { random, after } = this.#world
    const hangs = this.#world.canHang() && random.chance(0.05)
    const live: Live = { order, heedsStop: !hangs || random.chance(0.7), isStopped: false, end }
    this.#live.add(live)
    if (!hangs) after(random.next() * 600, () => this.#finish(live, this.#draw(order)))
    // A peer stops by itself what its leader may have given up; a run here waits for its stop.
    if (order.kind === 'runAt') after(order.timeoutMs, () => this.#finish(live, { outcome: 'stopped' }))
  }

  #draw({ name, state }: Order): Ending {
    const { random } = this.#world
    if (name === 'fragile') return { outcome: 'failed' }
    const outcome = random.pick(['done', 'done', 'done', 'more', 'failed'] as const)
    return outcome === 'failed' || random.chance(0.2)
      ? { outcome }
      : { outcome, state: stateOf(countOf(state) + 1) }
  }

  stop({ name, token, run }: { name: string; token: number; run: number }): void {
    for (const live of this.#live) {
      const { order } = live
      if (order.name !== name || order.token !== token || order.run !== run) continue
      live.isStopped = true
      if (live.heedsStop)
        this.#world.after(this.#world.random.next() * 50, () => this.#finish(live, { outcome: 'stopped' }))
    }
  }

  #finish(live: Live, ending: Ending): void {
    if (!this.#isDead && this.#live.delete(live)) live.end(ending)
  }
}
