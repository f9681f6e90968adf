import { assert } from '../base/assert.ts'
import { type DutyRecord, encodeDuty } from './duty-record.ts'
import { answer, type Desk, endRun, miss, stopRun } from './duty-slot.ts'
import {
  callTimeoutMs,
  delayMs,
  type Known,
  nextTurn,
  peerAnswerWithin,
  recordEnded,
  type Slot,
  stopGraceMs,
  type Turn,
} from './duty-state.ts'

/** Does what is due by now: at most one question to the register and one run at a time. */
export function pursueSlot(before: Slot, desk: Desk): Slot {
  if (before.obstacle === 'outranked') return before
  const slot = refuseRuns(expireRun(expireCall(before, desk), desk), desk)
  const nowMs = desk.now.monotonicMs
  if (slot.call !== null) return slot
  if (slot.known === null) return nowMs < slot.callDueMs ? slot : load(slot, desk)
  if (needsSave(slot, desk)) return nowMs < slot.callDueMs ? slot : save(slot, slot.known, desk)
  const turn = nextTurn(slot.spec, slot.known.record, desk.peers)
  return turn !== null && isDue(slot, desk) ? start(slot, turn, slot.known.record, desk) : slot
}

/** When time alone makes the next difference. */
export function slotWakeMs(slot: Slot, desk: Desk): number {
  if (slot.obstacle === 'outranked') return Number.POSITIVE_INFINITY
  const runMs = slot.run === null || slot.run.stage === 'stuck' ? Number.POSITIVE_INFINITY : slot.run.dueMs
  if (slot.call !== null) return Math.min(runMs, slot.call.dueMs)
  if (slot.known === null || needsSave(slot, desk)) return Math.min(runMs, slot.callDueMs)
  if (!mayRun(slot) || nextTurn(slot.spec, slot.known.record, desk.peers) === null) return runMs
  return Math.min(runMs, dueMs(slot, slot.known.record, desk))
}

/** Nothing is in the way of a run but that it may not be due. */
const mayRun = ({ known, run, ended, pausing }: Slot): boolean =>
  known !== null && !known.record.paused && run === null && ended === null && pausing === null

function dueMs(slot: Slot, record: DutyRecord, { peers }: Desk): number {
  if (slot.asks.some(({ kind }) => kind === 'runAsked')) return Number.NEGATIVE_INFINITY
  return (slot.endedMs ?? 0) + delayMs(slot.spec, record, peers, slot.jitter)
}

const isDue = (slot: Slot, desk: Desk): boolean =>
  mayRun(slot) && slot.known !== null && desk.now.monotonicMs >= dueMs(slot, slot.known.record, desk)

/**
 * What is to be recorded: the end of a run, a wish, or the token before the first run under it. From then on no
 * earlier leader can write the record, and what it says is so.
 */
function needsSave(slot: Slot, desk: Desk): boolean {
  if (slot.ended !== null || slot.pausing !== null) return true
  if (slot.known === null || slot.known.record.token === desk.token) return false
  return isDue(slot, desk) && nextTurn(slot.spec, slot.known.record, desk.peers) !== null
}

function load(slot: Slot, desk: Desk): Slot {
  const number = ++desk.lastCall
  const { name } = slot.spec
  desk.effects.push({ kind: 'load', name, token: desk.token, call: number, timeoutMs: callTimeoutMs })
  const dueMs = desk.now.monotonicMs + callTimeoutMs
  return { ...slot, call: { number, dueMs, record: null, pausing: null } }
}

function save(slot: Slot, { version, record: before }: Known, desk: Desk): Slot {
  assert(before.token <= desk.token, 'no leader writes over a higher token')
  const { pausing, ended } = slot
  const after = ended === null ? before : recordEnded(before, ended, desk.peers)
  const record = { ...after, token: desk.token, paused: pausing ?? before.paused }
  const number = ++desk.lastCall
  desk.effects.push({
    kind: 'save',
    name: slot.spec.name,
    token: desk.token,
    call: number,
    expected: version,
    data: encodeDuty(record),
    timeoutMs: callTimeoutMs,
  })
  const dueMs = desk.now.monotonicMs + callTimeoutMs
  return { ...slot, call: { number, dueMs, record, pausing } }
}

function start(slot: Slot, { peer, state }: Turn, record: DutyRecord, desk: Desk): Slot {
  const { name, timeoutMs } = slot.spec
  const run = record.runs + 1
  const order = { name, token: desk.token, run, state, timeoutMs }
  desk.effects.push(peer === null ? { kind: 'run', ...order } : { kind: 'runAt', peer, ...order })
  answer(
    slot.asks.filter(({ kind }) => kind === 'runAsked'),
    'started',
    desk,
  )
  const dueMs = desk.now.monotonicMs + timeoutMs * (peer === null ? 1 : peerAnswerWithin)
  return {
    ...slot,
    run: { number: run, peer, dueMs, stage: 'running', isLate: false },
    asks: slot.asks.filter(({ kind }) => kind !== 'runAsked'),
  }
}

function expireCall(slot: Slot, desk: Desk): Slot {
  if (slot.call === null || desk.now.monotonicMs < slot.call.dueMs) return slot
  return { ...miss(slot, desk), known: null }
}

/** A run here is waited for until it ends, as there must not be two; one at a peer may never be heard of again. */
function expireRun(slot: Slot, desk: Desk): Slot {
  const { run, spec } = slot
  const nowMs = desk.now.monotonicMs
  if (run === null || run.stage === 'stuck' || nowMs < run.dueMs) return slot
  if (run.peer !== null) {
    if (run.stage === 'running') stopRun(spec, run, desk)
    return endRun(slot, run, 'timedOut', null, desk)
  }
  if (run.stage === 'stopping') {
    desk.effects.push({ kind: 'stepDown', name: spec.name, token: desk.token })
    return { ...slot, run: { ...run, stage: 'stuck' } }
  }
  stopRun(spec, run, desk)
  return { ...slot, run: { ...run, stage: 'stopping', isLate: true, dueMs: nowMs + stopGraceMs } }
}

/** An operator's run is refused while its duty is paused. */
function refuseRuns(slot: Slot, desk: Desk): Slot {
  const isPaused = slot.pausing ?? slot.known?.record.paused ?? false
  const runs = slot.asks.filter(({ kind }) => kind === 'runAsked')
  if (!isPaused || runs.length === 0) return slot
  answer(runs, 'paused', desk)
  return { ...slot, asks: slot.asks.filter(({ kind }) => kind !== 'runAsked') }
}
