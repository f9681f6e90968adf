import type { PeerId } from '../base/ids.ts'
import type { Ask, DutySpec, Ended, Run, Slot } from './duty-state.ts'
import { callBackoff } from './duty-state.ts'
import type { DutyEffect, DutyMoment, WishOutcome } from './duty-step.ts'

/** What a slot needs of the step that it is part of. */
export type Desk = {
  readonly token: number
  readonly peers: readonly PeerId[]
  readonly now: DutyMoment
  readonly effects: DutyEffect[]
  lastCall: number
}

export const newSlot = (spec: DutySpec): Slot => ({
  spec,
  known: null,
  obstacle: null,
  call: null,
  callDueMs: Number.NEGATIVE_INFINITY,
  misses: 0,
  run: null,
  ended: null,
  pausing: null,
  asks: [],
  endedMs: null,
  jitter: 0,
})

export function endRun(
  slot: Slot,
  run: Run,
  outcome: Ended['outcome'],
  state: Uint8Array | null,
  { now }: Desk,
): Slot {
  const { monotonicMs: atMs, wallMs, jitter } = now
  return {
    ...slot,
    run: null,
    ended: { run: run.number, peer: run.peer, outcome, state, wallMs, atMs, jitter },
  }
}

export function stopRun({ name }: DutySpec, { number: run, peer }: Run, { token, effects }: Desk): void {
  effects.push(
    peer === null ? { kind: 'stop', name, token, run } : { kind: 'stopAt', peer, name, token, run },
  )
}

export function miss(slot: Slot, { now }: Desk): Slot {
  const misses = slot.misses + 1
  return { ...slot, call: null, misses, callDueMs: now.monotonicMs + callBackoff(misses, now.jitter) }
}

export function answer(asks: readonly Ask[], outcome: WishOutcome, { effects }: Desk): void {
  for (const { request } of asks) effects.push({ kind: 'answered', request, outcome })
}
