import { runSeed } from '../scenario.ts'
import { directedSchedules } from './directed.ts'
import type { Prey } from './hunt.ts'

/** Main of the process that a hunt starts inside a copy of the sources: the name of a directed schedule, or a number of seeds. */
function search(argument: string): Prey {
  const directed = directedSchedules[argument]
  if (directed !== undefined) return { caught: directed(), seeds: 0 }
  const seedsMax = Number(argument)
  for (let seed = 1; seed <= seedsMax; seed++) {
    const [violation] = runSeed(seed, { tellsStory: false }).violations
    if (violation !== undefined) return { caught: `${violation.invariant}: ${violation.what}`, seeds: seed }
  }
  return { caught: null, seeds: seedsMax }
}

process.stdout.write(JSON.stringify(search(process.argv[2] ?? '')))
