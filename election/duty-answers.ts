import { decodeDuty, firstRecord, stateBytesMax } from './duty-record.ts'
import { answer, type Desk, endRun, miss, newSlot, stopRun } from './duty-slot.ts'
import { asksMax, endedBefore, type Slot, stopGraceMs, unreadableAgainMs } from './duty-state.ts'
import type { DutyInput, WishKind, WishOutcome } from './duty-step.ts'
import type { ReadOutcome, SwapOutcome } from './step.ts'

/** Ends what is under way as its leader is none any more. What ended but is not recorded is done again. */
export function closeSlot(slot: Slot, desk: Desk): void {
  if (slot.run !== null) stopRun(slot.spec, slot.run, desk)
  answer(slot.asks, 'unsettled', desk)
}

export function takeLoaded(slot: Slot, call: number, outcome: ReadOutcome, desk: Desk): Slot {
  if (slot.call?.number !== call || slot.call.record !== null) return slot
  if (outcome.kind === 'unreached') return miss(slot, desk)
  const { spec } = slot
  const record = outcome.kind === 'absent' ? firstRecord(spec.name) : decodeDuty(outcome.data)
  if (record === null || record.name !== spec.name) {
    answer(slot.asks, 'unreadable', desk)
    const callDueMs = desk.now.monotonicMs + unreadableAgainMs
    return { ...slot, call: null, callDueMs, obstacle: 'unreadable', asks: [], pausing: null }
  }
  if (record.token > desk.token) {
    answer(slot.asks, 'unsettled', desk)
    if (slot.run !== null) stopRun(spec, slot.run, desk)
    return { ...newSlot(spec), obstacle: 'outranked' }
  }
  const version = outcome.kind === 'absent' ? null : outcome.version
  const read: Slot = { ...slot, call: null, misses: 0, obstacle: null, known: { version, record } }
  if (slot.endedMs !== null) return settleEnded(read, desk)
  return { ...read, endedMs: endedBefore(spec, record, desk.now), jitter: desk.now.jitter }
}

export function takeSaved(slot: Slot, call: number, outcome: SwapOutcome, desk: Desk): Slot {
  const { call: asked } = slot
  if (asked?.number !== call || asked.record === null) return slot
  switch (outcome.kind) {
    case 'success': {
      const known = { version: outcome.version, record: asked.record }
      return settlePausing(settleEnded({ ...slot, call: null, misses: 0, known }, desk), asked.pausing, desk)
    }
    case 'conflict':
      return { ...slot, call: null, known: null, callDueMs: desk.now.monotonicMs }
    case 'unreached':
      return miss(slot, desk)
    case 'unknown':
      // The save may yet be carried out; a read and a compare-and-set from what it shows settle it.
      return { ...miss(slot, desk), known: null }
  }
}

export function takeEnded(slot: Slot, input: Extract<DutyInput, { kind: 'runEnded' }>, desk: Desk): Slot {
  const { run } = slot
  if (run === null || input.token !== desk.token || input.run !== run.number) return slot
  if (input.peer !== run.peer) return slot
  const isSound = input.state === undefined || input.state.length <= stateBytesMax
  const outcome = run.isLate && input.outcome === 'stopped' ? 'timedOut' : input.outcome
  return endRun(slot, run, isSound ? outcome : 'failed', isSound ? (input.state ?? null) : null, desk)
}

export function takeWish(slot: Slot, kind: WishKind, request: number, desk: Desk): Slot {
  const refuse = (outcome: WishOutcome): Slot => {
    answer([{ request, kind }], outcome, desk)
    return slot
  }
  if (slot.obstacle !== null) return refuse(slot.obstacle === 'outranked' ? 'unsettled' : 'unreadable')
  if (slot.asks.length >= asksMax) return refuse('busy')
  const asked = { ...slot, asks: [...slot.asks, { request, kind }] }
  switch (kind) {
    case 'runAsked':
      return slot.run === null ? asked : refuse('running')
    case 'pauseAsked':
      return wantPaused(asked, true, desk)
    case 'resumeAsked':
      return wantPaused(asked, false, desk)
  }
}

function wantPaused(slot: Slot, pausing: boolean, desk: Desk): Slot {
  const opposite: WishKind = pausing ? 'resumeAsked' : 'pauseAsked'
  answer(
    slot.asks.filter(({ kind }) => kind === opposite),
    'superseded',
    desk,
  )
  const wanted = { ...slot, pausing, asks: slot.asks.filter(({ kind }) => kind !== opposite) }
  const { run } = wanted
  if (!pausing || run === null || run.stage !== 'running') return wanted
  stopRun(slot.spec, run, desk)
  const dueMs = run.dueMs + (run.peer === null ? stopGraceMs : 0)
  return { ...wanted, run: { ...run, stage: 'stopping', dueMs } }
}

/** Forgets the end of a run once the record has it, through whichever of the saves. */
function settleEnded(slot: Slot, desk: Desk): Slot {
  const { ended, known } = slot
  if (ended === null || known === null) return slot
  if (known.record.token !== desk.token || known.record.runs < ended.run) return slot
  return { ...slot, ended: null, endedMs: ended.atMs, jitter: ended.jitter }
}

function settlePausing(slot: Slot, saved: boolean | null, desk: Desk): Slot {
  if (saved === null || slot.pausing !== saved) return slot
  const settled = (kind: WishKind) => kind !== 'runAsked'
  answer(
    slot.asks.filter(({ kind }) => settled(kind)),
    'done',
    desk,
  )
  return { ...slot, pausing: null, asks: slot.asks.filter(({ kind }) => !settled(kind)) }
}
