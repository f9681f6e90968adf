// Goal: the schedules notice every broken sentence of rule 11; a checker that never failed proves nothing. Method: each
// mutant is an edit of a copy of the sources, loaded from there and played until a schedule complains.
import { leaseMutants } from './mutants.ts'
import { noticeMutants } from './noticed.ts'
import type { Protocol } from './protocol.ts'
import { playSchedule } from './schedule.ts'

noticeMutants<Protocol>(
  leaseMutants,
  ['election/lease.ts', 'election/fence.ts'],
  2_000,
  (seed, protocol) => playSchedule(seed, protocol).violations,
)
