import { contextRegister } from '../../checker/context-register.ts'
import { checkLinearizable } from '../../checker/linearizability.ts'
import type { Call, ChainEntry } from './call.ts'
import { Chain } from './chain.ts'
import { intervalsOf } from './intervals.ts'

/** A promise of the store that was broken. */
export type Violation = { readonly address: string; readonly what: string }

const budgetSteps = 5_000_000
const violationsPerAddressMax = 5

export type Checked = {
  readonly violations: Violation[]
  readonly addresses: number
  /** Acknowledged versions that were found in the histories at the end. */
  readonly acknowledged: number
  /** Writes of unknown outcome of which the histories say that they were carried out. */
  readonly surfaced: number
}

/**
 * Holds everything that clients were told against the histories at the end, and against some order of all calls
 * that respects time (invariants 5, 6 and 13 of the protocol).
 *
 * @param chains - for every address that was asked for: its versions at the end, newest first.
 */
export function checkRun(
  calls: readonly Call[],
  chains: ReadonlyMap<string, readonly ChainEntry[]>,
): Checked {
  const byAddress = new Map<string, Call[]>()
  for (const call of calls) {
    const list = byAddress.get(call.address) ?? []
    if (list.length === 0) byAddress.set(call.address, list)
    list.push(call)
  }
  const result = {
    violations: [] as Violation[],
    addresses: byAddress.size,
    acknowledged: 0,
    surfaced: 0,
  }
  for (const [address, list] of byAddress) {
    const entries = chains.get(address)
    if (entries === undefined) {
      result.violations.push({ address, what: 'its history could not be read at the end' })
      continue
    }
    const chain = new Chain(entries)
    const wrong = chain.verify(list)
    if (wrong.length === 0) wrong.push(...orderOf(list, chain))
    for (const what of wrong.slice(0, violationsPerAddressMax)) result.violations.push({ address, what })
    result.acknowledged += list.filter(
      ({ outcome }) => outcome.kind === 'written' || outcome.kind === 'deleted',
    ).length
    result.surfaced += list.filter(
      call => call.outcome.kind === 'unknown' && chain.versionOf(call) !== null,
    ).length
  }
  return result
}

function orderOf(calls: readonly Call[], chain: Chain): string[] {
  const verdict = checkLinearizable(contextRegister, intervalsOf(calls, chain), budgetSteps)
  switch (verdict.kind) {
    case 'linearizable':
      return []
    case 'illegal':
      return [`no order of its ${calls.length} calls explains what was seen`]
    case 'unknown':
      return [`the checker gave up on its ${calls.length} calls after ${verdict.steps} steps`]
  }
}
