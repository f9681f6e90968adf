import { assert } from '../base/assert.ts'
import { isToken } from './record.ts'

/**
 * What a guard has to remember over a restart: the highest token that it ever let through for a duty, or, without a
 * duty, a token below which it takes none for any. One record for each duty, and one without.
 */
export type FenceRecord = { readonly format: 1; readonly duty: string | null; readonly token: number }

/** Replaces the record of its duty. Durable before an effect is carried out, or a restart lets an older token follow. */
export type FenceChange = { readonly kind: 'fence'; readonly record: FenceRecord }

/**
 * The guard of whoever carries duties out (rule 11): a leader that was paused between its check and its effect, or
 * whose clock stood still, is told apart by its token. A value: `admit` makes the next one.
 */
export type Fence = {
  readonly highest: ReadonlyMap<string, number>
  /** No duty takes a token below. Null: records were lost and nothing is let through before `raise`. */
  readonly floor: number | null
}

export type Admission =
  /**
   * Save `changes`, and carry the effect out when they and all earlier ones of this guard are durable. None when the
   * token is the highest of its duty already.
   */
  | { readonly kind: 'admitted'; readonly fence: Fence; readonly changes: readonly FenceChange[] }
  /** Nothing changes. `outdated`: a holder with token `highest` was here before. */
  | {
      readonly kind: 'refused'
      readonly reason: 'outdated' | 'invalid' | 'tooMany' | 'lost'
      readonly highest: number
    }

/** Duties that one guard tells apart. */
export const dutiesMax = 256

/** Name of a duty: 1 to 64 of `a-z 0-9 -`, starting with a letter. */
export const isDuty = (name: string): boolean => /^[a-z][a-z0-9-]{0,63}$/.test(name)

/**
 * A guard as it was before a restart.
 *
 * @param records - all that were saved, in any order.
 * @param lost - whether some may be missing or damaged. To be said at every start until the change of a `raise` that
 * followed the loss is durable.
 */
export function restoreFence(records: Iterable<FenceRecord>, lost = false): Fence {
  const highest = new Map<string, number>()
  let floor = 0
  for (const { duty, token } of records) {
    assert((duty === null || isDuty(duty)) && isToken(token), 'a saved fence was valid when it was saved')
    if (duty === null) floor = Math.max(token, floor)
    else highest.set(duty, Math.max(token, highest.get(duty) ?? 0))
  }
  return { highest, floor: lost ? null : floor }
}

/**
 * Refuses every lower token from now on, for all duties. A guard that lost its records may go on from there.
 *
 * @param token - of the lease register, by a linearizable read that began after the loss was found: no token that
 * was ever let through is above it.
 */
export function raise(fence: Fence, token: number): { fence: Fence; changes: readonly FenceChange[] } {
  assert(isToken(token), 'a lease gave this token')
  const floor = Math.max(token, fence.floor ?? 0)
  return {
    fence: { ...fence, floor },
    changes: [{ kind: 'fence', record: { format: 1, duty: null, token: floor } }],
  }
}

/**
 * Whether an effect of a duty may be carried out. What it is given may come from any peer.
 *
 * @param token - of the leader that wants the effect.
 */
export function admit(fence: Fence, duty: string, token: number): Admission {
  const stored = fence.highest.get(duty)
  const highest = Math.max(stored ?? 0, fence.floor ?? 0)
  if (!isDuty(duty) || !isToken(token)) return { kind: 'refused', reason: 'invalid', highest }
  if (fence.floor === null) return { kind: 'refused', reason: 'lost', highest }
  if (token < highest) return { kind: 'refused', reason: 'outdated', highest }
  if (token === stored) return { kind: 'admitted', fence, changes: [] }
  if (stored === undefined && fence.highest.size >= dutiesMax) {
    return { kind: 'refused', reason: 'tooMany', highest }
  }
  const record: FenceRecord = { format: 1, duty, token }
  const next = { ...fence, highest: new Map(fence.highest).set(duty, token) }
  return { kind: 'admitted', fence: next, changes: [{ kind: 'fence', record }] }
}
