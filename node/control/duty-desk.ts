import { type ContextKey, controlKey, type PeerId } from '../../base/ids.ts'
import type { Random } from '../../base/random.ts'
import { type DutyStatus, listDuties, newDuties, step } from '../../election/duties.ts'
import type { RunOutcome } from '../../election/duty-record.ts'
import type { Duties, DutySpec } from '../../election/duty-state.ts'
import type { DutyEffect, DutyInput, WishKind, WishOutcome } from '../../election/duty-step.ts'
import type { DutyMessage } from '../peer/fleet-messages.ts'
import type { Clock } from '../ports/ports.ts'
import type { Guard } from './guard.ts'
import { ControlRegister, type RegisterParts } from './register.ts'

/** Registers of duties, by name: a number once given is never given to another. */
const registers: Readonly<Record<string, number>> = {
  moves: 16,
  replace: 17,
  compact: 18,
  collect: 19,
  repair: 20,
  'history-retention': 21,
  reshare: 24,
}

const registerOf = (name: string): ContextKey => controlKey(registers[name]!)

/** How one duty is carried out, here or at another peer. */
export type Runner = {
  readonly spec: DutySpec
  /**
   * Begins a run from where the last one left off. `ended` is called exactly once, soon after `stop` at the latest.
   * Effects on others carry `token`; what is done here was let through by the guard.
   */
  run(order: RunOrder, ended: (outcome: RunOutcome, state?: Uint8Array) => void): { stop(): void }
}

export type RunOrder = { readonly token: number; readonly state: Uint8Array; readonly timeoutMs: number }

export type DutyDeskOptions = RegisterParts & {
  readonly clock: Clock
  readonly random: Random
  readonly runners: readonly Runner[]
  readonly guard: Guard
  /** The token to act under right now, null when this process does not lead. */
  readonly token: () => number | null
  readonly stepDown: () => void
  readonly send: (to: PeerId, message: DutyMessage) => void
}

type Run = { readonly token: number; readonly run: number; stop: () => void }

/** Carries out what the duties decide (rule 11): their registers, their runs here and elsewhere, and their timer. */
export class DutyDesk {
  readonly #options: DutyDeskOptions
  #duties: Duties
  #cancel: () => void = () => undefined
  readonly #runs = new Map<string, Run>()
  readonly #wishes = new Map<number, (outcome: WishOutcome) => void>()
  #lastWish = 0
  #isStopped = false

  constructor(options: DutyDeskOptions) {
    this.#options = options
    this.#duties = newDuties(options.runners.map(runner => runner.spec))
  }

  elected(token: number): void {
    this.#take({ kind: 'elected', token })
  }

  deposed(): void {
    this.#take({ kind: 'deposed' })
  }

  peersChanged(peers: readonly PeerId[]): void {
    this.#take({ kind: 'peersChanged', peers })
  }

  /** Empty on a process that does not lead. */
  list(): readonly DutyStatus[] {
    return listDuties(this.#duties)
  }

  wish(kind: WishKind, name: string, done: (outcome: WishOutcome) => void): void {
    this.#lastWish += 1
    this.#wishes.set(this.#lastWish, done)
    this.#take({ kind, request: this.#lastWish, name })
  }

  /** What another peer has to say about runs: an order for this one, or the end of one that was ordered. */
  heard(from: PeerId, message: DutyMessage): void {
    switch (message.kind) {
      case 'dutyOrdered':
        return this.#begin(message, (outcome, state) => {
          const { name, token, run } = message
          this.#options.send(from, { kind: 'dutyEnded', name, token, run, outcome, state: state ?? null })
        })
      case 'dutyStopped':
        return this.#stop(message.name, message.token, message.run)
      case 'dutyEnded': {
        const { name, token, run, outcome, state } = message
        this.#take({ kind: 'runEnded', peer: from, name, token, run, outcome, ...(state ? { state } : {}) })
      }
    }
  }

  /** What ends from here on is noted by nobody: no timer is set any more. */
  stop(): void {
    this.#isStopped = true
    this.#cancel()
    for (const run of this.#runs.values()) run.stop()
  }

  #take(input: DutyInput): void {
    if (this.#isStopped) return
    const { clock, random } = this.#options
    const now = { monotonicMs: clock.monotonicMs(), wallMs: clock.wallMs(), jitter: random.next() }
    const { duties, effects } = step(this.#duties, input, now)
    this.#duties = duties
    for (const effect of effects) this.#perform(effect)
  }

  #perform(effect: DutyEffect): void {
    const { clock, send, stepDown } = this.#options
    switch (effect.kind) {
      case 'wake':
        this.#cancel()
        if (effect.atMs < Number.POSITIVE_INFINITY)
          this.#cancel = clock.at(effect.atMs, () => this.#take({ kind: 'timePassed' }))
        return
      case 'load':
        return this.#load(effect)
      case 'save':
        if (this.#mayAct(effect.token)) this.#save(effect)
        return
      case 'run': {
        if (!this.#mayAct(effect.token)) return
        const { name, token, run } = effect
        return this.#begin(effect, (outcome, state) =>
          this.#take({
            kind: 'runEnded',
            peer: null,
            name,
            token,
            run,
            outcome,
            ...(state ? { state } : {}),
          }),
        )
      }
      case 'runAt': {
        if (!this.#mayAct(effect.token)) return
        const { peer, name, token, run, state, timeoutMs } = effect
        return send(peer, { kind: 'dutyOrdered', name, token, run, state, timeoutMs })
      }
      case 'stop':
        return this.#stop(effect.name, effect.token, effect.run)
      case 'stopAt': {
        const { peer, name, token, run } = effect
        return send(peer, { kind: 'dutyStopped', name, token, run })
      }
      case 'stepDown':
        return stepDown()
      case 'answered': {
        const done = this.#wishes.get(effect.request)
        this.#wishes.delete(effect.request)
        done?.(effect.outcome)
      }
    }
  }

  #load({ name, call, timeoutMs }: Extract<DutyEffect, { kind: 'load' }>): void {
    new ControlRegister(this.#options, registerOf(name)).read(timeoutMs, answer => {
      const outcome =
        answer.kind === 'found'
          ? ({ kind: 'found', version: answer.found.version, data: answer.found.body } as const)
          : answer
      this.#take({ kind: 'dutyLoaded', name, call, outcome })
    })
  }

  #save({ name, call, expected, data, timeoutMs }: Extract<DutyEffect, { kind: 'save' }>): void {
    const register = new ControlRegister(this.#options, registerOf(name))
    register.attempt(register.swap(expected, data, null), 1, timeoutMs, answer => {
      const outcome =
        answer.kind === 'swapped' ? ({ kind: 'success', version: answer.version } as const) : answer
      this.#take({ kind: 'dutySaved', name, call, outcome })
    })
  }

  /** Nothing of a run is done before the guard let its token through. */
  #begin(
    order: RunOrder & { readonly name: string; readonly run: number },
    ended: (outcome: RunOutcome, state?: Uint8Array) => void,
  ): void {
    const { name, token, run } = order
    const runner = this.#options.runners.find(each => each.spec.name === name)
    if (runner === undefined) return ended('failed')
    let isOver = false
    const end = (outcome: RunOutcome, state?: Uint8Array) => {
      if (isOver) return
      isOver = true
      if (this.#runs.get(name) === entry) this.#runs.delete(name)
      ended(outcome, state)
    }
    const entry: Run = { token, run, stop: () => end('stopped') }
    const before = this.#runs.get(name)
    if (before !== undefined && before.token > token) return ended('failed')
    before?.stop()
    this.#runs.set(name, entry)
    this.#options.guard.admit(name, token, admitted => {
      if (!admitted) return end('failed')
      if (isOver) return
      const running = runner.run(order, end)
      entry.stop = () => {
        running.stop()
        end('stopped')
      }
    })
  }

  #stop(name: string, token: number, number: number): void {
    const run = this.#runs.get(name)
    if (run?.token === token && run.run === number) run.stop()
  }

  #mayAct(token: number): boolean {
    return this.#options.token() === token
  }
}
