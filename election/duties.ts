import { assert, unreachable } from '../base/assert.ts'
import { closeSlot, takeEnded, takeLoaded, takeSaved, takeWish } from './duty-answers.ts'
import { pursueSlot, slotWakeMs } from './duty-pursuit.ts'
import type { DutyRecord } from './duty-record.ts'
import { type Desk, newSlot } from './duty-slot.ts'
import { type Duties, type DutySpec, peersMax, registeredMax, type Slot } from './duty-state.ts'
import type { DutyEffect, DutyInput, DutyMoment } from './duty-step.ts'
import { isDuty } from './fence.ts'
import { isToken } from './record.ts'

const shortestMs = 1
const longestMs = 366 * 24 * 3_600_000

/** @param specs - every duty of the fleet that this process can lead, at most `registeredMax`, each name once. */
export function newDuties(specs: readonly DutySpec[]): Duties {
  assert(specs.length <= registeredMax, 'a process has few duties')
  assert(new Set(specs.map(({ name }) => name)).size === specs.length, 'a duty is registered once')
  for (const { name, intervalMs, timeoutMs } of specs) {
    assert(isDuty(name), 'a duty has a plain name')
    assert(isSpan(intervalMs) && isSpan(timeoutMs), 'a duty has an interval and a timeout')
  }
  return { specs, peers: [], lastToken: 0, lastCall: 0, tenure: null }
}

const isSpan = (ms: number): boolean => ms >= shortestMs && ms <= longestMs

/**
 * Takes one input of the duties of rule 11's leader. `now` never goes back. Every step ends with one `wake`.
 *
 * What holds, whatever leaders come and go: a record is written over only from what it was last seen to be, never
 * under a lower token; a run begins only after its leader wrote its token there, so that it begins from the last
 * recorded state and knows of every recorded pause; the next begins only after the end of the last is recorded.
 */
export function step(
  duties: Duties,
  input: DutyInput,
  now: DutyMoment,
): { duties: Duties; effects: readonly DutyEffect[] } {
  const effects: DutyEffect[] = []
  const { duties: taken, desk } = take(duties, input, now, effects)
  if (taken.tenure === null || desk === null) {
    effects.push({ kind: 'wake', atMs: Number.POSITIVE_INFINITY })
    return { duties: taken, effects }
  }
  const slots = new Map<string, Slot>()
  let wakeMs = Number.POSITIVE_INFINITY
  for (const [name, slot] of taken.tenure.slots) {
    const next = pursueSlot(slot, desk)
    slots.set(name, next)
    wakeMs = Math.min(wakeMs, slotWakeMs(next, desk))
  }
  effects.push({ kind: 'wake', atMs: wakeMs })
  const { token } = taken.tenure
  return { duties: { ...taken, lastCall: desk.lastCall, tenure: { token, slots } }, effects }
}

/** Desk: of the tenure that is under way after the input. */
type Taken = { readonly duties: Duties; readonly desk: Desk | null }

function take(duties: Duties, input: DutyInput, now: DutyMoment, effects: DutyEffect[]): Taken {
  const desk = deskOf(duties, now, effects)
  switch (input.kind) {
    case 'timePassed':
      return { duties, desk }
    case 'elected':
      return elect(depose(duties, desk), input.token, now, effects)
    case 'deposed':
      return { duties: depose(duties, desk), desk: null }
    case 'dutyLoaded':
      return change(duties, desk, input.name, (slot, at) => takeLoaded(slot, input.call, input.outcome, at))
    case 'dutySaved':
      return change(duties, desk, input.name, (slot, at) => takeSaved(slot, input.call, input.outcome, at))
    case 'runEnded':
      return change(duties, desk, input.name, (slot, at) => takeEnded(slot, input, at))
    case 'runAsked':
    case 'pauseAsked':
    case 'resumeAsked': {
      const { kind, request, name } = input
      const outcome = desk === null ? 'notLeader' : isRegistered(duties, name) ? null : 'noSuchDuty'
      if (outcome !== null) effects.push({ kind: 'answered', request, outcome })
      return change(duties, desk, name, (slot, at) => takeWish(slot, kind, request, at))
    }
    case 'peersChanged': {
      assert(input.peers.length <= peersMax, 'a view has a limited number of members')
      const changed = { ...duties, peers: [...new Set(input.peers)].sort() }
      return { duties: changed, desk: deskOf(changed, now, effects) }
    }
    default:
      return unreachable(input)
  }
}

function deskOf(duties: Duties, now: DutyMoment, effects: DutyEffect[]): Desk | null {
  const { tenure, peers, lastCall } = duties
  return tenure === null ? null : { token: tenure.token, peers, now, effects, lastCall }
}

const isRegistered = ({ specs }: Duties, name: string): boolean => specs.some(spec => spec.name === name)

function change(
  duties: Duties,
  desk: Desk | null,
  name: string,
  to: (slot: Slot, desk: Desk) => Slot,
): Taken {
  const slot = duties.tenure?.slots.get(name)
  if (duties.tenure === null || desk === null || slot === undefined) return { duties, desk }
  const slots = new Map(duties.tenure.slots).set(name, to(slot, desk))
  return { duties: { ...duties, tenure: { ...duties.tenure, slots } }, desk }
}

function elect(duties: Duties, token: number, now: DutyMoment, effects: DutyEffect[]): Taken {
  assert(isToken(token) && token > duties.lastToken, 'every election has a higher token')
  const slots = new Map(duties.specs.map(spec => [spec.name, newSlot(spec)]))
  const elected = { ...duties, lastToken: token, tenure: { token, slots } }
  return { duties: elected, desk: deskOf(elected, now, effects) }
}

function depose(duties: Duties, desk: Desk | null): Duties {
  if (duties.tenure === null || desk === null) return duties
  for (const slot of duties.tenure.slots.values()) closeSlot(slot, desk)
  return { ...duties, lastCall: desk.lastCall, tenure: null }
}

/** One line of `slurp duty ls`, as its leader sees it. */
export type DutyStatus = {
  readonly spec: DutySpec
  /** Null while it is being read. */
  readonly record: DutyRecord | null
  readonly phase: 'reading' | 'idle' | 'paused' | 'running' | 'stopping' | 'stuck' | 'recording' | Obstacle
  /** Where it runs, unless here. */
  readonly peer: string | null
}

type Obstacle = NonNullable<Slot['obstacle']>

/** Of all duties, in the order of their registration; empty on a process that does not lead. */
export function listDuties({ tenure }: Duties): readonly DutyStatus[] {
  return [...(tenure?.slots.values() ?? [])].map(slot => ({
    spec: slot.spec,
    record: slot.known?.record ?? null,
    phase: phaseOf(slot),
    peer: slot.run?.peer ?? null,
  }))
}

function phaseOf({ obstacle, run, ended, known, pausing }: Slot): DutyStatus['phase'] {
  if (obstacle !== null) return obstacle
  if (run !== null) return run.stage
  if (ended !== null) return 'recording'
  if (known === null) return 'reading'
  return (pausing ?? known.record.paused) ? 'paused' : 'idle'
}
