import type { Comparison } from '../after/compare.ts'
import type { FaultRecord } from '../faults/storm.ts'
import { type AskKind, type Call, isServed } from '../history/call.ts'
import type { Checked, Violation } from '../history/check.ts'
import { type Gap, type Longest, longestByKind } from './availability.ts'
import type { Moved } from './moved.ts'

export type Percentiles = {
  readonly calls: number
  readonly p50: number
  readonly p99: number
  readonly most: number
}

export type OperationCounts = { served: number; refused: number; unknown: number }

/** What a run was like and what it proved; `--json` prints it. Times are milliseconds. */
export type Report = {
  readonly seed: number
  readonly minutes: number
  readonly peers: number
  readonly replicas: number
  readonly workers: number
  readonly operations: Readonly<Record<AskKind, OperationCounts>>
  /** Calls that were not served, by the code of the answer or of the connection. */
  readonly refusals: Readonly<Record<string, number>>
  readonly faults: Readonly<Record<string, Longest & { readonly count: number }>>
  readonly latency: {
    readonly before: { readonly read: Percentiles; readonly write: Percentiles }
    readonly during: { readonly read: Percentiles; readonly write: Percentiles }
    /** While partitions moved and nothing else was wrong. */
    readonly moving: { readonly read: Percentiles; readonly write: Percentiles }
    /** Before the faults, once the processes are warm, and between them: what the times above are to be held against. */
    readonly calm: { readonly read: Percentiles; readonly write: Percentiles }
  }
  readonly moved: Moved
  /** Longest time from the loss of a disk until the fleet had all copies again; null: none was lost. */
  readonly rebuiltMs: number | null
  /** The longest gaps, each with the calls of its client. */
  readonly worst: readonly { readonly ms: number; readonly calls: readonly string[] }[]
  /** How busy the machine was: times say little when its load was far above its cores, or the clients stood still. */
  readonly machine: {
    readonly cores: number
    /** Mean of the last minute, at the end of the load. */
    readonly load: number
    /** Longest time in which the process of the clients stood still. */
    readonly stalledMs: number
  }
  readonly checked: { readonly addresses: number; readonly acknowledged: number; readonly surfaced: number }
  readonly replicasCompared: {
    readonly keys: number
    readonly behind: number
    readonly ahead: number
    readonly holes: number
    readonly rounds: number
  }
  /** Contexts that were looked for at every door by a word of theirs, and words that must not be found. */
  readonly searched: { readonly standing: number; readonly gone: number }
  readonly tookS: number
  readonly violations: readonly Violation[]
  /** Where the recorded history and the data are kept; null when they are not. */
  readonly keptIn: string | null
}

export function countOperations(calls: readonly Call[]): Report['operations'] {
  const none = (): OperationCounts => ({ served: 0, refused: 0, unknown: 0 })
  const counts = { put: none(), delete: none(), get: none(), history: none() }
  for (const call of calls) {
    const count = counts[call.ask.kind]
    if (isServed(call)) count.served += 1
    else if (call.outcome.kind === 'refused') count.refused += 1
    else count.unknown += 1
  }
  return counts
}

export function countRefusals(calls: readonly Call[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { outcome } of calls)
    if ('code' in outcome) counts[outcome.code] = (counts[outcome.code] ?? 0) + 1
  return counts
}

export function countFaults(faults: readonly FaultRecord[], gaps: readonly Gap[]): Report['faults'] {
  return Object.fromEntries(
    [...longestByKind(gaps, faults)].map(([kind, longest]) => [
      kind,
      {
        count: faults.filter(fault => fault.kind === kind).length,
        longestMs: Math.round(longest.longestMs),
        atMs: longest.atMs === null ? null : Math.round(longest.atMs),
        longestAloneMs: Math.round(longest.longestAloneMs),
      },
    ]),
  )
}

/** Of the time before the first fault: until then the processes are cold. */
const coldShare = 0.5

/** How long served calls took: before the first fault, from then on, while nothing but partitions moved, and in between. */
export function latencies(
  calls: readonly Call[],
  firstFaultMs: number,
  during: (call: Call) => 'moves' | 'faults' | 'nothing',
): Report['latency'] {
  const served = calls.filter(isServed)
  const byWhat = Map.groupBy(served, during)
  const of = (those: readonly Call[]) => {
    const isRead = ({ ask }: Call) => ask.kind === 'get' || ask.kind === 'history'
    return {
      read: percentilesOf(those.filter(isRead)),
      write: percentilesOf(those.filter(call => !isRead(call))),
    }
  }
  return {
    before: of(served.filter(call => call.calledMs < firstFaultMs)),
    during: of(served.filter(call => call.calledMs >= firstFaultMs)),
    moving: of(byWhat.get('moves') ?? []),
    calm: of((byWhat.get('nothing') ?? []).filter(call => call.calledMs >= firstFaultMs * coldShare)),
  }
}

function percentilesOf(calls: readonly Call[]): Percentiles {
  const ms = calls.map(call => call.returnedMs - call.calledMs).sort((a, b) => a - b)
  const at = (share: number) => Math.round((ms[Math.floor(share * (ms.length - 1))] ?? 0) * 10) / 10
  return { calls: ms.length, p50: at(0.5), p99: at(0.99), most: at(1) }
}

export const checkedCounts = ({ addresses, acknowledged, surfaced }: Checked): Report['checked'] => ({
  addresses,
  acknowledged,
  surfaced,
})

export const replicaCounts = (comparison: Comparison, rounds: number): Report['replicasCompared'] => ({
  keys: comparison.keys,
  behind: comparison.behind.length,
  ahead: comparison.ahead.length,
  holes: comparison.holes,
  rounds,
})
