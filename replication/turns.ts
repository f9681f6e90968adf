import { peerTagOf } from '../base/hlc.ts'
import { type ContextKey, isVersion } from '../base/ids.ts'
import type { Moment } from './context.ts'
import type { Limits } from './limits.ts'
import type { Outcome, WriteOperation } from './messages.ts'

/** Whose write of a key comes next, and until when it is waited for (monotonic milliseconds). */
type Turn = { readonly writer: string; readonly untilMs: number }

/**
 * The writers that were told that another version stands, and seal again. What they seal is bound to the version that they
 * were told of: a write of anybody else in between would make it vain, again and again where many write. So the key is
 * kept for each of them for a moment, and all come to their turn in the order in which they asked. A hint for
 * fairness, safety never rests on it; more of them than a coordinator carries operations are not kept.
 */
export type Turns = Map<ContextKey, Turn>

/** An operation ended. One that names no version comes again with another seal, unless its caller has no time left. */
export function keepTurn(
  turns: Turns,
  operation: WriteOperation | null,
  outcome: Outcome,
  deadlineMs: number,
  { turnMs, operationsMax }: Limits,
  { monotonicMs }: Moment,
): Turn | null {
  if (operation === null || outcome.kind !== 'moved' || isVersion(operation.expect)) return null
  const turn = { writer: peerTagOf(operation.id), untilMs: Math.min(deadlineMs, monotonicMs + turnMs) }
  if (turn.untilMs <= monotonicMs || turns.size >= operationsMax) return null
  turns.set(operation.key, turn)
  return turn
}

/** Whether the key was kept for the writer of this operation, which ends with that. */
export function takeTurn(turns: Turns, operation: WriteOperation | null, nowMs: number): boolean {
  const turn = operation && turns.get(operation.key)
  if (!turn || turn.untilMs <= nowMs || turn.writer !== peerTagOf(operation.id)) return false
  return turns.delete(operation.key)
}

/** Whether an operation may begin now; null for one that writes back what stands, which makes no seal vain. */
export const mayBegin = (turns: Turns, key: ContextKey, operation: WriteOperation | null, nowMs: number) =>
  operation === null || (turns.get(key)?.untilMs ?? 0) <= nowMs

/** @returns keys that are kept for nobody any more. */
export function endTurns(turns: Turns, nowMs: number): ContextKey[] {
  const ended: ContextKey[] = []
  for (const [key, { untilMs }] of turns) {
    if (untilMs > nowMs) continue
    turns.delete(key)
    ended.push(key)
  }
  return ended
}
