import { type FaultKind, faultKinds } from '../faults.ts'
import type { SimResult } from '../scenario.ts'

/** Sums over many seeds. */
export class Totals {
  seeds = 0
  operations = 0
  /** Writes whose outcome was never told. */
  unknown = 0
  steps = 0
  readonly counts = new Map<string, number>()
  /** In how many seeds each kind of fault was switched on. */
  readonly drawn = new Map<FaultKind, number>(faultKinds.map(kind => [kind, 0]))
  readonly bySize = new Map<number, number>()

  add(result: SimResult): void {
    this.seeds += 1
    this.operations += result.operations
    this.unknown += result.unknown
    this.steps += result.steps
    for (const kind of result.drawn) this.drawn.set(kind, this.drawn.get(kind)! + 1)
    for (const [name, count] of Object.entries(result.faults)) {
      this.counts.set(name, (this.counts.get(name) ?? 0) + count)
    }
    this.bySize.set(result.peers, (this.bySize.get(result.peers) ?? 0) + 1)
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

/** What somebody needs who was not there: seed, what broke, the story, and how to see it again. */
export function brokenWords(result: SimResult): string {
  return [
    `seed ${result.seed} broke`,
    ...result.violations.map(
      ({ invariant, what, atMs }) => `  invariant ${invariant} at ${atMs} ms: ${what}`,
    ),
    ...result.story.map(line => `  ${line}`),
    `again: npm run -s slurp -- sim run --seed ${result.seed}`,
  ].join('\n')
}
