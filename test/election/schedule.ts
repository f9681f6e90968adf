import type { PeerId } from '../../base/ids.ts'
import { type Random, seeded } from '../../base/random.ts'
import { decodeLease } from '../../election/record.ts'
import type { LeaseEffect, LeaseInput } from '../../election/step.ts'
import { EventHeap } from '../../sim/heap.ts'
import { Trace } from '../../sim/trace.ts'
import { type Boot, Carrier, type Peer } from './carrier.ts'
import { Executor } from './executor.ts'
import { drawFaults, type Faults, rateSlackMax } from './faults.ts'
import { LeaseRegister } from './lease-register.ts'
import { failoverWithinMs, leaseMs, type Protocol, settledWithinMs, type Verdict } from './protocol.ts'

const faultyMs = 25_000
const quietMs = 3 * leaseMs
const eventsMax = 100_000

/** Plays one random schedule: contenders over one register, faults, then quiet. The same seed, the same schedule. */
export function playSchedule(seed: number, protocol: Protocol): Verdict {
  return new Schedule(seed, protocol).play()
}

class Schedule {
  readonly #protocol: Protocol
  readonly #random: Random
  readonly #faults: Faults
  readonly #heap = new EventHeap()
  readonly #trace = new Trace()
  readonly #register = new LeaseRegister()
  readonly #carrier: Carrier
  readonly #executor: Executor
  readonly #peers: readonly Peer[]
  readonly #violations: string[] = []
  #nowMs = 0
  #elections = 0
  #highestToken = 0
  #actedToken = 0
  #hasCeased = false
  #lateWakes = 0
  #struckMs = Number.POSITIVE_INFINITY
  #failoverMs: number | null = null
  #settledMs = 0

  constructor(seed: number, protocol: Protocol) {
    this.#protocol = protocol
    this.#random = seeded(seed)
    this.#faults = drawFaults(this.#random)
    const world = {
      nowMs: () => this.#nowMs,
      isFaulty: () => this.#isFaulty,
      after: this.#later,
      give: (boot: Boot, input: LeaseInput) => this.#give(boot, input),
      complain: (what: string) => this.#complain(what),
    }
    this.#carrier = new Carrier(world, this.#random, this.#faults, this.#register)
    this.#executor = new Executor(protocol, this.#random, what => this.#complain(what))
    this.#peers = Array.from({ length: 2 + this.#random.below(3) }, (_, number) => ({
      id: `peer${number}` as PeerId,
      rate: 1 + this.#random.pick([-1, -1, 1, 1, 0, this.#random.next() * 2 - 1]) * rateSlackMax,
      wallSkewMs: 0,
      boot: null,
      pausedUntilMs: 0,
      muteUntilMs: 0,
      deafUntilMs: 0,
      cloggedUntilMs: 0,
    }))
  }

  play(): Verdict {
    for (const peer of this.#peers) this.#after(this.#random.below(500), () => this.#start(peer))
    this.#after(this.#faults.everyMs, () => this.#injectOne())
    this.#at(faultyMs, () => this.#heal())
    const boundMs = faultyMs + settledWithinMs
    this.#at(boundMs, () => {
      if (this.#leaders().length === 0) this.#complain('nobody leads in time after the faults')
    })
    const strikeMs = boundMs + quietMs + this.#random.below(leaseMs)
    this.#at(strikeMs, () => this.#strike(boundMs))
    const endMs = strikeMs + failoverWithinMs
    let events = 0
    for (let event = this.#heap.pop(); event !== null && event.atMs <= endMs; event = this.#heap.pop()) {
      this.#nowMs = event.atMs
      event.run?.()
      this.#trace.number(event.atMs)
      this.#check()
      if (++events > eventsMax) this.#complain('somebody spins')
      if (this.#violations.length > 0) break
    }
    if (this.#isStruck && this.#failoverMs === null) this.#complain('nobody followed the lost leader in time')
    return {
      violations: this.#violations,
      traceHash: this.#trace.digest(),
      elections: this.#elections,
      effectsDone: this.#executor.done,
      effectsRefused: this.#executor.refused,
      lateWakes: this.#lateWakes,
      settledMs: this.#settledMs - faultyMs,
      failoverMs: this.#failoverMs,
    }
  }

  #complain(what: string): void {
    this.#violations.push(`at ${Math.round(this.#nowMs)} ms: ${what}`)
  }

  get #isFaulty(): boolean {
    return this.#nowMs < faultyMs
  }

  #at(atMs: number, run: () => void): void {
    this.#heap.push(atMs, run)
  }

  #after(delayMs: number, run: () => void): void {
    this.#at(this.#nowMs + delayMs, run)
  }

  readonly #later = (delayMs: number, run: () => void): void => this.#after(delayMs, run)

  /** Those that would act if they looked now, paused ones too. */
  #leaders(): Peer[] {
    return this.#peers.filter(({ boot }) => boot !== null && this.#acting(boot) !== null)
  }

  #leader(): Peer | undefined {
    return this.#leaders()[0]
  }

  /** After every event: nobody but one acts, under a token that is new, or that never ceased to act. */
  #check(): void {
    const leaders = this.#leaders()
    if (leaders.length > 1) this.#complain(`${leaders.map(({ id }) => id).join(' and ')} act at once`)
    const token = leaders[0]?.boot ? this.#acting(leaders[0].boot) : null
    if (token !== null && token < this.#actedToken) this.#complain(`token ${token} acts after a higher one`)
    if (token !== null && token === this.#actedToken && this.#hasCeased)
      this.#complain(`token ${token} acts again after its time`)
    this.#hasCeased = token === null
    this.#actedToken = token ?? this.#actedToken
  }

  #acting(boot: Boot): number | null {
    return this.#protocol.actingToken(boot.lease, this.#momentOf(boot))
  }

  /** The wall clock is there for mutants only: a lease has no word for it. */
  #momentOf({ peer, bornMs }: Boot): { monotonicMs: number; wallMs: number } {
    return { monotonicMs: (this.#nowMs - bornMs) * peer.rate, wallMs: this.#nowMs + peer.wallSkewMs }
  }

  #start(peer: Peer): void {
    const lease = this.#protocol.newLease(peer.id, leaseMs)
    const boot: Boot = { peer, bornMs: this.#nowMs, lease, ids: new Map(), wakes: 0 }
    peer.boot = boot
    this.#give(boot, { kind: 'timePassed' })
    this.#lookAfterDuties(boot)
  }

  /** Delivers to a process now, after its pause, or never once it died. */
  #give(boot: Boot, input: LeaseInput): void {
    const { peer } = boot
    if (peer.boot !== boot) return
    if (peer.pausedUntilMs > this.#nowMs) {
      this.#at(peer.pausedUntilMs, () => this.#give(boot, input))
      return
    }
    const now = this.#momentOf(boot)
    const { lease, effects } = this.#protocol.step(boot.lease, input, now)
    boot.lease = lease
    this.#trace.text(`${peer.id}${input.kind}`)
    for (const effect of effects) this.#carryOut(boot, effect, now)
  }

  #carryOut(boot: Boot, effect: LeaseEffect, now: { monotonicMs: number }): void {
    this.#trace.text(effect.kind)
    switch (effect.kind) {
      case 'read':
        this.#carrier.read(boot, effect)
        break
      case 'swap':
        this.#carrier.swap(boot, effect)
        break
      case 'wake':
        this.#wake(boot, effect.atMs, now.monotonicMs)
        break
      case 'elected':
        if (effect.token <= this.#highestToken) this.#complain(`token ${effect.token} is given again`)
        this.#highestToken = effect.token
        this.#elections++
        this.#noteChange()
        if (this.#isStruck) this.#failoverMs ??= this.#nowMs - this.#struckMs
        break
      case 'deposed':
        this.#noteChange()
        break
    }
  }

  #wake(boot: Boot, atMs: number, monotonicMs: number): void {
    if (!(atMs > monotonicMs)) this.#lateWakes++
    const wake = ++boot.wakes
    // A hair late, as timers are.
    this.#after(Math.max(0, atMs - monotonicMs) / boot.peer.rate + 0.001, () => {
      if (boot.wakes === wake) this.#give(boot, { kind: 'timePassed' })
    })
  }

  /** What a leader does all day: it looks whether it leads, and sends an effect that arrives when it arrives. */
  #lookAfterDuties(boot: Boot): void {
    const { peer } = boot
    if (peer.boot !== boot) return
    const isRunning = peer.pausedUntilMs <= this.#nowMs
    const token = isRunning ? this.#acting(boot) : null
    if (token !== null) {
      const duty = this.#random.pick(['collection', 'repair'])
      // Stopped between the look and the effect, for longer than a lease: what the fence is for.
      const stoppedMs = this.#random.chance(0.03) ? this.#random.next() * 4 * leaseMs : 0
      this.#after(stoppedMs + this.#carrier.delayMs(), () => this.#executor.take(duty, token, this.#later))
    }
    this.#after(50 + this.#random.below(150), () => this.#lookAfterDuties(boot))
  }

  get #isStruck(): boolean {
    return this.#nowMs >= this.#struckMs
  }

  #noteChange(): void {
    if (!this.#isStruck) this.#settledMs = this.#nowMs
  }

  /** Out of the quiet, kills or stops the leader for good, if there is another to follow. */
  #strike(boundMs: number): void {
    if (this.#settledMs > boundMs) this.#complain('the leader changed without a fault')
    const leader = this.#leader()
    if (leader === undefined || this.#peers.filter(({ boot }) => boot !== null).length < 2) return
    this.#struckMs = this.#nowMs
    if (this.#random.chance(0.5)) leader.boot = null
    else leader.pausedUntilMs = Number.MAX_SAFE_INTEGER
  }

  #injectOne(): void {
    if (!this.#isFaulty) return
    // Whoever leads is the one whose faults matter most.
    const leader = this.#random.chance(0.6) ? this.#leader() : undefined
    const peer = leader ?? this.#random.pick(this.#peers)
    const { boot } = peer
    const lastsMs = this.#random.next() * this.#random.pick([300, 2_500, 6_000])
    const untilMs = Math.min(faultyMs, this.#nowMs + lastsMs)
    switch (this.#random.pick(this.#faults.kinds)) {
      case 'pause':
        peer.pausedUntilMs = untilMs
        break
      case 'restart':
        peer.boot = null
        if (boot !== null)
          this.#at(untilMs, () => {
            if (this.#isFaulty) this.#start(peer)
          })
        break
      case 'mute':
        peer.muteUntilMs = untilMs
        break
      case 'deaf':
        peer.deafUntilMs = untilMs
        break
      case 'clog':
        peer.cloggedUntilMs = Math.min(untilMs, this.#nowMs + leaseMs)
        // The late answers are the last that it hears.
        if (this.#random.chance(0.5))
          this.#at(peer.cloggedUntilMs, () => {
            peer.muteUntilMs = Math.min(faultyMs, this.#nowMs + 2 * leaseMs)
          })
        break
      case 'jump':
        peer.wallSkewMs += (this.#random.next() * 2 - 1) * 3_600_000
        break
      case 'stepDown':
        if (boot !== null) this.#give(boot, { kind: 'stepDownAsked' })
        break
      case 'executor':
        this.#executor.restart(decodeLease(this.#register.data)?.token ?? 1, this.#later)
        break
    }
    this.#after(this.#random.next() * 2 * this.#faults.everyMs, () => this.#injectOne())
  }

  /** Every fault has ended by now. Everybody is back but a random few who never come; one at least is left. */
  #heal(): void {
    const keep = this.#random.below(this.#peers.length)
    this.#peers.forEach((peer, number) => {
      if (number !== keep && this.#random.chance(0.3)) peer.boot = null
      else if (peer.boot === null) this.#start(peer)
    })
  }
}
