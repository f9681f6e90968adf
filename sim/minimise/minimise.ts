import { runSeed, type SimOptions, type SimPlan, type SimResult } from '../scenario.ts'
import {
  fewerFaults,
  inHundredths,
  isOn,
  milderFaults,
  smallerNumbers,
  switchedOff,
  switchesOf,
} from './candidates.ts'

export type Bounds = {
  /** Worlds that may be run, at least 1. */
  readonly runsMax: number
  /** Real time after which no further world is begun. With it the outcome depends on the machine. */
  readonly msMax: number
  /** When its own seed lets no more go, a smaller world is tried in seeds 1 to this number too. */
  readonly otherSeedsMax: number
}

export const defaultBounds: Bounds = { runsMax: 800, msMax: 120_000, otherSeedsMax: 12 }

/** A world that breaks, ready to be run again. */
export type Broken = Pick<SimResult, 'seed' | 'plan' | 'mixedWith'>

export type Minimised = {
  /** What breaks before and after. */
  readonly invariant: SimResult['violations'][number]['invariant']
  readonly before: Broken
  readonly after: Broken
  /** What is gone or less, in words; empty when nothing could go. */
  readonly dropped: readonly string[]
  readonly runs: number
  /** `smallest`: nothing that was tried is left to drop; else the bound that was met. */
  readonly ended: 'smallest' | 'runs' | 'time'
  /** Of `after`, with its story. */
  readonly result: SimResult
}

/** What a minimiser is given to work with; tests have their own. */
export type Tools = {
  readonly run: (seed: number, options: SimOptions) => SimResult
  readonly nowMs: () => number
}

const ownTools: Tools = { run: runSeed, nowMs: () => performance.now() }

/**
 * Looks for a smaller world that breaks the same invariant: less switched on, fewer operations, kinds of faults,
 * keys, callers and peers, and faults that hit less hard. Greedy, in a fixed order, until a whole round finds nothing.
 *
 * @param options - of the run that broke; what they say of limits is kept.
 * @returns null when the seed holds.
 * Source of the idea: Zeller and Hildebrandt, Simplifying and Isolating Failure-Inducing Input, 2002.
 */
export function minimise(
  seed: number,
  options: SimOptions = {},
  bounds: Bounds = defaultBounds,
  tools: Tools = ownTools,
): Minimised | null {
  const first = tools.run(seed, { ...options, tellsStory: false })
  const violation = first.violations[0]
  if (violation === undefined) return null
  const search = new Search(options, violation.invariant, first, bounds, tools)
  search.shrink()
  const { after, before, runs, ended } = search
  const result = tools.run(after.seed, { ...options, ...after.plan, tellsStory: true })
  const dropped = droppedBetween(before, after)
  return { invariant: violation.invariant, before, after, dropped, runs, ended, result }
}

class Search {
  readonly before: Broken
  after: Broken
  runs = 1
  ended: Minimised['ended'] = 'smallest'
  private readonly options: SimOptions
  private readonly invariant: Minimised['invariant']
  private readonly bounds: Bounds
  private readonly tools: Tools
  private readonly untilMs: number
  /** Plans that held in every seed that was tried. */
  private readonly held = new Set<string>()
  private others: readonly number[] = []

  constructor(
    options: SimOptions,
    invariant: Minimised['invariant'],
    first: SimResult,
    bounds: Bounds,
    tools: Tools,
  ) {
    this.options = options
    this.invariant = invariant
    this.bounds = bounds
    this.tools = tools
    this.untilMs = tools.nowMs() + bounds.msMax
    this.before = { seed: first.seed, plan: first.plan }
    this.after = this.before
    // Operations that were never begun change nothing.
    this.tryPlan({ ...first.plan, operations: Math.max(1, first.operations) })
  }

  shrink(): void {
    this.shrinkOnce()
    // A smaller world is sooner run, so that seeds are tried when it is small.
    this.held.clear()
    this.others = Array.from({ length: this.bounds.otherSeedsMax }, (_, at) => at + 1)
    if (this.others.length > 0) this.shrinkOnce()
  }

  private shrinkOnce(): void {
    for (;;) {
      const round = this.after
      for (const candidates of [switchedOff, fewerFaults, smallerNumbers, milderFaults])
        this.exhaust(candidates)
      if (this.after === round || this.ended !== 'smallest') return
    }
  }

  /** Takes the first smaller plan that breaks, and begins again from it. */
  private exhaust(candidates: (plan: SimPlan) => Iterable<SimPlan>): void {
    for (;;) {
      const from = this.after
      for (const plan of candidates(from.plan)) {
        if (this.ended !== 'smallest') return
        if (this.tryPlan(plan)) break
      }
      if (this.after === from) return
    }
  }

  private tryPlan(plan: SimPlan): boolean {
    const print = JSON.stringify(plan)
    if (this.held.has(print)) return false
    for (const seed of new Set([this.after.seed, this.before.seed, ...this.others])) {
      if (this.isOver()) return false
      this.runs += 1
      const result = this.tools.run(seed, { ...this.options, ...plan, tellsStory: false })
      if (result.violations[0]?.invariant !== this.invariant) continue
      const operations = Math.max(1, Math.min(plan.operations, result.operations))
      this.after = { seed, plan: { ...plan, operations } }
      return true
    }
    this.held.add(print)
    return false
  }

  private isOver(): boolean {
    if (this.runs >= this.bounds.runsMax) this.ended = 'runs'
    else if (this.tools.nowMs() >= this.untilMs) this.ended = 'time'
    return this.ended !== 'smallest'
  }
}

function droppedBetween(before: Broken, after: Broken): string[] {
  const dropped: string[] = []
  const told = (name: string, was: number, is: number) => {
    const [from, to] = [inHundredths(was), inHundredths(is)]
    if (from !== to) dropped.push(`${name} ${from} -> ${to}`)
  }
  for (const name of ['operations', 'keys', 'clients', 'peers'] as const)
    told(name, before.plan[name], after.plan[name])
  for (const [kind, hard] of Object.entries(before.plan.faults)) {
    const left = (after.plan.faults as Readonly<Record<string, number>>)[kind]
    if (left === undefined) dropped.push(`fault ${kind}`)
    else told(`fault ${kind}`, hard, left)
  }
  for (const name of switchesOf(before.plan))
    if (isOn(before.plan, name) && !isOn(after.plan, name)) dropped.push(name)
  told('seed', before.seed, after.seed)
  return dropped
}
