import { onceUnusual } from '../explore/usual.ts'
import { runSeed } from '../scenario.ts'
import { directedSchedules } from './directed.ts'
import { dutySchedules } from './directed-duties.ts'
import { moveSchedules } from './directed-moves.ts'
import type { Orders, Prey } from './hunt.ts'

const schedules: Readonly<Record<string, () => string | null>> = {
  ...directedSchedules,
  ...moveSchedules,
  ...dutySchedules,
  onceUnusual,
}

/** Main of the process that a hunt starts inside a copy of the sources. */
function search({ directed, seedsMax, world }: Orders): Prey {
  if (directed !== null) return { caught: schedules[directed]!(), seeds: 0 }
  for (let seed = 1; seed <= seedsMax; seed++) {
    const [violation] = runSeed(seed, { operations: 150, ...world, tellsStory: false }).violations
    if (violation !== undefined) return { caught: `${violation.invariant}: ${violation.what}`, seeds: seed }
  }
  return { caught: null, seeds: seedsMax }
}

process.stdout.write(JSON.stringify(search(JSON.parse(process.argv[2]!) as Orders)))
