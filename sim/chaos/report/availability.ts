import type { FaultRecord } from '../faults/storm.ts'
import { type Call, isServed } from '../history/call.ts'

/** A time in which one client wanted to be served and was not; `ms` of it count. */
export type Gap = {
  readonly worker: string
  readonly fromMs: number
  readonly toMs: number
  readonly ms: number
}

/** A gap counts for the faults that were there during it, or were over for no longer than this when it began. */
const aftermathMs = 3_000

/**
 * The gaps of all clients. A gap starts with the first call after an answer and ends with the next answer: thinking
 * is no part of it. Out of it is taken every call for whose key no quorum of owners was up all the time, with the
 * pause until the next try.
 *
 * @param calls - of the load, in any order.
 * @param hadQuorum - whether the owners of what was asked for could have served this call.
 */
export function gapsOf(calls: readonly Call[], hadQuorum: (call: Call) => boolean): Gap[] {
  return [...Map.groupBy(calls, call => call.worker)].flatMap(([worker, list]) => {
    const gaps: Gap[] = []
    let fromMs: number | null = null
    let excusedMs = 0
    const end = (toMs: number) => {
      if (fromMs !== null) gaps.push({ worker, fromMs, toMs, ms: toMs - fromMs - excusedMs })
      fromMs = null
      excusedMs = 0
    }
    const inOrder = list.toSorted((a, b) => a.calledAt - b.calledAt)
    for (const [at, call] of inOrder.entries()) {
      fromMs ??= call.calledMs
      const next = isServed(call) ? undefined : inOrder[at + 1]
      if (!hadQuorum(call)) excusedMs += (next?.calledMs ?? call.returnedMs) - call.calledMs
      if (isServed(call) || next === undefined) end(call.returnedMs)
    }
    return gaps
  })
}

/** Whether a fault was there, or just over, at some time from `fromMs` to `toMs`. */
export const isNear = ({ startMs, endMs }: FaultRecord, fromMs: number, toMs: number): boolean =>
  startMs <= toMs && endMs + aftermathMs >= fromMs

/** The longest time from the loss of a disk until all that it held was somewhere else; null when none was lost. */
export function longestRebuild(faults: readonly FaultRecord[]): number | null {
  const took = faults
    .filter(({ kind }) => kind === 'wipe' || kind === 'replace')
    .map(({ startMs, endMs }) => Math.round(endMs - startMs))
  return took.length === 0 ? null : Math.max(...took)
}

export type Longest = {
  /** Whatever else went on at the same time. */
  readonly longestMs: number
  readonly atMs: number | null
  /** While this was the only kind of fault. */
  readonly longestAloneMs: number
}

const noGap: Longest = { longestMs: 0, atMs: null, longestAloneMs: 0 }

/** The longest gap of each kind of fault; `none`: while nothing was wrong. */
export function longestByKind(gaps: readonly Gap[], faults: readonly FaultRecord[]): Map<string, Longest> {
  const longest = new Map(faults.map(({ kind }) => [kind, noGap]))
  for (const { fromMs, toMs, ms } of gaps) {
    const met = faults.filter(fault => isNear(fault, fromMs, toMs))
    const kinds = met.length === 0 ? ['none'] : [...new Set(met.map(fault => fault.kind))]
    for (const kind of kinds) {
      const before = longest.get(kind) ?? noGap
      const alone = kinds.length === 1 ? Math.max(before.longestAloneMs, ms) : before.longestAloneMs
      const isLonger = ms > before.longestMs
      longest.set(kind, {
        longestMs: isLonger ? ms : before.longestMs,
        atMs: isLonger ? fromMs : before.atMs,
        longestAloneMs: alone,
      })
    }
  }
  return longest
}
