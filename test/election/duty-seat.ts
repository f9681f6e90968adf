import assert from 'node:assert/strict'
import type { PeerId } from '../../base/ids.ts'
import { newDuties, step } from '../../election/duties.ts'
import { type DutyRecord, encodeDuty, firstRecord, type RunOutcome } from '../../election/duty-record.ts'
import type { Duties, DutySpec } from '../../election/duty-state.ts'
import type { DutyEffect, DutyInput } from '../../election/duty-step.ts'
import type { SwapOutcome } from '../../election/step.ts'
import { success, versionOf } from './seat.ts'

export const wallStartMs = 1_000_000_000
export const peerIds = ['a', 'b', 'c'] as PeerId[]

export const leading: DutySpec = { name: 'repair', where: 'leader', intervalMs: 60_000, timeoutMs: 5_000 }
export const rounds: DutySpec = {
  name: 'compaction',
  where: 'staggered',
  intervalMs: 60_000,
  timeoutMs: 4_000,
}

export const recorded = (changes: Partial<DutyRecord>): DutyRecord => ({
  ...firstRecord('repair'),
  token: 1,
  ...changes,
})

type Kind = DutyEffect['kind']
type Of<K extends Kind> = Extract<DutyEffect, { kind: K }>

/** The duties of one process, moved by hand; the jitter is 1, so that every backoff is at its full length. */
export class DutySeat {
  duties: Duties
  wakeMs = Number.POSITIVE_INFINITY
  readonly wanted: DutyEffect[] = []
  #saves = 10

  constructor(...specs: readonly DutySpec[]) {
    this.duties = newDuties(specs)
    this.give(0, { kind: 'peersChanged', peers: peerIds })
  }

  give(atMs: number, input: DutyInput = { kind: 'timePassed' }): readonly DutyEffect[] {
    const { duties, effects } = step(this.duties, input, {
      monotonicMs: atMs,
      wallMs: wallStartMs + atMs,
      jitter: 1,
    })
    this.duties = duties
    const wake = effects.at(-1)
    assert.ok(wake?.kind === 'wake' && wake.atMs > atMs, 'a step ends with one wake, later than itself')
    assert.equal(effects.filter(({ kind }) => kind === 'wake').length, 1)
    this.wakeMs = wake.atMs
    const rest = effects.slice(0, -1)
    this.wanted.push(...rest)
    return rest
  }

  last<K extends Kind>(kind: K): Of<K> {
    const found = this.wanted.findLast(effect => effect.kind === kind)
    assert.ok(found, `no ${kind}`)
    return found as Of<K>
  }

  count(kind: Kind): number {
    return this.wanted.filter(effect => effect.kind === kind).length
  }

  /** Elected, and told what its only duty's register holds. */
  lead(atMs: number, token: number, record: DutyRecord | null): void {
    this.give(atMs, { kind: 'elected', token })
    this.loaded(atMs, record)
  }

  loaded(atMs: number, record: DutyRecord | null): readonly DutyEffect[] {
    const { name, call } = this.last('load')
    const outcome =
      record === null
        ? ({ kind: 'absent' } as const)
        : ({ kind: 'found', version: versionOf(1), data: encodeDuty(record) } as const)
    return this.give(atMs, { kind: 'dutyLoaded', name, call, outcome })
  }

  saved(atMs: number, outcome: SwapOutcome = success(++this.#saves)): readonly DutyEffect[] {
    const { name, call } = this.last('save')
    return this.give(atMs, { kind: 'dutySaved', name, call, outcome })
  }

  /** The end of the last run, wherever it was. */
  ended(atMs: number, outcome: RunOutcome, state?: Uint8Array): readonly DutyEffect[] {
    const order = this.wanted.findLast(effect => effect.kind === 'run' || effect.kind === 'runAt')
    assert.ok(order?.kind === 'run' || order?.kind === 'runAt')
    const { name, token, run } = order
    const peer = order.kind === 'runAt' ? order.peer : null
    return this.give(atMs, { kind: 'runEnded', peer, name, token, run, outcome, ...(state && { state }) })
  }
}
