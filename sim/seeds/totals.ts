import { type FaultKind, faultKinds } from '../faults.ts'
import { commandOf, commandOfMixed } from '../minimise/words.ts'
import type { SimResult } from '../scenario.ts'
import { SeedSpans } from './spans.ts'

/** Broken seeds that are listed one by one, at most; all are counted. */
export const brokenListedMax = 200
/** Fingerprints of schedules that are kept apart, at most. */
export const schedulesMax = 8_000_000

export type BrokenSeed = {
  readonly seed: number
  readonly invariant: number | string
  readonly what: string
}

/** Sums over many seeds. */
export class Totals {
  readonly spans = new SeedSpans()
  seeds = 0
  operations = 0
  /** Writes whose outcome was never told. */
  unknown = 0
  steps = 0
  readonly counts = new Map<string, number>()
  /** In how many seeds each kind of fault was switched on. */
  readonly drawn = new Map<string, number>(faultKinds.map(kind => [kind, 0]))
  readonly bySize = new Map<number, number>()
  readonly byScenario = new Map<string, number>()
  /** By how many kinds of faults were on. */
  readonly byFaults = new Map<number, number>()
  /** Distinct fingerprints of what happened. */
  readonly schedules = new Set<string>()
  brokenSeeds = 0
  readonly broken: BrokenSeed[] = []

  add(result: SimResult): void {
    this.spans.add(result.seed)
    this.seeds += 1
    this.operations += result.operations
    this.unknown += result.unknown
    this.steps += result.steps
    for (const kind of result.drawn) raise(this.drawn, kind, 1)
    for (const [name, count] of Object.entries(result.faults)) raise(this.counts, name, count)
    raise(this.bySize, result.peers, 1)
    raise(this.byScenario, result.scenario, 1)
    raise(this.byFaults, result.drawn.length, 1)
    if (this.schedules.size < schedulesMax) this.schedules.add(result.traceHash)
    const [violation] = result.violations
    if (violation === undefined) return
    this.brokenSeeds += 1
    const { invariant, what } = violation
    if (this.broken.length < brokenListedMax) this.broken.push({ seed: result.seed, invariant, what })
  }

  /** Adds what others have counted. @returns the first seed that both ran, and then nothing is added; else null. */
  merge(other: Totals): number | null {
    const twice = this.spans.firstShared(other.spans)
    if (twice !== null) return twice
    for (const [first, last] of other.spans.list) this.spans.addSpan(first, last)
    this.seeds += other.seeds
    this.operations += other.operations
    this.unknown += other.unknown
    this.steps += other.steps
    this.brokenSeeds += other.brokenSeeds
    for (const name of ['counts', 'drawn', 'byScenario'] as const)
      for (const [key, count] of other[name]) raise(this[name], key, count)
    for (const name of ['bySize', 'byFaults'] as const)
      for (const [key, count] of other[name]) raise(this[name], key, count)
    for (const print of other.schedules) if (this.schedules.size < schedulesMax) this.schedules.add(print)
    this.broken.push(...other.broken.slice(0, brokenListedMax - this.broken.length))
    return null
  }

  /** Kinds that were switched on in no seed, or never struck. */
  missing(): FaultKind[] {
    return faultKinds.filter(kind => this.drawn.get(kind) === 0 || (this.counts.get(kind) ?? 0) === 0)
  }

  words(): string[] {
    const faults = faultKinds.map(kind => `${kind} ${this.counts.get(kind) ?? 0}`)
    const others = [...this.counts].filter(([name]) => !(faultKinds as readonly string[]).includes(name))
    const sizes = [...this.bySize].sort(([a], [b]) => a - b).map(([peers, seeds]) => `${seeds} with ${peers}`)
    return [
      `${this.seeds} seeds: ${sizes.join(', ')} peers; ${this.operations} operations, ${this.unknown} of unknown outcome, ${this.steps} events`,
      `faults that struck: ${faults.join(', ')}`,
      `counted: ${others.map(([name, count]) => `${name} ${count}`).join(', ')}`,
    ]
  }
}

function raise<Key>(counts: Map<Key, number>, key: Key, by: number): void {
  counts.set(key, (counts.get(key) ?? 0) + by)
}

/** What somebody needs who was not there: seed, what broke, the story, and how to see it again. */
export function brokenWords(result: SimResult): string {
  return [
    `seed ${result.seed} broke`,
    ...result.violations.map(
      ({ invariant, what, atMs }) => `  invariant ${invariant} at ${atMs} ms: ${what}`,
    ),
    ...result.story.map(line => `  ${line}`),
    ...(result.mixedWith === undefined
      ? [`again: ${commandOf(result.seed, {})}`, `smaller: ${commandOf(result.seed, {})} --minimise`]
      : [`again: ${commandOfMixed(result.seed, result.mixedWith)}`]),
  ].join('\n')
}
