import { SlurpError } from '../../base/errors.ts'
import { type BrokenSeed, brokenListedMax, Totals } from './totals.ts'

/** Version of the file. */
export const reportFormat = 1

/** One run over many seeds, or several put together. */
export type DeepRun = {
  readonly totals: Totals
  /** Real time of all runs together, in seconds. */
  readonly seconds: number
  /** Fingerprints of the sources that were run (sources.ts). */
  readonly sources: readonly string[]
}

type Counts = Readonly<Record<string, number>>

/** What a run did, for machines. */
export type Report = {
  readonly format: typeof reportFormat
  readonly sources: readonly string[]
  readonly spans: readonly (readonly [first: number, last: number])[]
  readonly seconds: number
  readonly seeds: number
  readonly operations: number
  /** Writes whose outcome was never told. */
  readonly unknown: number
  readonly events: number
  readonly frames: number
  /** Different things that happened, by the fingerprint of all frames and their times. */
  readonly schedules: number
  /** By kind: seeds in which it was on, and how often it struck. */
  readonly faults: Readonly<Record<string, { readonly seeds: number; readonly struck: number }>>
  /** What else was counted. */
  readonly counted: Counts
  /** Seeds by members of the fleet, by kind of scenario, and by how many kinds of faults were on. */
  readonly peers: Counts
  readonly scenarios: Counts
  readonly faultsOn: Counts
  readonly brokenSeeds: number
  readonly broken: readonly BrokenSeed[]
}

export function reportOf({ totals, seconds, sources }: DeepRun): Report {
  const kinds = [...totals.drawn.keys()]
  const { seeds, operations, unknown, steps, brokenSeeds, broken } = totals
  return {
    format: reportFormat,
    sources,
    spans: totals.spans.list,
    seconds: Math.round(seconds * 10) / 10,
    seeds,
    operations,
    unknown,
    events: steps,
    frames: totals.counts.get('sent') ?? 0,
    schedules: totals.schedules.size,
    faults: Object.fromEntries(
      kinds.map(kind => [kind, { seeds: totals.drawn.get(kind)!, struck: totals.counts.get(kind) ?? 0 }]),
    ),
    counted: Object.fromEntries([...totals.counts].filter(([name]) => !totals.drawn.has(name))),
    peers: sorted(totals.bySize),
    scenarios: Object.fromEntries(totals.byScenario),
    faultsOn: sorted(totals.byFaults),
    brokenSeeds,
    broken,
  }
}

const sorted = (counts: ReadonlyMap<number, number>): Counts =>
  Object.fromEntries([...counts].sort(([a], [b]) => a - b))

/** @throws SlurpError USAGE when two of them ran the same seed. */
export function mergeRuns(runs: readonly DeepRun[]): DeepRun {
  const totals = new Totals()
  for (const run of runs) {
    const twice = totals.merge(run.totals)
    if (twice === null) continue
    throw new SlurpError('USAGE', `Seed ${twice} is in two of the reports, and would count twice.`, {
      hint: 'Start each run with a --from of its own, and name each report once.',
    })
  }
  return {
    totals,
    seconds: runs.reduce((sum, run) => sum + run.seconds, 0),
    sources: [...new Set(runs.flatMap(run => run.sources))].sort(),
  }
}

/** A run as a file that can be merged: the report, and the fingerprints of its schedules, 8 bytes each, in base64. */
export function encodeRun(run: DeepRun): string {
  const prints = Buffer.from([...run.totals.schedules].sort().join(''), 'hex').toString('base64')
  return `${JSON.stringify({ ...reportOf(run), prints })}\n`
}

/**
 * @param name - of the file, for the message.
 * @throws SlurpError JSON_INVALID or FORMAT_UNKNOWN.
 */
export function decodeRun(text: string, name: string): DeepRun {
  const input = new Input(name)
  const report = input.object(input.parse(text))
  if (typeof report.format === 'number' && report.format > reportFormat)
    throw new SlurpError('FORMAT_UNKNOWN', `${name} was written by a newer simulator.`)
  const totals = new Totals()
  for (const span of input.list(report.spans)) {
    const [first, last] = input.list(span).map(seed => input.count(seed))
    totals.spans.addSpan(first ?? input.fail(), last ?? input.fail())
  }
  totals.seeds = input.count(report.seeds)
  totals.operations = input.count(report.operations)
  totals.unknown = input.count(report.unknown)
  totals.steps = input.count(report.events)
  totals.brokenSeeds = input.count(report.brokenSeeds)
  for (const [kind, entry] of Object.entries(input.object(report.faults))) {
    const { seeds, struck } = input.object(entry)
    totals.drawn.set(kind, input.count(seeds))
    if (input.count(struck) > 0) totals.counts.set(kind, input.count(struck))
  }
  for (const [counted, count] of input.counts(report.counted)) totals.counts.set(counted, count)
  for (const [peers, seeds] of input.counts(report.peers)) totals.bySize.set(Number(peers), seeds)
  for (const [kind, seeds] of input.counts(report.scenarios)) totals.byScenario.set(kind, seeds)
  for (const [kinds, seeds] of input.counts(report.faultsOn)) totals.byFaults.set(Number(kinds), seeds)
  for (const entry of input.list(report.broken).slice(0, brokenListedMax)) {
    const { seed, invariant, what } = input.object(entry)
    const known = typeof invariant === 'number' ? invariant : input.text(invariant)
    totals.broken.push({ seed: input.count(seed), invariant: known, what: input.text(what) })
  }
  const prints = Buffer.from(input.text(report.prints), 'base64').toString('hex')
  for (const print of prints.match(/.{16}/g) ?? []) totals.schedules.add(print)
  const seconds = typeof report.seconds === 'number' && report.seconds >= 0 ? report.seconds : input.fail()
  return { totals, seconds, sources: input.list(report.sources).map(source => input.text(source)) }
}

/** What a report file may hold. */
class Input {
  private readonly name: string

  constructor(name: string) {
    this.name = name
  }

  fail(cause?: unknown): never {
    throw new SlurpError('JSON_INVALID', `${this.name} is no report of a deep run.`, {
      hint: '`npm run sim:deep -- --minutes M --report FILE` writes one.',
      cause,
    })
  }

  parse(text: string): unknown {
    try {
      return JSON.parse(text)
    } catch (cause) {
      return this.fail(cause)
    }
  }

  object(value: unknown): Record<string, unknown> {
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
    return isObject ? (value as Record<string, unknown>) : this.fail()
  }

  list(value: unknown): readonly unknown[] {
    return Array.isArray(value) ? value : this.fail()
  }

  text(value: unknown): string {
    return typeof value === 'string' ? value : this.fail()
  }

  count(value: unknown): number {
    return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : this.fail()
  }

  counts(value: unknown): [string, number][] {
    return Object.entries(this.object(value)).map(([name, count]) => [name, this.count(count)])
  }
}
