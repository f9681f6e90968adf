import type { PeerId } from '../../base/ids.ts'
import { actingToken, newLease, step } from '../../election/lease.ts'
import type { Lease } from '../../election/lease-state.ts'
import { decodeLease, type LeaseRecord } from '../../election/record.ts'
import type { LeaseEffect, LeaseInput } from '../../election/step.ts'
import type { Clock } from '../ports/ports.ts'
import type { ControlRegister, Swap } from './register.ts'

export type LeadershipOptions = {
  readonly self: PeerId
  readonly clock: Clock
  readonly register: ControlRegister
  /** T of rule 11, the same on every peer. */
  readonly leaseMs: number
  /** Whether this process may contend: the members of the control group do. */
  readonly contends: () => boolean
  /** Duties may start under this token. */
  readonly onElected: (token: number) => void
  /** Duties stop. */
  readonly onDeposed: (token: number, reason: 'lapsed' | 'replaced' | 'steppedDown') => void
}

/** Carries out what the lease decides (rule 11): reads and swaps of its register, its timer, and who is told. */
export class Leadership {
  readonly #options: LeadershipOptions
  #lease: Lease
  /** The operation under way: one id for all attempts (rule 5). */
  #swap: { readonly number: number; readonly swap: Swap } | null = null
  #seen: LeaseRecord | null = null
  #cancel: () => void = () => undefined
  #stopped = false

  constructor(options: LeadershipOptions) {
    this.#options = options
    this.#lease = newLease(options.self, options.leaseMs)
  }

  start(): void {
    this.#take({ kind: 'timePassed' })
  }

  /** Lets go of the lease without a word: it lapses. */
  stop(): void {
    this.#stopped = true
    this.#cancel()
  }

  /** The token to act under right now, null when this process may not act (rule 11). */
  token(): number | null {
    if (this.#stopped) return null
    return actingToken(this.#lease, { monotonicMs: this.#options.clock.monotonicMs() })
  }

  /** What this process last saw in the register. */
  seen(): LeaseRecord | null {
    return this.#seen
  }

  stepDown(): void {
    this.#take({ kind: 'stepDownAsked' })
  }

  #take(input: LeaseInput): void {
    if (this.#stopped) return
    const { clock, contends, leaseMs } = this.#options
    if (!contends() && this.token() === null) {
      this.#cancel()
      this.#cancel = clock.at(clock.monotonicMs() + leaseMs, () => this.#take({ kind: 'timePassed' }))
      return
    }
    const { lease, effects } = step(this.#lease, input, { monotonicMs: clock.monotonicMs() })
    this.#lease = lease
    for (const effect of effects) this.#perform(effect)
  }

  #perform(effect: LeaseEffect): void {
    const { clock, onDeposed, onElected, register } = this.#options
    switch (effect.kind) {
      case 'wake':
        this.#cancel()
        this.#cancel = clock.at(effect.atMs, () => this.#take({ kind: 'timePassed' }))
        return
      case 'elected':
        return onElected(effect.token)
      case 'deposed':
        return onDeposed(effect.token, effect.reason)
      case 'read': {
        const { request, timeoutMs } = effect
        register.read(timeoutMs, answer => {
          if (answer.kind !== 'found') {
            this.#take({ kind: 'readAnswered', request, outcome: { kind: answer.kind } })
            return
          }
          const { version, body } = answer.found
          this.#seen = decodeLease(body)
          this.#take({ kind: 'readAnswered', request, outcome: { kind: 'found', version, data: body } })
        })
        return
      }
      case 'swap': {
        const { operation, attempt, expected, data, timeoutMs } = effect
        if (this.#swap?.number !== operation)
          this.#swap = { number: operation, swap: register.swap(expected, data, null) }
        register.attempt(this.#swap.swap, attempt, timeoutMs, answer => {
          if (answer.kind === 'swapped') this.#seen = decodeLease(data)
          const outcome =
            answer.kind === 'swapped' ? ({ kind: 'success', version: answer.version } as const) : answer
          this.#take({ kind: 'swapAnswered', operation, attempt, outcome })
        })
      }
    }
  }
}
