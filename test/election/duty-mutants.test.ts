// Goal: the schedules notice every broken sentence of the duties; a checker that never failed proves nothing. Method:
// each mutant is an edit of a copy of the sources, loaded from there and played until a schedule complains.
import { dutyMutants } from './duty-mutants.ts'
import type { DutyProtocol } from './duty-protocol.ts'
import { playDuties } from './duty-schedule.ts'
import { noticeMutants } from './noticed.ts'

noticeMutants<DutyProtocol>(
  dutyMutants,
  ['election/duties.ts', 'election/fence.ts'],
  1_000,
  (seed, protocol) => {
    try {
      return playDuties(seed, protocol).violations
    } catch (failure) {
      // A broken sentence may trip an assertion of the machine itself.
      return [String(failure)]
    }
  },
)
