import assert from 'node:assert/strict'
import { hlcFrom } from '../../base/hlc.ts'
import type { PeerId, Version } from '../../base/ids.ts'
import { actingToken, newLease, step } from '../../election/lease.ts'
import type { Lease } from '../../election/lease-state.ts'
import { encodeLease, type LeaseRecord } from '../../election/record.ts'
import type { LeaseEffect, LeaseInput, SwapOutcome } from '../../election/step.ts'

export const me = 'me' as PeerId
export const other = 'other' as PeerId
/** The n-th version of the register. */
export const versionOf = (number: number): Version => hlcFrom(number, 0, '00000000')

type Swap = Extract<LeaseEffect, { kind: 'swap' }>
type Read = Extract<LeaseEffect, { kind: 'read' }>

/** One lease of T = 2,000 ms, moved by hand. Everything that it wanted is kept in order. */
export class Seat {
  lease: Lease = newLease(me, 2_000)
  readonly wanted: LeaseEffect[] = []
  /** When the last step wants the next one. */
  wakeMs = 0

  give(atMs: number, input: LeaseInput): readonly LeaseEffect[] {
    const { lease, effects } = step(this.lease, input, { monotonicMs: atMs })
    this.lease = lease
    const wakes = effects.filter(({ kind }) => kind === 'wake')
    const wake = effects.at(-1)
    assert.equal(wakes.length, 1)
    assert.ok(wake?.kind === 'wake' && wake.atMs > atMs, 'a step ends with one wake, later than itself')
    this.wakeMs = wake.atMs
    const rest = effects.slice(0, -1)
    this.wanted.push(...rest)
    return rest
  }

  /** Lets time pass as the wakes ask for, up to `untilMs`. */
  pass(fromMs: number, untilMs: number): void {
    this.give(fromMs, { kind: 'timePassed' })
    while (this.wakeMs <= untilMs) this.give(this.wakeMs, { kind: 'timePassed' })
  }

  get read(): Read {
    const found = this.wanted.findLast(({ kind }) => kind === 'read')
    assert.ok(found?.kind === 'read')
    return found
  }

  get swap(): Swap {
    const found = this.wanted.findLast(({ kind }) => kind === 'swap')
    assert.ok(found?.kind === 'swap')
    return found
  }

  get swaps(): readonly Swap[] {
    return this.wanted.filter(effect => effect.kind === 'swap')
  }

  /** Answers the newest read. */
  see(atMs: number, version: number, record: LeaseRecord): readonly LeaseEffect[] {
    const { request } = this.read
    return this.give(atMs, {
      kind: 'readAnswered',
      request,
      outcome: { kind: 'found', version: versionOf(version), data: encodeLease(record) },
    })
  }

  /** Answers an attempt, the newest unless told. */
  answer(atMs: number, outcome: SwapOutcome, swap: Swap = this.swap): readonly LeaseEffect[] {
    const { operation, attempt } = swap
    return this.give(atMs, { kind: 'swapAnswered', operation, attempt, outcome })
  }

  /** Takes over a register that was never written: the first attempt leaves at `atMs`, version 1 is its answer. */
  win(atMs: number): void {
    this.give(atMs, { kind: 'timePassed' })
    this.give(atMs, { kind: 'readAnswered', request: this.read.request, outcome: { kind: 'absent' } })
    this.answer(atMs, success(1))
  }

  actsAt(atMs: number): number | null {
    return actingToken(this.lease, { monotonicMs: atMs })
  }
}

export const success = (version: number): SwapOutcome => ({ kind: 'success', version: versionOf(version) })
export const held = (holder: PeerId | null, token: number, sequence: number): LeaseRecord => ({
  holder,
  token,
  sequence,
})
