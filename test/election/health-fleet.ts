import type { PeerId } from '../../base/ids.ts'
import { type Random, seeded } from '../../base/random.ts'
import type * as healths from '../../election/health.ts'
import type { Health, HealthOptions } from '../../election/health-state.ts'
import type { HealthInput, HealthState } from '../../election/health-step.ts'
import type { Report } from '../../election/report.ts'
import { EventHeap } from '../../sim/heap.ts'
import { Trace } from '../../sim/trace.ts'

/** The machine under test: the project's, or one of a copy with a sentence broken. */
export type HealthProtocol = {
  readonly newHealth: typeof healths.newHealth
  readonly step: typeof healths.step
  readonly deadForMs: typeof healths.deadForMs
}

export type Change = {
  readonly atMs: number
  readonly observer: PeerId
  readonly peer: PeerId
  readonly from: HealthState
  readonly to: HealthState
}

type Process = {
  readonly id: PeerId
  readonly rate: number
  boots: number
  bornMs: number
  health: Health | null
  wakes: number
  pausedUntilMs: number
  /** What arrived while it was paused. */
  readonly waiting: HealthInput[]
}

const heartbeatMs = 250

/** Processes that send heartbeats and gossip over links that can be cut one way, with clocks of their own. */
export class HealthFleet {
  readonly ids: readonly PeerId[]
  readonly changes: Change[] = []
  readonly random: Random
  nowMs = 0
  reports = 0
  steps = 0
  readonly #protocol: HealthProtocol
  readonly #options: HealthOptions | undefined
  readonly #heap = new EventHeap()
  readonly #trace = new Trace()
  readonly #processes: ReadonlyMap<PeerId, Process>
  readonly #cuts = new Set<string>()
  readonly #suspectedMs = new Map<string, number>()

  constructor(protocol: HealthProtocol, seed: number, size: number, options?: HealthOptions) {
    this.#protocol = protocol
    this.#options = options
    this.random = seeded(seed)
    this.ids = Array.from({ length: size }, (_, number) => `peer${number}` as PeerId)
    this.#processes = new Map(
      this.ids.map(id => [
        id,
        {
          id,
          rate: 1 + (this.random.next() * 2 - 1) * 0.02,
          boots: 0,
          bornMs: 0,
          health: null,
          wakes: 0,
          pausedUntilMs: 0,
          waiting: [],
        },
      ]),
    )
    for (const id of this.ids) this.start(id)
  }

  get digest(): string {
    return this.#trace.digest()
  }

  start(id: PeerId): void {
    const process = this.#process(id)
    process.boots++
    process.bornMs = this.nowMs
    process.pausedUntilMs = 0
    process.waiting.length = 0
    process.health = this.#protocol.newHealth(id, Math.floor(this.nowMs), 0, this.#options)
    this.#give(process, { kind: 'membersChanged', members: this.ids })
    this.#beat(process, process.boots)
  }

  kill(id: PeerId): void {
    this.#process(id).health = null
  }

  pause(id: PeerId, forMs: number): void {
    const process = this.#process(id)
    process.pausedUntilMs = this.nowMs + forMs
    const { boots } = process
    this.at(process.pausedUntilMs, () => {
      if (process.boots !== boots || process.pausedUntilMs > this.nowMs) return
      // Timers first, or the network.
      if (this.random.chance(0.5)) this.#give(process, { kind: 'timePassed' })
      for (const input of process.waiting.splice(0)) this.#give(process, input)
      this.#give(process, { kind: 'timePassed' })
    })
  }

  /** A frame to everybody that is no heartbeat. */
  talk(from: PeerId): void {
    for (const to of this.ids) {
      if (to === from || this.#cuts.has(`${from} ${to}`)) continue
      this.at(this.nowMs + this.#delayMs(), () =>
        this.#deliver(this.#process(to), { kind: 'heard', peer: from }),
      )
    }
  }

  /** Nothing that `from` sends reaches `to`. */
  cut(from: PeerId, to: PeerId): void {
    this.#cuts.add(`${from} ${to}`)
  }

  mend(from: PeerId, to: PeerId): void {
    this.#cuts.delete(`${from} ${to}`)
  }

  at(atMs: number, run: () => void): void {
    this.#heap.push(atMs, run)
  }

  run(untilMs: number): void {
    for (let next = this.#heap.peekMs(); next !== null && next <= untilMs; next = this.#heap.peekMs()) {
      const event = this.#heap.pop()!
      this.nowMs = event.atMs
      event.run?.()
    }
    this.nowMs = untilMs
  }

  isRunning(id: PeerId): boolean {
    const { health, pausedUntilMs } = this.#process(id)
    return health !== null && pausedUntilMs <= this.nowMs
  }

  state(observer: PeerId, peer: PeerId): HealthState {
    return this.#process(observer).health?.members.get(peer)?.state ?? 'up'
  }

  deadForMs(observer: PeerId, peer: PeerId): number | null {
    const process = this.#process(observer)
    return process.health && this.#protocol.deadForMs(process.health, peer, this.#monotonicMs(process))
  }

  /** Processes that did not hear `peer` themselves at some time since. */
  suspecters(peer: PeerId, sinceMs: number): PeerId[] {
    return this.ids.filter(
      id => (this.#suspectedMs.get(`${id} ${peer}`) ?? Number.NEGATIVE_INFINITY) >= sinceMs,
    )
  }

  changesOf(observer: PeerId, sinceMs: number): Change[] {
    return this.changes.filter(each => each.observer === observer && each.atMs >= sinceMs)
  }

  /** A report of anybody's making. */
  tell(to: PeerId, from: PeerId, report: Report, ageMs = 0): void {
    this.#deliver(this.#process(to), { kind: 'reportArrived', from, report, ageMs })
  }

  #process(id: PeerId): Process {
    return this.#processes.get(id)!
  }

  #monotonicMs({ bornMs, rate }: Process): number {
    return (this.nowMs - bornMs) * rate
  }

  #delayMs(): number {
    const tailMs = this.random.chance(0.02) ? this.random.next() * 150 : 0
    return 1 - 5 * Math.log(1 - this.random.next()) + tailMs
  }

  #beat(process: Process, boot: number): void {
    if (process.boots !== boot || process.health === null) return
    if (process.pausedUntilMs > this.nowMs) {
      this.at(process.pausedUntilMs, () => this.#beat(process, boot))
      return
    }
    this.talk(process.id)
    this.at(this.nowMs + heartbeatMs + this.random.next() * 15, () => this.#beat(process, boot))
  }

  #deliver(process: Process, input: HealthInput): void {
    if (process.health === null) return
    if (process.pausedUntilMs > this.nowMs) process.waiting.push(input)
    else this.#give(process, input)
  }

  #give(process: Process, input: HealthInput): void {
    if (process.health === null) return
    this.steps++
    const nowMs = this.#monotonicMs(process)
    const { health, effects } = this.#protocol.step(process.health, input, nowMs)
    process.health = health
    this.#trace.text(process.id + input.kind)
    this.#trace.number(this.nowMs)
    for (const [peer, { opinion }] of health.members)
      if (opinion.kind !== 'trusted') this.#suspectedMs.set(`${process.id} ${peer}`, this.nowMs)
    for (const effect of effects) {
      switch (effect.kind) {
        case 'changed': {
          const { peer, from, to } = effect
          this.changes.push({ atMs: this.nowMs, observer: process.id, peer, from, to })
          this.#trace.text(peer + to)
          break
        }
        case 'share':
          this.reports++
          this.#gossip(process.id, effect.report)
          break
        case 'wake': {
          if (!(effect.atMs > nowMs)) throw new Error(`${process.id} wakes in the past and spins`)
          const wake = ++process.wakes
          this.at(this.nowMs + (effect.atMs - nowMs) / process.rate + 0.001, () => {
            if (process.wakes === wake && process.pausedUntilMs <= this.nowMs)
              this.#give(process, { kind: 'timePassed' })
          })
          break
        }
      }
    }
  }

  /** From neighbour to neighbour, as far as links and living processes lead. */
  #gossip(from: PeerId, report: Report): void {
    const hops = new Map<PeerId, number>([[from, 0]])
    for (const [id, hop] of hops) {
      if (id !== from && !this.isRunning(id)) continue
      for (const to of this.ids) if (!hops.has(to) && !this.#cuts.has(`${id} ${to}`)) hops.set(to, hop + 1)
    }
    for (const [to, hop] of hops) {
      if (to === from) continue
      let delayMs = 0
      for (let each = 0; each < hop; each++) delayMs += this.#delayMs()
      this.at(this.nowMs + delayMs, () =>
        this.#deliver(this.#process(to), { kind: 'reportArrived', from, report, ageMs: 0 }),
      )
    }
  }
}
