import type { FaultKind } from './fault.ts'
import { drain, join, replace, wipe } from './membership.ts'
import { cut, isolation, oneWayCut, slowLinks, split } from './network.ts'
import { clockJump, kill, pause, powerCut } from './processes.ts'

/** Every kind of fault that a run may draw. */
export const faultKinds: readonly FaultKind[] = [
  kill,
  powerCut,
  pause,
  clockJump,
  cut,
  oneWayCut,
  isolation,
  split,
  slowLinks,
  join,
  drain,
  wipe,
  replace,
]
