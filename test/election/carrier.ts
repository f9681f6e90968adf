import { hlcFrom } from '../../base/hlc.ts'
import type { PeerId, Version } from '../../base/ids.ts'
import type { Random } from '../../base/random.ts'
import type { Lease } from '../../election/lease-state.ts'
import { decodeLease } from '../../election/record.ts'
import type { LeaseEffect, LeaseInput, ReadOutcome, SwapOutcome } from '../../election/step.ts'
import { type Faults, tailMs } from './faults.ts'
import type { LeaseRegister } from './lease-register.ts'

const jitterMs = 20

/** One process of a peer; the next boot is another one. */
export type Boot = {
  readonly peer: Peer
  readonly bornMs: number
  lease: Lease
  /** Ids that its carrier drew, one for each operation. */
  readonly ids: Map<number, Version>
  wakes: number
}

export type Peer = {
  readonly id: PeerId
  readonly rate: number
  wallSkewMs: number
  boot: Boot | null
  pausedUntilMs: number
  /** Nothing that it sends, or that is sent to it, arrives before. */
  muteUntilMs: number
  deafUntilMs: number
  /** Answers to it wait until then. */
  cloggedUntilMs: number
}

/** What the carrier needs of the schedule that it is part of. */
export type World = {
  nowMs(): number
  isFaulty(): boolean
  after(delayMs: number, run: () => void): void
  give(boot: Boot, input: LeaseInput): void
  complain(what: string): void
}

/** Brings what leases want to the register, and its answers back: late, twice, in doubt or not at all. */
export class Carrier {
  readonly #world: World
  readonly #random: Random
  readonly #faults: Faults
  readonly #register: LeaseRegister
  #operations = 0

  constructor(world: World, random: Random, faults: Faults, register: LeaseRegister) {
    this.#world = world
    this.#random = random
    this.#faults = faults
    this.#register = register
  }

  read(boot: Boot, { request }: Extract<LeaseEffect, { kind: 'read' }>): void {
    this.#carry<ReadOutcome>(
      boot,
      () => this.#register.read(),
      { kind: 'unreached' },
      outcome => ({ kind: 'readAnswered', request, outcome }),
    )
  }

  swap(boot: Boot, effect: Extract<LeaseEffect, { kind: 'swap' }>): void {
    const { operation, attempt, expected, data } = effect
    const id = boot.ids.get(operation) ?? hlcFrom(++this.#operations, 0, '00000000')
    boot.ids.set(operation, id)
    const answer = (outcome: SwapOutcome): LeaseInput => ({
      kind: 'swapAnswered',
      operation,
      attempt,
      outcome,
    })
    const apply = () => this.#applySwap(id, attempt, expected, data)
    if (this.#world.isFaulty() && this.#random.chance(this.#faults.unknown)) {
      // Told unknown; carried out before, after, or never.
      if (this.#random.chance(0.7)) this.#world.after(this.delayMs(), apply)
      this.#world.after(this.delayMs(), () => this.#world.give(boot, answer({ kind: 'unknown' })))
      return
    }
    if (this.#world.isFaulty() && this.#random.chance(this.#faults.duplicate))
      this.#world.after(this.delayMs(), apply)
    this.#carry<SwapOutcome>(boot, apply, { kind: 'unreached' }, answer)
  }

  #applySwap(id: Version, attempt: number, expected: Version | null, data: Uint8Array): SwapOutcome {
    const before = this.#register.version === null ? null : decodeLease(this.#register.data)
    const outcome = this.#register.swap(id, attempt, expected, data)
    const after = this.#register.version === null ? null : decodeLease(this.#register.data)
    if (before !== null && after !== null && after.sequence < before.sequence)
      this.#world.complain('the sequence of the register goes back')
    return outcome
  }

  /** One question to the register, and its answer: either may be late or lost. */
  #carry<Outcome>(
    boot: Boot,
    ask: () => Outcome,
    unreached: Outcome,
    input: (outcome: Outcome) => LeaseInput,
  ): void {
    const { peer } = boot
    const lost = () => this.#world.isFaulty() && this.#random.chance(this.#faults.loss)
    if (this.#world.isFaulty() && this.#random.chance(this.#faults.unreached)) {
      this.#world.after(this.delayMs(), () => this.#world.give(boot, input(unreached)))
      return
    }
    if (lost() || peer.muteUntilMs > this.#world.nowMs()) return
    this.#world.after(this.delayMs(), () => {
      const outcome = ask()
      if (lost()) return
      this.#world.after(this.delayMs(), () => {
        if (peer.deafUntilMs > this.#world.nowMs()) return
        this.#world.after(Math.max(0, peer.cloggedUntilMs - this.#world.nowMs()), () =>
          this.#world.give(boot, input(outcome)),
        )
      })
    })
  }

  /** Of one message. */
  delayMs(): number {
    const isLong = this.#world.isFaulty() && this.#random.chance(this.#faults.tail)
    // The way there and back of one question stay under `tailMs` together.
    return isLong ? this.#random.next() * (tailMs / 2 - 1) : 0.5 + this.#random.next() * jitterMs
  }
}
