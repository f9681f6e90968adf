// Goal: the stories notice every broken sentence of suspicion; a checker that never failed proves nothing. Method: each
// mutant is an edit of a copy of the sources, loaded from there and played until its story comes out wrong.
import type { HealthProtocol } from './health-fleet.ts'
import { healthMutants } from './health-mutants.ts'
import { scenarios } from './health-scenarios.ts'
import { noticeMutants } from './noticed.ts'

for (const [story, mutant] of healthMutants) {
  noticeMutants<HealthProtocol>([mutant], ['election/health.ts'], 20, (seed, protocol) =>
    scenarios[story]!(protocol, seed),
  )
}
